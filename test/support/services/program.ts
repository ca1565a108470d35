// A service as a child process: on loopback, in a folder of its own, gone when it is stopped.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { waitUntil } from "../wait.ts";
import { ServiceError, type RunningService, type ServiceName } from "./model.ts";
import { RECIPES, type ServiceRecipe } from "./recipes.ts";

const LOOPBACK = "127.0.0.1";
const READY_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 5_000;

/** Starts the program at `path` and returns when it is ready. Throws ServiceError with its log. */
export async function startProgram(
  name: ServiceName,
  path: string,
  config: string | undefined,
): Promise<RunningService> {
  const recipe = RECIPES[name];
  const folder = await mkdtemp(join(tmpdir(), `oaas-${name}-`));
  const configPath = join(folder, "config.yaml");
  await writeFile(configPath, config ?? recipe.config);
  const ports = await freePorts(recipe.portCount);
  const logPath = join(folder, "log");
  const log = openSync(logPath, "w");
  const args = recipe.programArguments({ host: LOOPBACK, ports, folder }, configPath);
  const child = spawn(path, args, { cwd: folder, stdio: ["ignore", log, log] });
  closeSync(log);
  const stop = stopper(child, folder);
  const port = ports[0] ?? 0;
  try {
    await waitUntil(() => isReady(child, recipe, port), {
      what: `${name} on port ${port}`,
      deadlineMs: READY_DEADLINE_MS,
    });
  } catch (cause) {
    const said = await readFile(logPath, "utf8");
    await stop();
    throw new ServiceError(`${name} did not become ready:\n${said.slice(-4000)}`, { cause });
  }
  if (hasEnded(child)) {
    const said = await readFile(logPath, "utf8");
    await stop();
    throw new ServiceError(`${name} ended at once:\n${said.slice(-4000)}`);
  }
  return { url: recipe.urlOf(LOOPBACK, port), stop };
}

/** Ends the process politely, then not, and removes its folder. Also when this process exits. */
function stopper(child: ChildProcess, folder: string): () => Promise<void> {
  const killAtExit = (): void => {
    child.kill("SIGKILL");
  };
  process.once("exit", killAtExit);
  const ended = hasEnded(child) ? Promise.resolve() : once(child, "exit");
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const timer = setTimeout(killAtExit, STOP_DEADLINE_MS);
    child.kill("SIGTERM");
    if (!hasEnded(child)) await ended;
    clearTimeout(timer);
    process.off("exit", killAtExit);
    await rm(folder, { recursive: true, force: true });
  };
  return () => (stopping ??= stop());
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

/** True when ready, and also when the process ended: then there is nothing to wait for. */
async function isReady(child: ChildProcess, recipe: ServiceRecipe, port: number): Promise<boolean> {
  if (hasEnded(child)) return true;
  if (recipe.readyPath === undefined) return accepts(port);
  const response = await fetch(`http://${LOOPBACK}:${port}${recipe.readyPath}`);
  await response.arrayBuffer();
  return response.ok;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, LOOPBACK);
  try {
    await once(socket, "connect");
    return true;
  } finally {
    socket.destroy();
  }
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, LOOPBACK);
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
