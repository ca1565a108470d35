// `npm run bench -- odgm`: what the object data grid does and what it costs. JSON lines on stdout,
// progress on stderr; docs/benchmarks/odgm.md tells how to read them. Exit code 1 if a target was
// missed. The load generator is this process; the subject's costs are counted without it.
import { parseArgs } from "node:util";

import { hostRunner } from "#hack/cluster/run-host.ts";
import { check } from "#hack/cluster/run.ts";
import { clearAll } from "#test/conformance/odgm/odgm-process.ts";

import type { BesideEtcdOptions } from "./beside-etcd.ts";
import { besideEtcd, failover } from "./beside-etcd.ts";
import { converge } from "./converge.ts";
import type { Loop } from "./load.ts";
import { million } from "./million.ts";
import type { MixName } from "./mixes.ts";
import { MIXES } from "./mixes.ts";
import { Reporter } from "./report.ts";
import type { ShardType } from "./subject.ts";
import { bundle, removeBundles } from "./subject.ts";
import { unary } from "./unary.ts";
import { ycsb } from "./ycsb.ts";

const USAGE = `npm run bench -- odgm [--part ycsb] ...

  --part NAMES        ycsb, unary, etcd, failover, converge, million (ycsb)
  --shard NAMES       Basic, Mst, Raft; a Basic shard has one replica (Basic,Mst,Raft)
  --size BYTES        of a value (100,1024,16384)
  --seconds N         per mix or round (2)
  --concurrency N     operations in flight, closed loop (64)
  --rate N            instead: operations begun per second, open loop
  --cpus LIST         this process and all that it starts run on these only, as taskset has it

  ycsb     --mix LETTERS (ABCDEF)  --replicas NUMBERS (1,3)  --records N (10000)
  unary    --pairs N (3): gRPC and REST by a native tool, direct and through the gateway
  etcd     --pairs N (3): Raft beside etcd, three members each; Go builds etcd and its client once
  failover --kills N (5): leaders killed, of both
  converge --objects NUMBERS (10000,100000,1000000): two Mst replicas, 0, 1 and 100 of them differ
  million  --objects N (1000000); sizes but the first are ignored, shard Basic unless named
`;

const { values } = parseArgs({
  options: {
    part: { type: "string", default: "ycsb" },
    mix: { type: "string", default: "ABCDEF" },
    shard: { type: "string" },
    size: { type: "string" },
    replicas: { type: "string", default: "1,3" },
    records: { type: "string", default: "10000" },
    pairs: { type: "string", default: "3" },
    kills: { type: "string", default: "5" },
    objects: { type: "string" },
    seconds: { type: "string", default: "2" },
    concurrency: { type: "string", default: "64" },
    rate: { type: "string" },
    cpus: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`);
const SHARDS: readonly ShardType[] = ["Basic", "Mst", "Raft"];
const MIX_NAMES = Object.keys(MIXES) as MixName[];

/** The items of a list, each one of `known`. Throws with the option's name. */
function oneOf<T extends string>(
  option: string,
  text: readonly string[],
  known: readonly T[],
): T[] {
  return text.map((item) => {
    const found = known.find((name) => name.toLowerCase() === item.toLowerCase());
    if (found === undefined) throw new Error(`--${option} ${item}: one of ${known.join(", ")}`);
    return found;
  });
}

function numbers(option: string, text: string): readonly number[] {
  return text.split(",").map((item) => {
    const value = Number(item);
    if (!Number.isFinite(value) || value <= 0) throw new Error(`--${option} ${item}: above 0`);
    return value;
  });
}

const number = (option: string, text: string): number => numbers(option, text)[0] ?? Number.NaN;

const sizes = numbers("size", values.size ?? "100,1024,16384");
const shards = oneOf("shard", (values.shard ?? SHARDS.join(",")).split(","), SHARDS);
const loop: Loop =
  values.rate === undefined
    ? { kind: "closed", concurrency: number("concurrency", values.concurrency) }
    : { kind: "open", perSecond: number("rate", values.rate) };
const seconds = number("seconds", values.seconds);

type Part = (reporter: Reporter) => Promise<void>;

const PARTS: Readonly<Record<string, Part>> = {
  async ycsb(reporter) {
    const main = await bundle("odgm");
    const mixes = oneOf("mix", [...values.mix], MIX_NAMES);
    const records = number("records", values.records);
    for (const shard of shards) {
      for (const replicas of numbers("replicas", values.replicas)) {
        if (shard === "Basic" && replicas > 1) continue;
        for (const valueBytes of sizes) {
          say(`ycsb on ${shard}, replicas ${replicas}, ${valueBytes} B`);
          await ycsb(
            { main, shard, replicas, valueBytes, mixes, records, seconds, loop },
            reporter,
          );
        }
      }
    }
  },
  async unary(reporter) {
    const programs = { odgm: await bundle("odgm"), gateway: await bundle("gateway") };
    await unary({ ...programs, ...inTurns() }, reporter);
  },
  async etcd(reporter) {
    await besideEtcd(await etcdOptions(), reporter);
  },
  async failover(reporter) {
    await failover(await etcdOptions(), reporter);
  },
  converge(reporter) {
    const objects =
      values.objects === undefined ? [1e4, 1e5, 1e6] : numbers("objects", values.objects);
    converge({ objects, differing: [0, 1, 100], valueBytes: sizes[0] ?? 100, say }, reporter);
    return Promise.resolve();
  },
  async million(reporter) {
    const main = await bundle("odgm");
    const objects = number("objects", values.objects ?? "1000000");
    for (const shard of values.shard === undefined ? (["Basic"] as const) : shards) {
      say(`${objects} objects in ${shard}`);
      await million({ main, shard, objects, valueBytes: sizes[0] ?? 100, say }, reporter);
    }
  },
};

async function etcdOptions(): Promise<BesideEtcdOptions> {
  return { main: await bundle("odgm"), kills: number("kills", values.kills), ...inTurns() };
}

/** What the parts need in which two take turns. */
function inTurns() {
  return {
    sizes,
    concurrency: number("concurrency", values.concurrency),
    keys: number("records", values.records),
    seconds,
    pairs: number("pairs", values.pairs),
    say,
  };
}

if (values.help) process.stderr.write(USAGE);
else await run();

async function run(): Promise<void> {
  if (values.cpus !== undefined) {
    await check(hostRunner, ["taskset", "-acp", values.cpus, String(process.pid)]);
  }
  const commit = await check(hostRunner, ["git", "rev-parse", "--short=10", "HEAD"]);
  const versions = { odgm: commit.stdout.trim(), node: process.versions.node };
  const reporter = new Reporter({ write: (text) => console.log(text), versions });
  try {
    for (const name of oneOf("part", values.part.split(","), Object.keys(PARTS))) {
      await PARTS[name]?.(reporter);
    }
  } finally {
    await clearAll();
    removeBundles();
  }
  if (reporter.missed > 0) process.exitCode = 1;
}
