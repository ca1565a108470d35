// YCSB's mixes on one kind of shard with one size of value.
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import { COLLECTION } from "#test/conformance/odgm/members.ts";

import type { LoadResult, Loop, OperationSource } from "./load.ts";
import { runLoad } from "./load.ts";
import type { MixName } from "./mixes.ts";
import { Operations } from "./mixes.ts";
import { RecordClient, RecordRequests } from "./records.ts";
import type { Reporter } from "./report.ts";
import { exactly } from "./report.ts";
import type { ShardType } from "./subject.ts";
import { GridSubject } from "./subject.ts";

/** One subject and what is run on it. */
export interface YcsbOptions {
  readonly main: string;
  readonly shard: ShardType;
  readonly replicas: number;
  readonly valueBytes: number;
  readonly mixes: readonly MixName[];
  readonly records: number;
  readonly seconds: number;
  readonly loop: Loop;
}

/** Operations in flight while records are loaded. */
const LOAD_CONCURRENCY = 128;
/** Unmeasured at first, so that the compiler has seen the paths of the mix. */
const WARM_UP_SECONDS = 1;

/** Loads the records, then runs the mixes one after the other; those that insert come last. */
export async function ycsb(options: YcsbOptions, reporter: Reporter): Promise<void> {
  const subject = await GridSubject.start(options.main, options.shard, options.replicas);
  const requests = new RecordRequests(COLLECTION, valueOf(options.valueBytes));
  const client = new RecordClient(await subject.addresses(), requests);
  await load(client, options.records);
  let records = options.records;
  const inserting: readonly MixName[] = ["D", "E"];
  const mixes = options.mixes.toSorted(
    (a, b) => Number(inserting.includes(a)) - Number(inserting.includes(b)),
  );
  for (const mix of mixes) {
    // Another generator goes on where this one ended: what it began is there by then.
    const operations = new Operations(mix, { records, draw: seededRng(records).next });
    const { loop, seconds } = options;
    await runLoad({ source: operations, execute: client.execute, loop, seconds: WARM_UP_SECONDS });
    const before = subject.cpuSeconds();
    const result = await runLoad({ source: operations, execute: client.execute, loop, seconds });
    const cpuSeconds = subject.cpuSeconds() - before;
    records = operations.known;
    tell(reporter, { ...options, mix, cpuSeconds }, result);
  }
  client.close();
  await subject.end();
}

/** Writes so many records, numbered from 0; throws if one is not acknowledged. */
export async function load(
  client: RecordClient,
  records: number,
  concurrency = LOAD_CONCURRENCY,
): Promise<LoadResult> {
  let next = 0;
  const source: OperationSource = {
    next: () => ({ kind: "insert", record: next++, length: 0 }),
    inserted: () => undefined,
  };
  const loop = { kind: "closed", concurrency } as const;
  const result = await runLoad({ source, execute: client.execute, loop, operationsMax: records });
  if (result.operations === records) return result;
  throw new Error(`${result.operations} of ${records} records loaded: ${failuresText(result)}`);
}

/** A value without pattern, the same in every run. */
export function valueOf(bytes: number): Uint8Array {
  return seededRng(bytes).bytes(bytes);
}

/** Failures by reason, for people. */
export function failuresText({ failures }: LoadResult): string {
  return [...failures].map(([reason, count]) => `${count} ${reason}`).join(", ");
}

function tell(
  reporter: Reporter,
  run: YcsbOptions & { readonly mix: MixName; readonly cpuSeconds: number },
  result: LoadResult,
): void {
  const { mix, shard, replicas, valueBytes, records, loop, cpuSeconds } = run;
  const of = {
    ...{ mix, shard, replicas, valueBytes, records },
    loop: loop.kind === "closed" ? `closed, ${loop.concurrency}` : `open, ${loop.perSecond}/s`,
  };
  const { operations, seconds, latency, failures, missing } = result;
  const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
  const figures = [
    ["operations", operations / seconds, "1/s"],
    ["p50", latency.percentile(0.5), "ms"],
    ["p99", latency.percentile(0.99), "ms"],
    ["per-cpu-second", operations / cpuSeconds, "1/s"],
  ] as const;
  for (const [bench, value, unit] of figures) {
    reporter.tell({ bench: `ycsb.${bench}`, of, value, unit });
  }
  reporter.tell({ bench: "ycsb.failed", of, value: failed, unit: "1", target: exactly(0) });
  if (failed > 0) process.stderr.write(`bench: ${failuresText(result)}\n`);
  // A replica of an Mst shard may not have yet what another has acknowledged.
  const target = shard === "Mst" && replicas > 1 ? undefined : exactly(0);
  reporter.tell({ bench: "ycsb.missing", of, value: missing, unit: "1", target });
}
