// One simulated world: cluster, members, people, faults, and the operator processes in it. Everything
// that happens follows from the seed.
import type { AnyController } from "#controllers/runtime/index.ts";
import { classRuntimeController } from "#controllers/class-runtime/reconcile.ts";
import { environmentController } from "#controllers/environment/reconcile.ts";
import { odgmCollectionController } from "#controllers/odgm-collection/reconcile.ts";
import { opackageController } from "#controllers/opackage/reconcile.ts";
import type { ApiRequest } from "#controllers/runtime/index.ts";
import { KINDS, Manager } from "#controllers/runtime/index.ts";
import { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";
import { FakeClock } from "#controllers/runtime/testing/fake-clock.ts";
import type { LogLine } from "#controllers/runtime/testing/memory-logger.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";

import { SimCluster } from "./cluster.ts";
import { Dice } from "../../world/dice.ts";
import { FaultInjector } from "./faults.ts";
import { Fleet } from "./fleet.ts";
import { LEASE, OWN_KINDS, SYSTEM_NAMESPACE } from "./kinds.ts";
import { all, one } from "./look.ts";
import { SimCollectionPort } from "./member-port.ts";
import type { MemberNetwork } from "./member-port.ts";
import { SimProcess } from "./process.ts";
import { Users } from "./users.ts";

/** A deliberate bug, to show that an invariant sees it. */
export interface Sabotage {
  /** Replaces the controllers of every process. */
  readonly controllers?: (controllers: readonly AnyController[]) => readonly AnyController[];
  /** Changes requests on their way. */
  readonly request?: (request: ApiRequest) => ApiRequest;
  /** No lease: every process leads. */
  readonly withoutLease?: boolean;
}

/** Something that watches controllers from inside a process. */
export type Probe = (controller: AnyController, process: SimProcess) => AnyController;

/** See the head of this file. */
export class World {
  readonly clock = new FakeClock();
  readonly server: FakeApiServer;
  readonly dice: Dice;
  readonly fleet: Fleet;
  readonly cluster: SimCluster;
  readonly users: Users;
  readonly faults: FaultInjector;
  readonly network: MemberNetwork = { loss: 0 };
  readonly processes: SimProcess[] = [];
  readonly lines: LogLine[] = [];
  readonly witnesses: ((process: SimProcess, request: ApiRequest) => void)[] = [];
  readonly probes: Probe[] = [];
  /** Runs of processes that failed; there must be none. */
  readonly failures: unknown[] = [];
  readonly #sabotage: Sabotage;
  #started = 0;

  constructor(seed: number, sabotage: Sabotage = {}) {
    this.#sabotage = sabotage;
    this.dice = new Dice(seed);
    this.server = new FakeApiServer({ clock: this.clock, kinds: OWN_KINDS });
    this.fleet = new Fleet(this.server, this.dice.fork());
    this.cluster = new SimCluster(this.server, this.clock, this.dice.fork(), this.fleet);
    this.users = new Users(this.server, this.cluster, this.fleet, this.dice.fork());
    this.faults = new FaultInjector(this.server, this.clock, this.dice.fork());
  }

  /** Processes that were not killed. */
  get alive(): readonly SimProcess[] {
    return this.processes.filter((process) => process.isAlive);
  }

  /** True while somebody else than an operator writes. */
  get foreignHand(): boolean {
    return this.users.acting || this.cluster.acting;
  }

  /** Volumes of data pods that are there. */
  claimedVolumes(): ReadonlySet<string> {
    return new Set(
      all(this.server, KINDS.Pod).flatMap(({ metadata: { namespace = "", name } }) => {
        const key = { namespace, name: `data-${name}` };
        return one(this.server, KINDS.PersistentVolumeClaim, key)?.spec?.volumeName ?? [];
      }),
    );
  }

  /** Starts an operator process with empty memory. */
  startProcess(): SimProcess {
    this.#started += 1;
    const identity = `operator-${this.#started}`;
    const dice = this.dice.fork();
    const process = new SimProcess(identity, this.server, this.clock, (sender, request) => {
      for (const witness of this.witnesses) witness(sender, request);
    });
    const { request: spoil } = this.#sabotage;
    const transport =
      spoil === undefined
        ? process
        : {
            host: process.host,
            request: (request: ApiRequest) => process.request(spoil(request)),
            watch: (request: ApiRequest) => process.watch(request),
            close: () => process.close(),
          };
    const logger = memoryLogger(this.lines, { process: identity });
    const manager = new Manager({
      name: "oaas-operator",
      identity,
      cluster: transport,
      logger,
      clock: this.clock,
      timers: process,
      rng: dice.rng,
      freezeObjects: true,
      ...(this.#sabotage.withoutLease === true
        ? {}
        : { leaderElection: { leaseName: LEASE, leaseNamespace: SYSTEM_NAMESPACE } }),
    });
    const port = new SimCollectionPort(this.fleet, process, dice, this.network);
    port.client = manager.client;
    for (const controller of this.#controllers(port)) {
      manager.add(this.probes.reduce((seen, probe) => probe(seen, process), controller));
    }
    this.processes.push(process);
    manager.run(new AbortController().signal).catch((cause: unknown) => {
      this.failures.push(cause);
    });
    return process;
  }

  #controllers(port: SimCollectionPort): readonly AnyController[] {
    const real = [
      environmentController({ operatorVersion: "sim" }),
      opackageController(),
      classRuntimeController({ systemNamespace: SYSTEM_NAMESPACE }),
      odgmCollectionController(
        { image: "example.com/odgm:1", systemNamespace: SYSTEM_NAMESPACE },
        port,
      ),
    ];
    return this.#sabotage.controllers?.(real) ?? real;
  }
}
