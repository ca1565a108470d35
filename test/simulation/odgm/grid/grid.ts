// A whole grid in one process, on the code that ships: machines with stores, hosts of Raft groups,
// shards, their clients and their operator, under faults. A seed decides everything.
import type { Rng } from "#api/base/index.ts";
import { assert } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";
import { FEATURE_LEVEL, FEATURE_LEVEL_FIRST } from "#workloads/core/raft/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";
import { stateRanges } from "#workloads/odgm/raft/keys.ts";

import { checkLinearizable, tellViolation } from "../../../support/linearizability.ts";
import type { Recorder } from "../recorder.ts";
import type { ClientTuning } from "./clients.ts";
import { Clients } from "./clients.ts";
import type { FaultTuning } from "./faults.ts";
import { Faults } from "./faults.ts";
import type { Surroundings } from "./machine.ts";
import { Machine } from "./machine.ts";
import { Network } from "./network.ts";
import { OBJECT_MODEL } from "./objects.ts";
import { Operator } from "./operator.ts";
import type { Plan } from "./plan.ts";
import type { GroupTuning } from "./process.ts";
import { Watch } from "./watch.ts";
import { World } from "./world.ts";

/** What one simulation is. */
export interface GridTuning {
  readonly machines: number;
  readonly groups: number;
  readonly replicas: number;
  /** How long faults go on. */
  readonly faultMs: number;
  readonly faults: FaultTuning;
  readonly clients: ClientTuning;
  readonly group: GroupTuning;
  /** The end is only there when leaders are the ones that shall lead. */
  readonly waitsForPlan: boolean;
  /** Share of the machines that begin with the release before. */
  readonly oldShare: number;
  /** Clocks run so much faster or slower, at most. */
  readonly drift: number;
}

const BOOT_MS = 5_000;
/** After the last fault everything is well within this time. */
const HEAL_MS = 40_000;
const IDLE_MS = 30_000;

/** See the top of the file. */
export class Grid {
  private readonly rng: Rng;
  private readonly tuning: GridTuning;
  private readonly recorder: Recorder;
  private readonly world = new World();
  private readonly machines = new Map<MemberId, Machine>();
  private readonly network: Network;
  private readonly watch: Watch;
  private readonly operator: Operator;
  private readonly faults: Faults;
  private readonly clients: Clients;
  private readonly around: Surroundings;
  readonly violations: string[] = [];

  constructor(seed: number, tuning: GridTuning, recorder: Recorder) {
    const rng = (this.rng = seededRng(seed));
    this.tuning = tuning;
    this.recorder = recorder;
    const { world } = this;
    const violation = (text: string): void => this.violation(text);
    const count = (fault: string): void => recorder.fault(fault);
    const trace = (line: string): void => this.trace(line);
    world.onError = (cause) => this.violation(`uncaught: ${describe(cause)}`);
    this.network = new Network(world, rng, count);
    this.watch = new Watch(violation);
    const plan = firstPlan(tuning);
    const machines = (): readonly Machine[] => [...this.machines.values()];
    this.around = {
      world,
      network: this.network,
      rng,
      tuning: tuning.group,
      machine: (member) => this.machines.get(member),
      trace,
      violation,
    };
    const newMachine = (): Machine => this.newMachine();
    this.operator = new Operator({ world, rng, machines, newMachine, trace }, plan);
    this.faults = new Faults(
      { world, network: this.network, rng, operator: this.operator, machines, count, trace },
      tuning.faults,
    );
    const groups = plan.groups.map(({ number }) => number);
    const clientWorld = { world, network: this.network, rng, groups, machines, violation };
    this.clients = new Clients(clientWorld, tuning.clients);
    for (let at = 0; at < tuning.machines; at += 1) this.newMachine();
  }

  private trace(line: string): void {
    this.recorder.line(`${this.world.nowMs.toFixed(2)} ${line}`);
  }

  private violation(text: string): void {
    this.trace(`VIOLATION ${text}`);
    this.violations.push(text);
  }

  private newMachine(): Machine {
    const { rng, tuning } = this;
    assert(this.machines.size < 64, "an operator that makes machines without end");
    const member = `m${this.machines.size}` as MemberId;
    const isFirst = this.machines.size < tuning.machines;
    const machine = new Machine(
      member,
      { ...this.around, observer: this.observer(member) },
      {
        clock: { rate: 1 + (rng.next() - 0.5) * 2 * tuning.drift, wallOffsetMs: 0 },
        supports: isFirst && rng.next() < tuning.oldShare ? FEATURE_LEVEL_FIRST : FEATURE_LEVEL,
        plan: () => this.operator.plan,
      },
    );
    this.machines.set(member, machine);
    machine.start();
    return machine;
  }

  private observer(member: MemberId): Machine["observer"] {
    return {
      log: (level, message, fields) => {
        this.trace(`${member} ${level} ${message} ${plain(fields)}`);
        const why = String(fields["why"] ?? "");
        if (why.includes("differs from the leader's")) {
          this.violation(`digest: ${member}: ${why}`);
        }
        if (message === "replica failed" && !this.tuning.faults.beyondRepair) {
          this.violation(`failed: ${member}: ${why}`);
        }
      },
      changed: (group) => this.watch.changed(group),
      watched: (who, options) => this.watch.watched(who, options),
    };
  }

  /** Runs it to its end. A promise that nobody waits for and that fails ends a process. */
  async run(): Promise<void> {
    const unhandled = (cause: unknown): void => this.violation(`unhandled: ${describe(cause)}`);
    process.on("unhandledRejection", unhandled);
    try {
      await this.live();
      // Node tells of them between two turns of the real event loop.
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off("unhandledRejection", unhandled);
    }
  }

  private async live(): Promise<void> {
    const { world, clients, faults, tuning } = this;
    await world.pass(BOOT_MS, () => this.isLed());
    if (!this.isLed()) this.violation("liveness: nobody leads a new grid");
    this.trace(`up; faults: ${faults.names.join(" ")}`);
    clients.start();
    faults.start();
    await world.pass(tuning.faultMs, () => this.violations.length > 0);
    if (this.violations.length > 0) return;
    this.trace("the faults end");
    clients.stop();
    faults.stop();
    await this.heal();
    this.tell();
  }

  private async heal(): Promise<void> {
    const { world, clients } = this;
    const { beyondRepair } = this.tuning.faults;
    for (const machine of this.machines.values()) machine.upgrade();
    await world.pass(IDLE_MS, () => clients.isIdle);
    const isWell = (): boolean => this.violations.length > 0 || this.isWell();
    // What may never heal is not waited for long.
    await world.pass(beyondRepair ? HEAL_MS / 8 : HEAL_MS, isWell);
    const healed = this.isWell();
    if (!healed && !beyondRepair) this.violation(`liveness: ${this.describe()}`);
    if (this.violations.length > 0) return;
    const { unanswered } = clients.seen;
    clients.lastReads();
    await world.pass(IDLE_MS, () => clients.isIdle);
    if (!beyondRepair && clients.seen.unanswered > unanswered) {
      this.violation("liveness: a last read was not answered");
    }
    if (healed) this.compareStates();
    this.checkHistory();
  }

  /** Every replica of the plan takes part, has everything, and the leader says so. */
  private isWell(): boolean {
    const { operator } = this;
    if (this.tuning.waitsForPlan ? !operator.isReached : !operator.isThere) return false;
    return this.operator.plan.groups.every(({ number, members }) => {
      const indexes = new Set<number>();
      for (const member of members) {
        const group = this.machines.get(member)?.process?.groups.get(number);
        if (group?.standing !== "ready") return false;
        indexes.add(group.appliedIndex);
      }
      return indexes.size === 1;
    });
  }

  /** Somebody leads each group. */
  private isLed(): boolean {
    return this.operator.plan.groups.every(({ number }) =>
      [...this.machines.values()].some(
        ({ process }) => process?.groups.get(number)?.isLeading === true,
      ),
    );
  }

  private compareStates(): void {
    for (const { number, members } of this.operator.plan.groups) {
      const states = new Map<string, MemberId>();
      for (const member of members) {
        // What has rotted at rest is mended when somebody reads it, and nobody has.
        if (this.machines.get(member)?.isRotten === true) continue;
        states.set(this.digestOf(member, number), member);
      }
      if (states.size <= 1) continue;
      this.violation(`states of group ${number} differ: ${[...states.values()].join(", ")}`);
    }
  }

  private digestOf(member: MemberId, number: GroupId): string {
    const state = this.machines.get(member)?.process?.groups.get(number)?.state;
    assert(state !== undefined, "a replica that is well has a state");
    let digest = 0n;
    let count = 0;
    for (const range of stateRanges(state.number)) {
      for (const { key, value, index } of state.scan(range)) {
        // Its own record says how far it is, and the prefix is the replica's own affair.
        if (key.byteLength <= 6) continue;
        digest ^= xxh3(Buffer.concat([key.subarray(4), Buffer.from(` ${index} `), value]));
        count += 1;
      }
    }
    return `${count} ${digest.toString(16)}`;
  }

  private checkHistory(): void {
    const found = checkLinearizable(this.clients.finalHistory(), OBJECT_MODEL);
    if (found.kind === "linearizable") return;
    if (found.kind === "undecided") this.violation(`linearizability: undecided for ${found.key}`);
    else this.violation(`linearizability: ${tellViolation(found).join("\n    ")}`);
  }

  private tell(): void {
    const { seen } = this.clients;
    this.recorder.writes += seen.told;
    this.trace(`${JSON.stringify(seen)} terms ${this.watch.terms}`);
  }

  private describe(): string {
    const lines: string[] = [];
    for (const { number, members } of this.operator.plan.groups) {
      for (const member of members) {
        const machine = this.machines.get(member);
        const view = machine?.process?.groups.get(number)?.view();
        const at = machine?.isLost === true ? "lost" : machine?.process === undefined ? "down" : "";
        lines.push(
          `g${number} ${member} ${at}${view === undefined ? "absent" : `${view.role} term ${view.term} leader ${view.leader} commit ${view.commitIndex} applied ${view.appliedIndex} ${view.standing} reached ${view.reachedGeneration} voters ${view.config.voters.join(" ")} learners ${view.config.learners.join(" ")} level ${view.level}`}`,
        );
      }
    }
    return `generation ${this.operator.plan.generation} is not whole: ${lines.join("; ")}`;
  }
}

function firstPlan({ machines, groups, replicas }: GridTuning): Plan {
  return {
    generation: 1,
    groups: Array.from({ length: groups }, (_, at) => {
      const founders = Array.from(
        { length: replicas },
        (_unused, replica) => `m${(at + replica) % machines}` as MemberId,
      );
      return { number: (at + 1) as GroupId, founders, members: founders };
    }),
  };
}

function plain(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(
      ([name, value]) =>
        `${name}=${typeof value === "object" ? JSON.stringify(value) : String(value)}`,
    )
    .join(" ");
}

function describe(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
