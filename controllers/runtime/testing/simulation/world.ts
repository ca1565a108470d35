// One simulated world: an API server, time, faults, and the operator processes in it. Everything that
// happens follows from the seed.
import type { KindId } from "#api/meta/index.ts";

import type { ApiRequest, Transport } from "../../client/transport.ts";
import type { AnyController } from "../../controller/types.ts";
import { Manager } from "../../lifecycle/operator-process.ts";
import { FakeApiServer } from "../fake-api-server.ts";
import type { Backup } from "../fake-storage.ts";
import { FakeClock } from "../fake-clock.ts";
import type { LogLine } from "../memory-logger.ts";
import { memoryLogger } from "../memory-logger.ts";
import { Dice } from "./dice.ts";
import { FaultInjector } from "./faults.ts";
import { SimProcess } from "./process.ts";
import type { Host, LeaseTimes, Sabotage } from "./host.ts";

/** Something that watches controllers from inside a process. */
export type Probe = (controller: AnyController, process: SimProcess) => AnyController;

/** The operators' Lease. */
export const SIM_LEASE = { namespace: "sim-system", name: "sim-operator" } as const;

/** Wall clocks of processes are wrong by at most this much. */
const SKEW_MS_MAX = 30_000;
/** So many of the API servers know streaming lists; the others answer in small pages. */
const STREAMING_SHARE = 0.75;
const PAGE_ITEMS = 2;
/** The longest outage, the backoff of a watch, a slow list, and the deadline of a renewal. */
const RESTORE_GRACE_MS = 45_000;

/** What a world is made of. */
export interface SimWorldOptions {
  readonly seed: number;
  readonly kinds: readonly KindId[];
  readonly sabotage?: Sabotage;
  /** Times of the leader election; the runtime's own if not given. */
  readonly lease?: LeaseTimes;
}

/** See the head of this file. */
export class SimWorld {
  readonly clock = new FakeClock({ settleTurns: 1 });
  readonly kinds: readonly KindId[];
  readonly server: FakeApiServer;
  readonly dice: Dice;
  readonly faults: FaultInjector;
  readonly processes: SimProcess[] = [];
  readonly lines: LogLine[] = [];
  readonly witnesses: ((process: SimProcess, request: ApiRequest) => void)[] = [];
  readonly probes: Probe[] = [];
  /** Runs of processes that failed; there must be none. */
  readonly failures: unknown[] = [];
  /** As declared, of the last process that was started. */
  controllers: readonly AnyController[] = [];
  /** When the server was last restored from a backup; never: minus infinity. */
  restoredAtMs = Number.NEGATIVE_INFINITY;
  /** True once a restored server has given versions out again. */
  isRewound = false;
  #backup: Backup | undefined;
  readonly #sabotage: Sabotage;
  readonly #lease: LeaseTimes;
  #make: (host: Host<SimWorld>) => readonly AnyController[] = () => [];
  #started = 0;
  #acting = 0;

  constructor(options: SimWorldOptions) {
    const { seed, kinds, sabotage = {}, lease = {} } = options;
    this.#sabotage = sabotage;
    this.#lease = lease;
    this.kinds = kinds;
    this.dice = new Dice(seed);
    this.server = new FakeApiServer({
      clock: this.clock,
      kinds,
      streamingLists: this.dice.chance(STREAMING_SHARE),
      collectorDelayMs: () => this.faults.collectorMs(),
    });
    this.server.pageItemsMax = PAGE_ITEMS;
    this.faults = new FaultInjector(this.server, this.clock, this.dice.fork());
  }

  /** Processes that were not killed. */
  get alive(): readonly SimProcess[] {
    return this.processes.filter((process) => process.isAlive);
  }

  /** True while somebody else than an operator writes. */
  get foreignHand(): boolean {
    return this.#acting > 0;
  }

  /** Does what a person or another controller does. Every write of such goes through here. */
  act<T>(deed: () => T): T {
    this.#acting += 1;
    try {
      return deed();
    } finally {
      this.#acting -= 1;
    }
  }

  /** Keeps the state of now, for {@link restore}. */
  backUp(): void {
    this.#backup = this.server.storage.backup();
  }

  /**
   * The server is restored from the last backup and is down for so long: what was written since has
   * never been. With `rewinds`, versions go back, too, and are given out once more. False if there
   * is no backup.
   */
  restore(downMs: number, options: { readonly rewinds?: boolean } = {}): boolean {
    if (this.#backup === undefined) return false;
    this.restoredAtMs = this.clock.monotonicMs();
    if (options.rewinds === true) this.isRewound = true;
    for (const process of this.processes) process.ownWrites.clear();
    this.faults.outage(downMs);
    this.server.restore(this.#backup, options);
    return true;
  }

  /** True if nobody can be expected yet to know what a restored server has. */
  get isJustRestored(): boolean {
    return this.clock.monotonicMs() - this.restoredAtMs < RESTORE_GRACE_MS;
  }

  /** Says what runs in every process; before the first one is started. */
  runs(make: (host: Host<SimWorld>) => readonly AnyController[]): void {
    this.#make = make;
  }

  /** Starts an operator process with empty memory. */
  startProcess(): SimProcess {
    this.#started += 1;
    const identity = `operator-${this.#started}`;
    const dice = this.dice.fork();
    const process = new SimProcess({
      identity,
      server: this.server,
      clock: this.clock,
      skewMs: dice.chance(0.5) ? 0 : dice.int(-SKEW_MS_MAX, SKEW_MS_MAX),
      witness: (sender, request) => {
        for (const witness of this.witnesses) witness(sender, request);
      },
    });
    const { namespace: leaseNamespace, name: leaseName } = SIM_LEASE;
    const manager = new Manager({
      name: "sim-operator",
      identity,
      cluster: this.#transportOf(process),
      logger: memoryLogger(this.lines, { process: identity }),
      clock: process,
      timers: process,
      rng: dice.rng,
      freezeObjects: true,
      ...(this.#sabotage.withoutLease === true
        ? {}
        : { leaderElection: { ...this.#lease, leaseName, leaseNamespace } }),
    });
    process.manager = manager;
    const host = { world: this, process, client: manager.client, dice };
    const made = this.#make(host);
    this.controllers = this.#sabotage.controllers?.(made) ?? made;
    for (const controller of this.controllers) {
      manager.add(this.probes.reduce((seen, probe) => probe(seen, process), controller));
    }
    this.processes.push(process);
    manager.run(new AbortController().signal).catch((cause: unknown) => {
      this.failures.push(cause);
    });
    return process;
  }

  /** Ends all processes: nothing is left that could run. */
  end(): void {
    for (const process of this.alive) process.kill();
  }

  #transportOf(process: SimProcess): Transport {
    const { request: spoil } = this.#sabotage;
    if (spoil === undefined) return process;
    return {
      host: process.host,
      request: (request) => process.request(spoil(request)),
      watch: (request) => process.watch(spoil(request)),
      close: () => process.close(),
    };
  }
}
