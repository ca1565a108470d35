// Starts Node for the doors, as a process group: what a program starts itself ends with it.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { Signals } from "./signals.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** What is not gone so long after it was told to end is killed. */
const GRACE_MS = 10_000;
const LOOK_MS = 50;

/** How to run it. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Output is told in one piece at the end. */
  readonly isQuiet?: boolean;
  /** Ends it, and everything that it has started; absent: SIGINT, SIGTERM and SIGHUP do. */
  readonly ended?: AbortSignal;
}

/**
 * Runs Node in the repository root; resolves to its exit code, 128 and its number if a signal ended
 * it. When it was told to end, nothing of its process group is left then.
 */
export async function runNode(
  args: readonly string[],
  { env = {}, isQuiet = false, ended }: RunOptions = {},
): Promise<number> {
  const signals = ended === undefined ? new Signals() : undefined;
  const stop = ended ?? signals?.ended;
  if (stop?.aborted === true) return 128 + constants.signals.SIGTERM;
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    // No terminal: a group in the background must not read from one.
    stdio: isQuiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
    detached: true,
  });
  const said: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => said.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => said.push(chunk));
  let stopping: Promise<void> | undefined;
  const begin = (): void => void (stopping ??= stopGroup(child));
  stop?.addEventListener("abort", begin, { once: true });
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (exitCode, signal) => {
        resolve(exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal]));
      });
    });
    await stopping;
    return code;
  } finally {
    stop?.removeEventListener("abort", begin);
    signals?.close();
    if (isQuiet) process.stdout.write(Buffer.concat(said));
  }
}

async function stopGroup({ pid }: ChildProcess): Promise<void> {
  if (pid === undefined) return;
  const endMs = performance.now() + GRACE_MS;
  for (let isThere = tell(pid, "SIGTERM"); isThere; isThere = tell(pid, 0)) {
    if (performance.now() > endMs) {
      tell(pid, "SIGKILL");
      return;
    }
    await delay(LOOK_MS);
  }
}

/** False if nobody of the group is left. */
function tell(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw cause;
  }
}
