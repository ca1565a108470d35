// `npm run bench -- operator-soak`: our operator under churn for a long time: edits, deletions with
// recreation, and foreign changes of children, at a steady rate. What must stay flat: memory,
// descriptors, connections. In the end every object and child is compared with what was asked for.
// JSON lines on stdout, progress on stderr; exit code 1 if something grew or is wrong.
//   --n 5000 --minutes 20 --rate 15   objects, length, operations per second

import { mkdirSync } from "node:fs";
import { setPriority } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import type { ConfigMap } from "kubernetes-types/core/v1.js";

import type { Client, Live } from "#controllers/runtime/index.ts";
import { KINDS } from "#controllers/runtime/index.ts";

import { Load, siteName } from "../operator/load.ts";
import { cpuSeconds, descriptors, memoryMb } from "../operator/proc.ts";
import { percentile } from "../operator/run.ts";
import { isReady, SITE } from "../operator/site.ts";
import { buildOurs, startSubject, whenLeading } from "../operator/subject.ts";
import { namespace, openTestbed } from "../operator/testbed.ts";

const NAMESPACE = "bench";
const WORKERS = 16;
const SAMPLE_MS = 10_000;
/** What may be held more at the end than in the first third, for it to count as flat. */
const GROWTH_MAX = 1.05;
/** A connection that is being replaced is there twice. */
const DESCRIPTORS_MORE_MAX = 4;

interface Sample {
  readonly atSeconds: number;
  readonly memoryMb: number;
  readonly descriptors: number;
  readonly sockets: number;
}

/** Everything that the user wants, changed by the churn and compared in the end. */
class Churn {
  readonly texts: string[];
  readonly tookMs: number[] = [];
  readonly counts = { edits: 0, recreations: 0, foreign: 0 };
  readonly #load: Load;
  readonly #client: Client;

  constructor(load: Load, client: Client, count: number) {
    this.#load = load;
    this.#client = client;
    this.texts = Array.from({ length: count }, () => "first");
  }

  /** One worker; `share` of `WORKERS` so that no two touch the same object. */
  async run(share: number, untilMs: number, ratePerSecond: number): Promise<void> {
    const pauseMs = (1000 * WORKERS) / ratePerSecond;
    for (let turn = 0; performance.now() < untilMs; turn++) {
      const startedAtMs = performance.now();
      // A large odd step visits all objects of the share in an order that no cache likes.
      const index = ((turn * 7919) % Math.floor(this.texts.length / WORKERS)) * WORKERS + share;
      await this.#one(index, turn);
      const restMs = pauseMs - (performance.now() - startedAtMs);
      if (restMs > 0) await sleep(restMs);
    }
  }

  async #one(index: number, turn: number): Promise<void> {
    const text = `turn ${turn}`;
    if (turn % 10 === 0) {
      await this.#load.deleteOne(index);
      this.tookMs.push(await this.#load.createOne(index, text));
      this.texts[index] = text;
      this.counts.recreations++;
    } else if (turn % 5 === 1) {
      const key = { namespace: NAMESPACE, name: `${siteName(index)}-config` };
      const foreign = { op: "replace" as const, path: "/data/text", value: "not what was asked" };
      await this.#client.jsonPatch(KINDS.ConfigMap, key, [foreign], { fieldManager: "somebody" });
      this.counts.foreign++;
    } else {
      this.tookMs.push(await this.#load.edit(index, text));
      this.texts[index] = text;
      this.counts.edits++;
    }
  }

  /** What is not as asked for; empty if all is well. */
  async wrong(): Promise<readonly string[]> {
    const options = { namespace: NAMESPACE };
    const sites = await this.#client.list(SITE, options);
    const maps = await this.#client.list<ConfigMap>(KINDS.ConfigMap, options);
    const services = await this.#client.list(KINDS.Service, options);
    const byName = new Map(sites.map((site) => [site.metadata.name, site]));
    const textOf = new Map(maps.map((map) => [map.metadata.name, map.data?.["text"]]));
    const served = new Set(services.map((service: Live) => service.metadata.name));
    return this.texts.flatMap((text, index) => {
      const name = siteName(index);
      const site = byName.get(name);
      if (site === undefined) return [`${name} is missing`];
      if (site.spec.text !== text) return [`${name} is not as asked`];
      if (!isReady(site)) return [`${name} is not Ready`];
      if (textOf.get(`${name}-config`) !== text) return [`${name}-config is not as desired`];
      return served.has(name) ? [] : [`Service ${name} is missing`];
    });
  }
}

const { values } = parseArgs({
  options: {
    n: { type: "string", default: "5000" },
    minutes: { type: "string", default: "20" },
    rate: { type: "string", default: "15" },
  },
});
const say = (line: string): void => void process.stderr.write(`soak: ${line}\n`);
setPriority(10);
process.exitCode = (await soak()) ? 0 : 1;

async function soak(): Promise<boolean> {
  const count = Number(values.n);
  const logFolder = join(import.meta.dirname, "..", "..", "..", ".build", "bench-operator");
  mkdirSync(logFolder, { recursive: true });
  const subject = await buildOurs([]);
  const testbed = await openTestbed([subject.name], {
    name: "bench-soak",
    controllerManager: true,
  });
  try {
    await testbed.client.create(
      { group: "", version: "v1", kind: "Namespace", plural: "namespaces", namespaced: false },
      namespace(NAMESPACE),
      { fieldManager: "bench-load" },
    );
    const running = await startSubject(subject, testbed.access(subject.name), {
      core: undefined,
      log: join(logFolder, "soak.log"),
    });
    const load = await Load.open(testbed.client, testbed.transport, NAMESPACE);
    try {
      await whenLeading(running);
      await load.create(count);
      say(`${count} objects are Ready`);
      const churn = new Churn(load, testbed.client, count);
      const cpuBefore = cpuSeconds(running.pid);
      const samples = await churnAndSample(churn, running.pid);
      const cpu = cpuSeconds(running.pid) - cpuBefore;
      running.assertAlive();
      // Foreign changes are undone within seconds; what is wrong after that stays wrong.
      await sleep(15_000);
      const wrong = await churn.wrong();
      for (const line of wrong.slice(0, 10)) say(line);
      return report(churn, samples, { cpu, wrong: wrong.length });
    } finally {
      load.close();
      await running.stop();
    }
  } finally {
    await testbed.close();
  }
}

async function churnAndSample(churn: Churn, pid: number): Promise<readonly Sample[]> {
  const startedAtMs = performance.now();
  const untilMs = startedAtMs + Number(values.minutes) * 60_000;
  const samples: Sample[] = [];
  const sample = (): void => {
    const { all, sockets } = descriptors(pid);
    const atSeconds = (performance.now() - startedAtMs) / 1000;
    samples.push({ atSeconds, memoryMb: memoryMb(pid).now, descriptors: all, sockets });
    if (samples.length % 6 === 0) {
      say(`${JSON.stringify(samples.at(-1))} ${JSON.stringify(churn.counts)}`);
    }
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    const rate = Number(values.rate);
    const shares = Array.from({ length: WORKERS }, (_, share) => share);
    await Promise.all(shares.map((share) => churn.run(share, untilMs, rate)));
  } finally {
    clearInterval(timer);
  }
  return samples;
}

/** Prints the lines; true if everything is flat and right. */
function report(
  churn: Churn,
  samples: readonly Sample[],
  end: { readonly cpu: number; readonly wrong: number },
): boolean {
  const third = Math.floor(samples.length / 3);
  const parts = [samples.slice(0, third), samples.slice(-third)] as const;
  const middle = (of: (sample: Sample) => number): readonly [number, number] => [
    percentile(
      parts[0].map(of).sort((a, b) => a - b),
      0.5,
    ),
    percentile(
      parts[1].map(of).sort((a, b) => a - b),
      0.5,
    ),
  ];
  const memory = middle((one) => one.memoryMb);
  const descriptorCounts = middle((one) => one.descriptors);
  const sockets = middle((one) => one.sockets);
  const settled = samples.slice(third);
  const operations = churn.counts.edits + churn.counts.recreations + churn.counts.foreign;
  churn.tookMs.sort((a, b) => a - b);
  const base = { n: churn.texts.length, minutes: Number(values.minutes), operations };
  const lines = [
    {
      bench: "operator-soak.memory",
      value: memory[1],
      unit: "MB",
      ratio: memory[1] / memory[0],
      target: `last third <= ${GROWTH_MAX}x of the first`,
      ok: memory[1] <= memory[0] * GROWTH_MAX,
    },
    { bench: "operator-soak.memory-slope", value: slopeOf(settled), unit: "MB/h" },
    ...[["descriptors", descriptorCounts] as const, ["sockets", sockets] as const].map(
      ([name, [first, last]]) => ({
        bench: `operator-soak.${name}`,
        value: last,
        unit: "1",
        ratio: last / first,
        target: `<= ${DESCRIPTORS_MORE_MAX} more than in the first third`,
        ok: last <= first + DESCRIPTORS_MORE_MAX,
      }),
    ),
    { bench: "operator-soak.wrong", value: end.wrong, unit: "1", target: "0", ok: end.wrong === 0 },
    { bench: "operator-soak.p50", value: percentile(churn.tookMs, 0.5), unit: "ms" },
    { bench: "operator-soak.p99", value: percentile(churn.tookMs, 0.99), unit: "ms" },
    {
      bench: "operator-soak.cpu-per-operation",
      value: (end.cpu / operations) * 1000,
      unit: "ms",
    },
  ];
  for (const line of lines) {
    console.log(JSON.stringify({ ...line, ...base, ...churn.counts }));
  }
  return lines.every((line) => !("ok" in line) || line.ok);
}

/** Least squares, in MB per hour. */
function slopeOf(samples: readonly Sample[]): number {
  const count = samples.length;
  const meanX = samples.reduce((sum, one) => sum + one.atSeconds, 0) / count;
  const meanY = samples.reduce((sum, one) => sum + one.memoryMb, 0) / count;
  let above = 0;
  let below = 0;
  for (const { atSeconds, memoryMb: mb } of samples) {
    above += (atSeconds - meanX) * (mb - meanY);
    below += (atSeconds - meanX) ** 2;
  }
  return (above / below) * 3600;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
