// Many small objects in one collection: loading them, memory, starting again, listing all.
import { readFileSync } from "node:fs";

import { COLLECTION } from "#test/conformance/odgm/members.ts";

import { RecordClient, RecordRequests } from "./records.ts";
import type { Reporter } from "./report.ts";
import { below, exactly } from "./report.ts";
import type { ShardType } from "./subject.ts";
import { GridSubject } from "./subject.ts";
import { load, valueOf } from "./ycsb.ts";

/** Largest page of a listing. */
const PAGE = 1024;
const LOAD_CONCURRENCY = 256;
/** What the design promises is about so many objects. */
const JUDGED_AT = 1_000_000;

/** How many objects of which size, in which kind of shard. */
export interface MillionOptions {
  readonly main: string;
  readonly shard: ShardType;
  readonly objects: number;
  readonly valueBytes: number;
  readonly say: (line: string) => void;
}

/** One replica. Targets are judged at a million objects or more. */
export async function million(options: MillionOptions, reporter: Reporter): Promise<void> {
  const { shard, objects, valueBytes, say } = options;
  const of = { shard, objects, valueBytes };
  const isJudged = objects >= JUDGED_AT;
  const target = (limit: number, unit: string) => (isJudged ? below(limit, unit) : undefined);
  const requests = new RecordRequests(COLLECTION, valueOf(valueBytes));
  const subject = await GridSubject.start(options.main, shard, 1);
  const [member] = subject.members;
  if (member === undefined) throw new Error("one was started");
  const emptyMb = subject.memoryMb(member).now;
  const memory = async (when: string): Promise<void> => {
    const { now, peak } = subject.memoryMb(member);
    const heap = await heapOf(member.odgm.at("health"));
    const parts = { ...partsOf(member.odgm.child.pid ?? 0), ...heap };
    say(`memory ${when}: ${JSON.stringify({ now, peak, ...parts })}`);
    reporter.tell({
      bench: `million.memory-${when}`,
      of: { ...of, ...parts },
      value: now,
      unit: "MB",
      target: target(400, "MB"),
    });
  };

  const writer = new RecordClient(await subject.addresses(), requests);
  const cpuBefore = subject.cpuSeconds();
  const { seconds } = await load(writer, objects, LOAD_CONCURRENCY);
  const cpuSeconds = subject.cpuSeconds() - cpuBefore;
  writer.close();
  reporter.tell({ bench: "million.load", of, value: seconds, unit: "s" });
  reporter.tell({ bench: "million.load-cpu", of, value: cpuSeconds, unit: "s" });
  const perMillion = ((subject.memoryMb(member).now - emptyMb) * 1e6) / objects;
  reporter.tell({ bench: "million.memory-per-million", of, value: perMillion, unit: "MB" });
  await memory("after-load");

  await subject.stop(member);
  const startedMs = performance.now();
  await subject.restart(member);
  const servingMs = performance.now();
  await subject.whenReady();
  const reader = new RecordClient(await subject.addresses(), requests);
  await readOne(reader, objects - 1);
  const readyMs = performance.now();
  say(`process serves after ${Math.round(servingMs - startedMs)} ms`);
  const restart = (readyMs - startedMs) / 1000;
  const ready = { bench: "million.restart", of, value: restart, unit: "s" };
  reporter.tell({ ...ready, target: target(10, "s") });
  await memory("after-restart");

  const listedMs = performance.now();
  const listed = await listAll(reader);
  const listSeconds = (performance.now() - listedMs) / 1000;
  reporter.tell({ bench: "million.list", of, value: listSeconds, unit: "s" });
  const count = { bench: "million.listed", of, value: listed, unit: "1" };
  reporter.tell({ ...count, target: exactly(objects) });
  await memory("after-list");
  reader.close();
  await subject.end();
}

function readOne(client: RecordClient, record: number): Promise<void> {
  return new Promise((resolve, reject) => {
    client.read(record, (outcome) => {
      if (outcome.kind === "done") resolve();
      else reject(new Error(`record ${record}: ${JSON.stringify(outcome)}`));
    });
  });
}

/** How many ids there are, page by page, each behind the last of the page before. */
async function listAll(client: RecordClient): Promise<number> {
  let listed = 0;
  let after: string | undefined;
  for (;;) {
    const page = await client.list(after, PAGE);
    listed += page.length;
    const last = page.at(-1);
    if (page.length < PAGE || last === undefined) return listed;
    if (after !== undefined && last <= after) throw new Error(`${last} comes after ${after}`);
    after = last;
  }
}

/** Of the resident memory: the process's own, and pages of files (LMDB's map, programs), in MB. */
function partsOf(pid: number): { readonly ownMb: number; readonly fileMb: number } {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
    return Math.round((Number(kib) * 1024) / 1e6);
  };
  return { ownMb: field("RssAnon"), fileMb: field("RssFile") };
}

/** Of the process's own memory: JavaScript's heap, what of it is used, and buffers beside it. */
async function heapOf(health: string): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`http://${health}/metrics`)).text();
  const field = (name: string): number => {
    const bytes = new RegExp(`^nodejs_${name}_bytes(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1];
    return Math.round(Number(bytes) / 1e6);
  };
  return {
    heapMb: field("heap_size_total"),
    heapUsedMb: field("heap_size_used"),
    externalMb: field("external_memory"),
  };
}
