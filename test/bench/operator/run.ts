// One run of one subject: from an empty API server to N Ready objects, at rest, restarted, edited
// in the middle of its backlog, and emptied.

import { join } from "node:path";

import type { Requests } from "./audit.ts";
import { auditPosition, requestsSince } from "./audit.ts";
import { Load } from "./load.ts";
import { cpuSeconds, memoryMb } from "./proc.ts";
import { scrape } from "./prometheus.ts";
import type { RunningSubject, Subject } from "./subject.ts";
import { startSubject, whenLeading } from "./subject.ts";
import type { Testbed } from "./testbed.ts";
import { namespace, openTestbed } from "./testbed.ts";

/** How to run. */
export interface RunOptions {
  readonly count: number;
  /** Core of the subject; wherever the kernel wants if not given. */
  readonly core: number | undefined;
  /** How long it is watched at rest. */
  readonly restSeconds: number;
  readonly logFolder: string;
}

/** What was measured in one run. Seconds, MB (10^6 bytes), CPU seconds. */
export interface RunResult {
  readonly subject: Subject["name"];
  readonly count: number;
  readonly readySeconds: number;
  readonly readyP50Seconds: number;
  readonly readyP99Seconds: number;
  /** From the first create to the last write about it, over all objects. */
  readonly requests: Requests;
  readonly cpuSeconds: number;
  readonly apiserverCpuSeconds: number;
  readonly etcdCpuSeconds: number;
  readonly peakMb: number;
  readonly settledMb: number;
  readonly restSeconds: number;
  readonly restRequests: Requests;
  readonly restCpuSeconds: number;
  readonly restartSeconds: number;
  readonly restartCpuSeconds: number;
  readonly restartRequests: Requests;
  readonly restartPeakMb: number;
  readonly restartSettledMb: number;
  /** An edit at rest, and one while all objects wait for their first pass after a restart. */
  readonly idleEditSeconds: number;
  readonly backlogEditSeconds: number;
  /** Objects that had had their first pass when that edit was done. */
  readonly passesBeforeEdit: number;
  readonly deleteSeconds: number;
}

const NAMESPACE = "bench";
/** A subject that has had nothing to do for this long has told all its Events. */
const QUIET_MS = 1_000;

/** See the head of this file. */
export async function runOnce(subject: Subject, options: RunOptions): Promise<RunResult> {
  const testbed = await openTestbed([subject.name]);
  try {
    await testbed.client.create(
      { group: "", version: "v1", kind: "Namespace", plural: "namespaces", namespaced: false },
      namespace(NAMESPACE),
      { fieldManager: "bench-load" },
    );
    const load = await Load.open(testbed.client, testbed.transport, NAMESPACE);
    try {
      return await new Run(subject, options, testbed, load).all();
    } finally {
      load.close();
    }
  } finally {
    await testbed.close();
  }
}

class Run {
  readonly #subject: Subject;
  readonly #options: RunOptions;
  readonly #testbed: Testbed;
  readonly #load: Load;

  constructor(subject: Subject, options: RunOptions, testbed: Testbed, load: Load) {
    this.#subject = subject;
    this.#options = options;
    this.#testbed = testbed;
    this.#load = load;
  }

  async all(): Promise<RunResult> {
    const { count } = this.#options;
    let running = await this.#start();
    try {
      await whenLeading(running);
      await sleep(QUIET_MS);
      const creation = await this.#create(running);
      const rest = await this.#rest(running);
      const idleEditSeconds = (await this.#load.edit(count >> 1, "idle edit")) / 1000;
      await this.#quiet(running);
      await running.stop();
      const position = auditPosition(this.#testbed.auditLog);
      running = await this.#start();
      const restart = await this.#restart(running, position);
      await running.stop();
      running = await this.#start();
      const edit = await this.#backlogEdit(running);
      await this.#quiet(running);
      const deleted = await this.#load.delete(count);
      return {
        subject: this.#subject.name,
        count,
        ...creation,
        ...rest,
        ...restart,
        idleEditSeconds,
        ...edit,
        deleteSeconds: deleted.allMs / 1000,
      };
    } finally {
      await running.stop();
    }
  }

  async #create(running: RunningSubject) {
    const { apiserverPid, etcdPid, auditLog } = this.#testbed;
    const { count } = this.#options;
    const before = [running.pid, apiserverPid, etcdPid].map(cpuSeconds);
    const position = auditPosition(auditLog);
    const ready = await this.#load.create(count);
    await this.#quiet(running);
    const after = [running.pid, apiserverPid, etcdPid].map(cpuSeconds);
    const [own = 0, apiserver = 0, etcd = 0] = after.map((value, at) => value - (before[at] ?? 0));
    return {
      readySeconds: ready.allMs / 1000,
      readyP50Seconds: percentile(ready.eachMs, 0.5) / 1000,
      readyP99Seconds: percentile(ready.eachMs, 0.99) / 1000,
      requests: this.#requests(position),
      cpuSeconds: own,
      apiserverCpuSeconds: apiserver,
      etcdCpuSeconds: etcd,
      peakMb: memoryMb(running.pid).peak,
    };
  }

  async #rest(running: RunningSubject) {
    const position = auditPosition(this.#testbed.auditLog);
    const before = cpuSeconds(running.pid);
    await sleep(this.#options.restSeconds * 1000);
    running.assertAlive();
    return {
      restSeconds: this.#options.restSeconds,
      restRequests: this.#requests(position),
      restCpuSeconds: cpuSeconds(running.pid) - before,
      settledMb: memoryMb(running.pid).now,
    };
  }

  async #restart(running: RunningSubject, position: number) {
    const startedAtMs = performance.now();
    await this.#passes(running, this.#options.count);
    const restartSeconds = (performance.now() - startedAtMs) / 1000;
    await this.#quiet(running);
    const restartCpuSeconds = cpuSeconds(running.pid);
    const restartRequests = this.#requests(position);
    // Long enough for both collectors to give back what the start has cost.
    await sleep(10_000);
    const memory = memoryMb(running.pid);
    return {
      restartSeconds,
      restartCpuSeconds,
      restartRequests,
      restartPeakMb: memory.peak,
      restartSettledMb: memory.now,
    };
  }

  /** Edits the object that was created last once the first pass of any object is over. */
  async #backlogEdit(running: RunningSubject) {
    const { count } = this.#options;
    await this.#passes(running, 1);
    const tookMs = await this.#load.edit(count - 1, "edit in the backlog");
    const passes = (await scrape(running.metrics))?.succeeded ?? 0;
    return { backlogEditSeconds: tookMs / 1000, passesBeforeEdit: Math.min(passes, count) };
  }

  async #passes(running: RunningSubject, wanted: number): Promise<void> {
    for (;;) {
      running.assertAlive();
      if (((await scrape(running.metrics))?.succeeded ?? 0) >= wanted) return;
      await sleep(20);
    }
  }

  /** Nothing waits, nothing runs, and the subject has asked for nothing but leases for a while. */
  async #quiet(running: RunningSubject): Promise<void> {
    let position = auditPosition(this.#testbed.auditLog);
    for (;;) {
      await sleep(QUIET_MS);
      running.assertAlive();
      const { writes, reads, events } = this.#requests(position);
      position = auditPosition(this.#testbed.auditLog);
      const busy = (await scrape(running.metrics))?.busy ?? 1;
      if (writes + reads + events + busy === 0) return;
    }
  }

  #requests(position: number): Requests {
    const { user } = this.#testbed.access(this.#subject.name);
    return requestsSince(this.#testbed.auditLog, position, user);
  }

  #start(): Promise<RunningSubject> {
    const { core, logFolder } = this.#options;
    const log = join(logFolder, `${this.#subject.name}.log`);
    return startSubject(this.#subject, this.#testbed.access(this.#subject.name), { core, log });
  }
}

/** The value below which `share` of a sorted list lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
