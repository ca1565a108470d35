// A Raft shard beside etcd, three members each, on the same disk and the same cores: durable writes
// in turns, and how long nothing is acknowledged when the leader is killed.
import { setTimeout as delay } from "node:timers/promises";

import { seededRng } from "#api/base/testing/seeded-rng.ts";
import { COLLECTION } from "#test/conformance/odgm/members.ts";
import { waitUntil } from "#test/support/wait.ts";

import { EtcdSubject } from "./etcd.ts";
import type { OperationSource, Outcome } from "./load.ts";
import { runLoad } from "./load.ts";
import { RecordClient, RecordRequests } from "./records.ts";
import type { Reporter } from "./report.ts";
import { atLeastTimes, below, median, outage } from "./report.ts";
import { GridSubject } from "./subject.ts";
import { valueOf } from "./ycsb.ts";

const REPLICAS = 3;
/** Connections of etcd's client, all to the leader, as ours has one stream to it. */
const ETCD_CONNECTIONS = 8;
const WARM_UP_SECONDS = 5;

/** What is compared. */
export interface BesideEtcdOptions {
  readonly main: string;
  readonly sizes: readonly number[];
  readonly concurrency: number;
  readonly keys: number;
  readonly seconds: number;
  readonly pairs: number;
  /** Leaders killed, of each. */
  readonly kills: number;
  readonly say: (line: string) => void;
}

interface Run {
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Writes in turns: etcd, ours, etcd, ours, and so on; both run all the time. */
export async function besideEtcd(options: BesideEtcdOptions, reporter: Reporter): Promise<void> {
  const ours = await GridSubject.start(options.main, "Raft", REPLICAS);
  const etcd = await EtcdSubject.start(options.say);
  await ours.whenSettled();
  for (const valueBytes of options.sizes) {
    const client = await writer(ours, valueBytes);
    const load = { ...options, valueBytes };
    await writeOurs(ours, client, { ...load, seconds: WARM_UP_SECONDS });
    await writeEtcd(etcd, { ...load, seconds: WARM_UP_SECONDS });
    const pairs: { readonly etcd: Run; readonly ours: Run }[] = [];
    for (let pair = 0; pair < options.pairs; pair += 1) {
      pairs.push({ etcd: await writeEtcd(etcd, load), ours: await writeOurs(ours, client, load) });
      options.say(JSON.stringify({ valueBytes, ...pairs.at(-1) }));
    }
    client.close();
    tellPairs(reporter, { valueBytes, concurrency: options.concurrency }, pairs);
  }
  await ours.end();
  await etcd.end();
}

/** Kills the leader of each again and again. */
export async function failover(options: BesideEtcdOptions, reporter: Reporter): Promise<void> {
  const ours = await GridSubject.start(options.main, "Raft", REPLICAS);
  const etcd = await EtcdSubject.start(options.say);
  const outages: { readonly ours: number[]; readonly etcd: number[] } = { ours: [], etcd: [] };
  for (let kill = 0; kill < options.kills; kill += 1) {
    outages.etcd.push(await outageOfEtcd(etcd));
    outages.ours.push(await outageOfOurs(ours));
    options.say(`no write acknowledged for: ${JSON.stringify(outages)} ms`);
  }
  await ours.end();
  await etcd.end();
  const of = { kills: options.kills };
  const ratios = outages.ours.map((ms, at) => ms / (outages.etcd[at] ?? Number.NaN));
  const figure = { of, unit: "ms" };
  reporter.tell({
    ...{ ...figure, bench: "failover.longest", value: Math.max(...outages.ours) },
    target: below(2000, "ms"),
  });
  reporter.tell({ ...figure, bench: "failover.median", value: median(outages.ours), ratios });
  const theirs = { ...figure, bench: "failover.etcd-median", value: median(outages.etcd) };
  reporter.tell(theirs);
}

function tellPairs(
  reporter: Reporter,
  of: Readonly<Record<string, number>>,
  pairs: readonly { readonly etcd: Run; readonly ours: Run }[],
): void {
  const figures = [
    ["writes", "perSecond", "1/s"],
    ["writes-per-cpu-second", "perCpuSecond", "1/s"],
    ["p50", "p50Ms", "ms"],
    ["p99", "p99Ms", "ms"],
  ] as const;
  for (const [name, field, unit] of figures) {
    reporter.tell({
      bench: `etcd.${name}`,
      of,
      value: median(pairs.map(({ ours }) => ours[field])),
      unit,
      ratios: pairs.map(({ ours, etcd }) => ours[field] / etcd[field]),
      target: name === "writes" ? atLeastTimes(1) : undefined,
    });
    const value = median(pairs.map(({ etcd }) => etcd[field]));
    reporter.tell({ bench: `etcd.${name}-of-etcd`, of, value, unit });
  }
}

type WriteLoad = Pick<BesideEtcdOptions, "keys" | "concurrency" | "seconds"> & {
  readonly valueBytes: number;
};

async function writer(ours: GridSubject, valueBytes: number): Promise<RecordClient> {
  const requests = new RecordRequests(COLLECTION, valueOf(valueBytes));
  return new RecordClient(await ours.addresses(), requests);
}

async function writeOurs(ours: GridSubject, client: RecordClient, load: WriteLoad): Promise<Run> {
  const { keys, concurrency, seconds } = load;
  const { next } = seededRng(keys);
  const source: OperationSource = {
    next: () => ({ kind: "update", record: Math.floor(next() * keys), length: 0 }),
    inserted: () => undefined,
  };
  const before = ours.cpuSeconds();
  const loop = { kind: "closed", concurrency } as const;
  const result = await runLoad({ source, execute: client.execute, loop, seconds });
  const cpuSeconds = ours.cpuSeconds() - before;
  if (result.failures.size > 0) {
    throw new Error(`writes failed: ${JSON.stringify([...result.failures])}`);
  }
  return {
    perSecond: result.operations / result.seconds,
    perCpuSecond: result.operations / cpuSeconds,
    p50Ms: result.latency.percentile(0.5),
    p99Ms: result.latency.percentile(0.99),
  };
}

async function writeEtcd(etcd: EtcdSubject, load: WriteLoad): Promise<Run> {
  const before = etcd.cpuSeconds();
  const result = await etcd.writes({ ...load, connections: ETCD_CONNECTIONS });
  const cpuSeconds = etcd.cpuSeconds() - before;
  if (result.failed > 0) throw new Error(`${result.failed} writes to etcd failed`);
  const { operations, seconds, p50Ms, p99Ms } = result;
  return { perSecond: operations / seconds, perCpuSecond: operations / cpuSeconds, p50Ms, p99Ms };
}

/** Acknowledged writes before a kill, so that it meets a subject under load. */
const BEFORE_KILL = 50;
/** A write that is not answered is tried at another member after so long; etcd's probe too. */
const PROBE_TIMEOUT_MS = 250;
const PROBE_PAUSE_MS = 5;

async function outageOfEtcd(etcd: EtcdSubject): Promise<number> {
  const acknowledged: number[] = [];
  const probe = etcd.probe((atMs) => acknowledged.push(atMs));
  await whenAcknowledged(acknowledged, BEFORE_KILL);
  const killedAtMs = performance.now();
  const revive = await etcd.killLeader();
  const ms = await outageIn(acknowledged, killedAtMs);
  await probe.stop();
  await revive();
  return ms;
}

async function outageOfOurs(ours: GridSubject): Promise<number> {
  const acknowledged: number[] = [];
  const probe = probeOurs(ours, acknowledged);
  await whenAcknowledged(acknowledged, BEFORE_KILL);
  const leader = await ours.leader();
  const killedAtMs = performance.now();
  await ours.kill(leader);
  const ms = await outageIn(acknowledged, killedAtMs);
  await probe.stop();
  await ours.restart(leader);
  await ours.whenReady();
  return ms;
}

/** Writes one after the other, each at the next member if the last did not answer. */
function probeOurs(ours: GridSubject, acknowledged: number[]): { stop(): Promise<void> } {
  const requests = new RecordRequests(COLLECTION, valueOf(100));
  const clients = ours.members.map(({ odgm }) => new RecordClient([odgm.at("grpc")], requests));
  let isOver = false;
  const write = (client: RecordClient): Promise<Outcome> =>
    new Promise((resolve) => client.write(0, resolve, PROBE_TIMEOUT_MS));
  const run = async (): Promise<void> => {
    for (let turn = 0; !isOver;) {
      const client = clients[turn % clients.length];
      if (client === undefined) throw new Error("no member");
      if ((await write(client)).kind === "done") {
        acknowledged.push(performance.now());
        continue;
      }
      turn += 1;
      await delay(PROBE_PAUSE_MS);
    }
  };
  const running = run();
  return {
    stop: async () => {
      isOver = true;
      await running;
      for (const client of clients) client.close();
    },
  };
}

/** Waits until writes are acknowledged again for a while, then answers how long they were not. */
async function outageIn(acknowledged: readonly number[], killedAtMs: number): Promise<number> {
  const since = acknowledged.length;
  await whenAcknowledged(acknowledged, since + BEFORE_KILL);
  const ms = outage(acknowledged, killedAtMs);
  if (ms === undefined) throw new Error("writes were acknowledged");
  return ms;
}

async function whenAcknowledged(acknowledged: readonly number[], count: number): Promise<void> {
  const wait = { what: `${count} writes`, deadlineMs: 60_000, intervalMs: 10 };
  await waitUntil(() => acknowledged.length >= count, wait);
}
