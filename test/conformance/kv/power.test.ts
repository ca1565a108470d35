// Power loss under an engine whose log turns over and whose checkpoint is written all the time: the
// folder is rebuilt as of many moments, with what was not synced dropped, reordered and torn. What is
// found is what the first n batches leave, and n counts everything that was acknowledged by then.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "@jest/globals";

import type { Recording } from "#test/support/power/index.ts";
import { startRecording } from "#test/support/power/index.ts";

import { openLogStore } from "#workloads/platform/kv/index.ts";

import { clearFolders, EVERYTHING, scratch, text } from "./engines.ts";

const WRITER = join(import.meta.dirname, "power-writer.ts");
const ROUNDS = 240;
const IMAGES = 60;
const SEED = 20261122;
const recordings: Recording[] = [];

afterAll(async () => {
  for (const recording of recordings) await recording.discard();
  clearFolders();
});

/** Key -> batch that wrote it, after the first n batches. */
function stateAfter(count: number): ReadonlyMap<string, number> {
  const state = new Map<string, number>();
  for (let n = 1; n <= count; n += 1) {
    for (const half of ["x", "y"]) state.delete(`${half}${(n * 3) % 40}`);
    for (const pair of [n % 40, (n * 7) % 40, (n * 13) % 40]) {
      for (const half of ["x", "y"]) state.set(`${half}${pair}`, n);
    }
  }
  return state;
}

const STATES = Array.from({ length: ROUNDS + 1 }, (_, count) => shown(stateAfter(count)));

function shown(state: ReadonlyMap<string, number>): string {
  return [...state]
    .map(([key, n]) => `${key}:${n}`)
    .sort()
    .join();
}

interface Acked {
  readonly batch: number;
  readonly atMs: number;
}

async function record(stub?: readonly "fdatasync"[]): Promise<{
  readonly recording: Recording;
  readonly acked: readonly Acked[];
}> {
  const dataDir = scratch();
  // Made before: what is recorded begins with a store.
  spawnSync(process.execPath, [WRITER, dataDir, "0"], { stdio: "inherit" });
  const running = await startRecording({
    command: [process.execPath, WRITER, dataDir, String(ROUNDS)],
    dataDir,
    ignore: (path) => path === "store.mdb-lock",
    ...(stub === undefined ? {} : { stub }),
  });
  let out = "";
  let log = "";
  running.child.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
  await new Promise<void>((resolve, reject) => {
    running.child.once("close", () => reject(new Error(`the writer ended by itself:\n${log}`)));
    running.child.stdout?.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes("end")) resolve();
    });
  });
  process.kill(await running.pid(), "SIGKILL");
  const recording = await running.finish();
  recordings.push(recording);
  const acked = [...out.matchAll(/^(\d+) (\d+)$/gm)].map(([, batch, atMs]) => {
    return { batch: Number(batch), atMs: Number(atMs) };
  });
  return { recording, acked };
}

/** What is wrong with the store in this folder as of a moment; undefined: nothing. */
async function problemOf(
  folder: string,
  acked: readonly Acked[],
  cutAtMs: number,
): Promise<string | undefined> {
  const opened = await openLogStore({ folder });
  if (opened.kind === "damaged") return opened.message;
  const state = new Map<string, number>();
  for (const { key, index } of opened.engine.scan(EVERYTHING)) state.set(text(key) ?? "", index);
  await opened.engine.close();
  const least = Math.max(
    0,
    ...acked.filter(({ atMs }) => atMs <= cutAtMs).map((each) => each.batch),
  );
  const found = STATES.lastIndexOf(shown(state));
  return found >= least ? undefined : `state ${found} where ${least} was acknowledged`;
}

describe("power loss under an engine", () => {
  it("keeps a prefix of the batches with everything that was acknowledged", async () => {
    const { recording, acked } = await record();
    const names = recording.journal.names.filter(({ kind }) => kind === "unlink");
    expect(names.length).toBeGreaterThan(3); // Segments have been removed: checkpoints were made.
    const problems: string[] = [];
    for await (const image of recording.crashImages(SEED, IMAGES)) {
      const problem = await problemOf(image.folder, acked, image.cutAtMs);
      if (problem !== undefined) problems.push(`${image.name}: ${problem}`);
    }
    expect(problems).toEqual([]);
  });

  it("is noticed by this test when fdatasync does nothing", async () => {
    const { recording, acked } = await record(["fdatasync"]);
    let problems = 0;
    for await (const image of recording.crashImages(SEED, IMAGES)) {
      // In a process of its own: LMDB may abort on a file that the disk has lied about.
      const checker = join(import.meta.dirname, "power-checker.ts");
      const { status, stdout } = spawnSync(process.execPath, [checker, image.folder]);
      const found = STATES.lastIndexOf(stdout.toString().trim());
      const least = Math.max(
        0,
        ...acked.filter(({ atMs }) => atMs <= image.cutAtMs).map((each) => each.batch),
      );
      if (status !== 0 || found < least) problems += 1;
      if (problems > 0) break;
    }
    expect(problems).toBeGreaterThan(0);
  });
});
