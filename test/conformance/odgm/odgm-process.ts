// The real odgm program as a process, over loopback, on a folder of its own.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..", "..");
/** The program as `npm run workload -- odgm` runs it. */
export const ODGM_MAIN = join(ROOT, "workloads", "odgm", "main.ts");

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly log: string;
}

/** Ports by name, as the program says them. */
export interface Ports {
  readonly grpc: number;
  readonly link: number;
  readonly admin: number;
  readonly health: number;
}

/** A running program. */
export interface OdgmProcess {
  readonly child: ChildProcess;
  readonly ports: Ports;
  /** host:port of a port. */
  at(port: keyof Ports): string;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
  log(): string;
}

const started = new Set<ChildProcess>();
const folders: string[] = [];

/** A new empty folder, removed by {@link clearAll}. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "odgm-"));
  folders.push(folder);
  return folder;
}

/** Ends every process that was started and removes every folder. */
export async function clearAll(): Promise<void> {
  const ends = [...started].map(
    (child) => new Promise<void>((resolve) => child.once("close", () => resolve())),
  );
  for (const child of started) child.kill("SIGKILL");
  await Promise.all(ends);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** What {@link launch} runs. */
export interface LaunchOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Command to put in front, for example strace. */
  readonly wrapper?: readonly string[];
  /** Another build of the program than its sources. */
  readonly main?: string;
}

/** Starts it where it may end by itself. */
export function launch(options: LaunchOptions): {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly log: () => string;
} {
  const env = { PATH: process.env["PATH"] ?? "", LOG_FORMAT: "plain", ...options.env };
  const command = [...(options.wrapper ?? []), process.execPath, options.main ?? ODGM_MAIN];
  const [program = "", ...rest] = [...command, ...options.args];
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], env });
  started.add(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      started.delete(child);
      resolve({ code, signal, log: text });
    });
  });
  return { child, ended, log: () => text };
}

/** The ports in the program's log, once it serves. */
export function portsIn(log: string): Ports | undefined {
  const line = / serving role=.*$/m.exec(log)?.[0];
  if (line === undefined) return undefined;
  const port = (name: string): number => Number(new RegExp(`${name}=(\\d+)`).exec(line)?.[1] ?? 0);
  return { grpc: port("grpc"), link: port("link"), admin: port("admin"), health: port("health") };
}

/** Starts it and resolves when it serves; rejects with its log if it ends instead. */
export async function startOdgm(options: LaunchOptions): Promise<OdgmProcess> {
  const { child, ended, log } = launch(options);
  const ports = await new Promise<Ports>((resolve, reject) => {
    child.stderr?.on("data", () => {
      const found = portsIn(log());
      if (found !== undefined) resolve(found);
    });
    void ended.then(({ code }) => {
      reject(new Error(`odgm ended with ${String(code)}:\n${log()}`));
    }, reject);
  });
  return {
    child,
    ports,
    at: (port) => `127.0.0.1:${ports[port]}`,
    kill: (signal) => void child.kill(signal),
    ended,
    log,
  };
}

/** Ends it with SIGTERM and waits. */
export async function stopOdgm(odgm: OdgmProcess): Promise<Ended> {
  odgm.kill("SIGTERM");
  return odgm.ended;
}

/** One entry of ODGM_COLLECTION, with upstream's names. */
export interface CollectionJson {
  readonly name: string;
  readonly partition_count?: number;
  readonly [field: string]: unknown;
}

/** Arguments of a standalone program on free ports. */
export function standaloneArgs(
  dataDir: string,
  collections?: readonly CollectionJson[],
): readonly string[] {
  const args = ["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0", "--data", dataDir];
  if (collections === undefined) return args;
  const file = join(scratch(), "collections.json");
  writeFileSync(file, JSON.stringify(collections));
  return [...args, "--collections", file];
}

/** A standalone program that keeps these collections. */
export function startStandalone(
  collections: readonly CollectionJson[],
  options: { readonly dataDir?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<OdgmProcess> {
  const args = standaloneArgs(options.dataDir ?? scratch(), collections);
  return startOdgm({ args, ...(options.env === undefined ? {} : { env: options.env }) });
}
