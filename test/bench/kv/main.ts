// The store's engine beside LMDB alone, in the same run and on the same disk: rounds of both take
// turns, ratios are medians of the pairs. One JSON line per figure.
//   npm run bench -- kv [--seconds 2] [--pairs 3] [--objects 1000000] [--dir FOLDER]
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";

import type { KvEngine, Store, StoreWrite } from "#workloads/core/store/index.ts";
import { openLmdbStore, openLogStore } from "#workloads/platform/kv/index.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    pairs: { type: "string", default: "3" },
    objects: { type: "string", default: "1000000" },
    dir: { type: "string", default: tmpdir() },
    reopen: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const SECONDS = Number(values.seconds);
const PAIRS = Number(values.pairs);
const OBJECTS = Number(values.objects);
const VALUE_BYTES = 100;
const KEYS = 200_000;

interface Figure {
  readonly bench: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  readonly target?: number;
  readonly ok?: boolean;
}

function tell(figure: Figure): void {
  console.log(JSON.stringify(figure));
}

function scratch(): string {
  return mkdtempSync(join(values.dir, "bench-kv-"));
}

async function openLog(folder: string): Promise<KvEngine> {
  const opened = await openLogStore({ folder });
  if (opened.kind === "damaged") throw new Error(opened.message);
  return opened.engine;
}

function keyOf(n: number): Uint8Array {
  return Buffer.from(`\u0000\u0000\u0000\u0001object-${String(n).padStart(8, "0")}\u0000\u0000`);
}

/** Keys in an order without pattern, the same for everybody. */
function* scattered(): Generator<Uint8Array> {
  for (let n = 0; ; n += 1) yield keyOf((n * 7_919) % KEYS);
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Durable writes per second, one commit of `batch` writes after the other. */
async function writesPerSecond(store: Store, batch: number): Promise<number> {
  const keys = scattered();
  const value = new Uint8Array(VALUE_BYTES).fill(7);
  const startedMs = performance.now();
  let writes = 0;
  while (performance.now() - startedMs < SECONDS * 1000) {
    const commit: StoreWrite[] = [];
    for (let at = 0; at < batch; at += 1) {
      commit.push({ key: keys.next().value as Uint8Array, value, index: writes + at });
    }
    await store.commit(commit);
    writes += batch;
  }
  return (writes * 1000) / (performance.now() - startedMs);
}

async function benchWrites(batch: number, target: number): Promise<void> {
  const [logDir, lmdbDir] = [scratch(), scratch()];
  const log = await openLog(logDir);
  const lmdb = openLmdbStore(join(lmdbDir, "store.mdb"));
  const found: { readonly log: number; readonly lmdb: number }[] = [];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    found.push({
      lmdb: await writesPerSecond(lmdb, batch),
      log: await writesPerSecond(log, batch),
    });
  }
  const ratio = median(found.map((pair) => pair.log / pair.lmdb));
  const name = `durable writes, batch ${batch}, ${VALUE_BYTES} B`;
  tell({
    bench: `${name}, LMDB alone`,
    value: median(found.map((each) => each.lmdb)),
    unit: "1/s",
  });
  const value = median(found.map((each) => each.log));
  tell({ bench: `${name}, log`, value, unit: "1/s", ratio, target, ok: ratio >= target });
  await log.close();
  await lmdb.close();
  for (const folder of [logDir, lmdbDir]) rmSync(folder, { recursive: true });
}

/** A million objects: loading, what checkpoints take of the loop meanwhile, and a restart. */
async function benchObjects(): Promise<void> {
  const folder = scratch();
  const first = await openLog(folder);
  const value = new Uint8Array(VALUE_BYTES).fill(7);
  const lag = monitorEventLoopDelay({ resolution: 1 });
  lag.enable();
  const startedMs = performance.now();
  for (let n = 0; n < OBJECTS; n += 64) {
    const count = Math.min(64, OBJECTS - n);
    const commit = Array.from({ length: count }, (_, at) => {
      return { key: keyOf(n + at), value, index: n + at };
    });
    await first.commit(commit);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  lag.disable();
  tell({
    bench: `load of ${OBJECTS} objects in order, batch 64`,
    value: OBJECTS / seconds,
    unit: "1/s",
  });
  const stepMs = first.stats().checkpointStepMsMax;
  tell({
    bench: "longest step of a checkpoint, CPU time",
    value: stepMs,
    unit: "ms",
    target: 20,
    ok: stepMs < 20,
  });
  tell({
    bench: "event loop lag while loading, p99.9",
    value: lag.percentile(99.9) / 1e6,
    unit: "ms",
  });
  tell({ bench: "event loop lag while loading, longest", value: lag.max / 1e6, unit: "ms" });
  const { logBytes } = first.stats();
  await first.close();
  tell({ bench: "log to replay", value: logBytes / 2 ** 20, unit: "MiB" });
  const fileMiB = statSync(join(folder, "store.mdb")).size / 2 ** 20;
  tell({ bench: "file at rest", value: fileMiB, unit: "MiB" });
  const again = [import.meta.filename, "--reopen", folder, "--objects", String(OBJECTS)];
  spawnSync(process.execPath, again, { stdio: "inherit" });
  rmSync(folder, { recursive: true });
}

/** Resident memory of this process: all of it, and without what is mapped from files. */
function resident(when: string): void {
  const status = readFileSync("/proc/self/status", "utf8");
  const mib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
  const own = mib("RssAnon");
  tell({ bench: `resident memory ${when}`, value: mib("VmRSS"), unit: "MiB" });
  tell({
    bench: `resident memory ${when}, its own`,
    value: own,
    unit: "MiB",
    target: 400,
    ok: own < 400,
  });
}

/** A process that finds the objects: how soon they can be read, and what a listing of all costs. */
async function benchReopen(folder: string): Promise<void> {
  const openedMs = performance.now();
  const store = await openLog(folder);
  const openMs = performance.now() - openedMs;
  tell({
    bench: `opening, ${OBJECTS} objects`,
    value: openMs,
    unit: "ms",
    target: 10_000,
    ok: openMs < 10_000,
  });
  resident("after opening");
  const cpuMs = (): number => process.cpuUsage().user / 1000;
  const listedMs = cpuMs();
  let count = 0;
  let start: Uint8Array = new Uint8Array(1);
  for (;;) {
    const page = [...store.scan({ start, end: new Uint8Array(4).fill(255) }, { limit: 1_000 })];
    count += page.length;
    const last = page.at(-1)?.key;
    if (last === undefined) break;
    start = Buffer.concat([last, new Uint8Array(1)]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (count !== OBJECTS) throw new Error(`${count} objects of ${OBJECTS}`);
  const perSecond = (count * 1000) / (cpuMs() - listedMs);
  tell({ bench: "listing by pages of 1,000", value: perSecond, unit: "1/CPU s" });
  const readMs = cpuMs();
  for (let n = 0; n < 200_000; n += 1) store.get(keyOf((n * 7_919) % OBJECTS));
  tell({ bench: "random reads", value: 2e8 / (cpuMs() - readMs), unit: "1/CPU s" });
  resident("after listing and reading");
  await store.close();
}

if (values.help) {
  console.error("npm run bench -- kv [--seconds 2] [--pairs 3] [--objects 1000000] [--dir FOLDER]");
} else if (values.reopen !== undefined) {
  await benchReopen(values.reopen);
} else {
  await benchWrites(1, 1);
  await benchWrites(64, 2);
  await benchWrites(512, 1);
  await benchObjects();
}
