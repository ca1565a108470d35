// The real ost program as a process, over loopback, on a folder of its own.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ObjectId } from "#workloads/core/ost/index.ts";
import type { OstClient } from "#workloads/rawstor/index.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
/** The program as `npm run workload -- ost` runs it. */
export const OST_MAIN = join(ROOT, "workloads", "ost", "main.ts");

/** How the program ended, and all that it logged. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** A running program. */
export interface OstProcess {
  readonly pid: number;
  readonly port: number;
  /** Present if it was started with health. */
  readonly healthPort: number;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** What to start. */
export interface StartOptions {
  readonly dataDir: string;
  readonly args?: readonly string[];
  /** Absent: it may format. */
  readonly noFormat?: boolean;
  /** Command to put in front, for example strace. */
  readonly wrapper?: readonly string[];
}

const started = new Set<ChildProcess>();

function spawnOst(options: StartOptions): {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly lines: { text: string };
} {
  const { dataDir, args = [], noFormat = false, wrapper = [] } = options;
  const command = [...wrapper, process.execPath, OST_MAIN, "--data", dataDir];
  if (!noFormat) command.push("--format");
  command.push("--listen", "127.0.0.1:0", ...args);
  const [program = "", ...rest] = command;
  const child = spawn(program, rest, { stdio: ["ignore", "ignore", "pipe"] });
  started.add(child);
  const lines = { text: "" };
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    lines.text += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      started.delete(child);
      resolve({ code, signal, stderr: lines.text });
    });
  });
  return { child, ended, lines };
}

/** The program itself, also behind a wrapper: a killed strace lets go of it and it lives on. */
function signalProgram(child: ChildProcess, signal: NodeJS.Signals): void {
  const wrapper = child.spawnfile !== process.execPath;
  const inner = wrapper ? childrenOf(child.pid ?? 0) : [];
  if (inner.length === 0) child.kill(signal);
  for (const pid of inner) process.kill(pid, signal);
}

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, "utf8");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

/** Starts it and resolves when it serves; rejects with its log if it ends instead. */
export async function startOst(options: StartOptions): Promise<OstProcess> {
  const { child, ended, lines } = spawnOst(options);
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr?.on("data", () => {
      const match = /serving host=\S+ port=(\d+)/.exec(lines.text);
      if (match !== null) resolve(Number(match[1]));
    });
    void ended.then(({ code, stderr }) => {
      reject(new Error(`ost ended with ${String(code)}:\n${stderr}`));
    }, reject);
  });
  const health = /serving health port=(\d+)/.exec(lines.text);
  return {
    pid: child.pid ?? 0,
    port,
    healthPort: Number(health?.[1] ?? 0),
    kill: (signal) => {
      signalProgram(child, signal);
    },
    ended,
  };
}

/** Starts it where it is expected to end by itself. */
export function runOst(options: StartOptions): Promise<Ended> {
  return spawnOst(options).ended;
}

/** SIGTERM, and its end. */
export async function stopOst(ost: OstProcess): Promise<Ended> {
  ost.kill("SIGTERM");
  return ost.ended;
}

/** Folders of a test and processes that it left; call in afterEach. */
export class Scratch {
  readonly #folders: string[] = [];

  /** A new empty folder. */
  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), "ost-"));
    this.#folders.push(folder);
    return folder;
  }

  async clear(): Promise<void> {
    for (const child of started) {
      const closed = new Promise((resolve) => child.once("close", resolve));
      signalProgram(child, "SIGKILL");
      await closed;
    }
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  }
}

/** Everything that the target lists. */
export async function allIds(client: OstClient): Promise<readonly ObjectId[]> {
  const ids: ObjectId[] = [];
  for await (const id of client.listAll()) ids.push(id);
  return ids;
}
