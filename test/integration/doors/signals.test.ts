// A signal ends a run of several steps, as that of `npm test`: whole, and with what it has started.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { join } from "node:path";

import { afterEach, expect, it } from "@jest/globals";

import { waitUntil } from "#test/support/wait.ts";

const PROGRAM = join(import.meta.dirname, "two-steps.ts");

let run: ChildProcess | undefined;

afterEach(() => {
  run?.kill("SIGTERM");
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause: unknown) {
    if ((cause as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw cause;
  }
}

it.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("%s ends all of it with code %d, and nothing is left", async (signal, code) => {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ["ignore", "pipe", "inherit"] });
  run = child;
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const pids = await waitUntil(
    () => {
      const found = /pids (\d+) (\d+)/.exec(said)?.slice(1).map(Number);
      return Promise.resolve(found);
    },
    { what: "the first step to run", deadlineMs: 30_000 },
  );
  expect(pids.map(isThere)).toEqual([true, true]);
  // As when a terminal tells everybody and whoever started us does so, too.
  child.kill(signal);
  child.kill(signal);
  expect(await ended).toBe(code);
  expect(said.split("\n").filter((line) => line.startsWith("step"))).toEqual([
    "step one",
    "step one ended with 143",
  ]);
  expect(pids.map(isThere)).toEqual([false, false]);
});
