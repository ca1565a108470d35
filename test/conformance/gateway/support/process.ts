// The real gateway program as a child process on loopback, as a user would start it.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ROOT = join(import.meta.dirname, "..", "..", "..", "..");

/** A program that has said that it serves. */
export interface Program {
  readonly pid: number;
  readonly fields: Readonly<Record<string, unknown>>;
  /** What it logged so far, one JSON line each. */
  readonly lines: readonly string[];
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
  /** SIGKILL. */
  kill(): Promise<void>;
  readonly exited: Promise<number>;
}

/**
 * Starts `workloads/<name>/main.ts`, or another build of it, and waits for the JSON log line with this
 * message. Throws with everything that was logged if the program ends before.
 */
export async function startProgram(
  name: string,
  args: readonly string[],
  message: string,
  env: Readonly<Record<string, string>> = {},
  main: string = join(ROOT, "workloads", name, "main.ts"),
): Promise<Program> {
  const child: ChildProcess = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env["PATH"] ?? "", NODE_NO_WARNINGS: "1", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: string[] = [];
  const exited = new Promise<number>((resolve) => {
    child.on("exit", (code) => resolve(code ?? -1));
  });
  const fields = await new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
    if (child.stderr === null) throw new Error("stderr is piped");
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      if (!line.startsWith("{")) return;
      const parsed = JSON.parse(line) as Record<string, unknown>;
      if (parsed["message"] === message) resolve(parsed);
    });
    void exited.then((code) =>
      reject(new Error(`${name} ended with ${code} before it served:\n${lines.join("\n")}`)),
    );
  });
  return {
    pid: child.pid ?? 0,
    fields,
    lines,
    exited,
    stop: () => {
      child.kill("SIGTERM");
      return exited;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** A gateway that serves on `url` (REST) and `address` (gRPC). */
export interface GatewayProgram extends Program {
  readonly port: number;
  readonly address: string;
  readonly url: string;
  readonly healthUrl: string;
}

/** Starts a gateway on free ports; `main`: another build of it than its sources. */
export async function startGatewayProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  main?: string,
): Promise<GatewayProgram> {
  const program = await startProgram(
    "gateway",
    ["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0", "--log-format", "json", ...args],
    "gateway serves",
    env,
    main,
  );
  const port = Number(program.fields["port"]);
  return {
    ...program,
    port,
    address: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    healthUrl: `http://127.0.0.1:${Number(program.fields["healthPort"])}`,
  };
}

/** A folder of its own for a test file; `remove` at the end. */
export async function makeFolder(): Promise<{
  readonly path: string;
  remove(): Promise<void>;
}> {
  const path = await mkdtemp(join(tmpdir(), "oaas-gateway-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
