// What goes wrong in a simulated grid. Every seed has its own selection of faults and how often they
// come; those that destroy what was acknowledged hit one machine at a time, until it has learned
// everything anew, unless the seed is one that goes beyond what a majority can mend.
import type { Rng } from "#api/base/index.ts";
import { assert } from "#api/base/index.ts";
import type { MemberId } from "#workloads/core/raft/index.ts";
import { FEATURE_LEVEL } from "#workloads/core/raft/index.ts";

import type { Machine } from "./machine.ts";
import type { Network } from "./network.ts";
import type { Operator } from "./operator.ts";
import type { World } from "./world.ts";

/** What faults are done to. */
export interface FaultWorld {
  readonly world: World;
  readonly network: Network;
  readonly rng: Rng;
  readonly operator: Operator;
  machines(): readonly Machine[];
  /** Counts a fault that was injected. */
  count(fault: string): void;
  trace(line: string): void;
}

/** How much of it there is. */
export interface FaultTuning {
  /** Between two faults, on average. */
  readonly everyMs: number;
  /** Share of all kinds that a seed uses. */
  readonly share: number;
  /** Acknowledged data of a majority may be destroyed. */
  readonly beyondRepair: boolean;
}

/** One kind of fault; false if it was not possible just now. */
type Fault = (faults: Faults) => boolean;

/** Faults that hit one machine hit one that leads this often. */
const LEADER_SHARE = 0.5;
const JUMP_MS_MAX = 2 * 3_600_000;

/** See the top of the file. */
export class Faults {
  readonly around: FaultWorld;
  readonly tuning: FaultTuning;
  private readonly kinds: readonly (readonly [string, Fault])[];
  private isOver = false;

  constructor(around: FaultWorld, tuning: FaultTuning) {
    this.around = around;
    this.tuning = tuning;
    const all = Object.entries(KINDS);
    const some = all.filter(() => around.rng.next() < tuning.share);
    this.kinds = some.length === 0 ? all : some;
  }

  /** Which kinds there are in this seed. */
  get names(): readonly string[] {
    return this.kinds.map(([name]) => name);
  }

  /** They begin. */
  start(): void {
    const { world, rng } = this.around;
    world.after(this.tuning.everyMs * 2 * rng.next(), () => {
      if (this.isOver) return;
      this.next();
      this.start();
    });
  }

  private next(): void {
    const { rng, count, trace } = this.around;
    const [name, fault] = this.kinds[Math.floor(rng.next() * this.kinds.length)] ?? [];
    assert(name !== undefined && fault !== undefined, "there is a kind of fault");
    trace(`fault: ${name}`);
    if (fault(this)) count(name);
  }

  /** No more of it: everything that can be repaired is. */
  stop(): void {
    this.isOver = true;
    this.around.network.heal();
    for (const machine of this.around.machines()) {
      mend(machine);
      machine.keepDown(false);
    }
  }

  /** Undone after a while, between so long and so long. */
  undo(ms: readonly [number, number], run: () => void): void {
    const { world, rng } = this.around;
    world.after(ms[0] + rng.next() * (ms[1] - ms[0]), run);
  }

  /** Some machine whose process runs. */
  running(): Machine | undefined {
    const running = this.around.machines().filter(({ process }) => process !== undefined);
    const leading = running.filter(({ process }) => (process?.host.stats().leading ?? 0) > 0);
    const { rng } = this.around;
    const from = rng.next() < LEADER_SHARE && leading.length > 0 ? leading : running;
    return from[Math.floor(rng.next() * from.length)];
  }

  /** Some machine that may lose what it has acknowledged. */
  expendable(): Machine | undefined {
    const machine = this.running();
    if (machine === undefined || this.tuning.beyondRepair) return machine;
    return this.isWhole ? machine : undefined;
  }

  /** Nobody lacks anything that was acknowledged. */
  private get isWhole(): boolean {
    const { operator } = this.around;
    const { members } = operator;
    const isUnwell = this.around.machines().some((machine) => {
      const { process, isLost, member } = machine;
      if (isLost) return members.has(member);
      return machine.isHurt || (members.has(member) && process?.isUnwell === true);
    });
    const isSmall = operator.plan.groups.some((group) => group.members.length < 3);
    return !isUnwell && !isSmall && operator.isThere;
  }

  /** A number up to this. */
  upTo(most: number): number {
    return Math.floor(this.around.rng.next() * most);
  }
}

function mend(machine: Machine): void {
  Object.assign(machine.ground.speed, { fromMs: 0.3, toMs: 2 });
  machine.ground.fill(undefined);
  machine.ground.disown();
  const { power } = machine.ground;
  if (!power.isOff) power.left = Number.POSITIVE_INFINITY;
}

function hurt(faults: Faults, machine: Machine): void {
  machine.isHurt = true;
  faults.around.trace(`${machine.member} is hurt`);
}

function names(faults: Faults): readonly MemberId[] {
  return faults.around.machines().map(({ member }) => member);
}

/** Cuts a machine off, in one direction or both, from some others or all. */
function cutOff(faults: Faults, isBothWays: boolean): boolean {
  const machine = faults.running();
  if (machine === undefined) return false;
  const { network, rng } = faults.around;
  const isInbound = rng.next() < 0.5;
  const others = names(faults).filter((each) => each !== machine.member && rng.next() < 0.8);
  const clients = Array.from({ length: 12 }, (_, at) => `c${at}`).filter(() => rng.next() < 0.5);
  const set = (isCut: boolean): void => {
    for (const other of [...others, ...clients]) {
      if (isBothWays || isInbound) network.cut(other, machine.member, isCut);
      if (isBothWays || !isInbound) network.cut(machine.member, other, isCut);
    }
  };
  set(true);
  faults.undo([200, 4_000], () => set(false));
  return true;
}

function weather(faults: Faults, bad: Partial<Network["weather"]>): boolean {
  const { network } = faults.around;
  Object.assign(network.weather, bad);
  faults.undo([300, 3_000], () => {
    Object.assign(network.weather, { lossShare: 0, repeatShare: 0, delayMs: 0 });
  });
  return true;
}

/** The next operation of this kind fails; the process does not outlive it, nor the disk. */
function failNext(faults: Faults, what: "write" | "sync" | "commit"): boolean {
  const machine = faults.expendable();
  if (machine === undefined) return false;
  hurt(faults, machine);
  machine.isDoomed = true;
  if (what === "commit") machine.ground.checkpoint.faults.failNext = true;
  else machine.ground.disk.faults.failNext = what;
  return true;
}

const KINDS: Readonly<Record<string, Fault>> = {
  kill: (faults) => {
    const machine = faults.running();
    machine?.end("kill");
    return machine !== undefined;
  },
  "power-cut": (faults) => {
    const machine = faults.running();
    machine?.end("power");
    return machine !== undefined;
  },
  // In the middle of whatever the disk is asked for next.
  "power-cut-midway": (faults) => {
    const machine = faults.running();
    if (machine === undefined) return false;
    machine.ground.power.left = 1 + faults.upTo(12);
    return true;
  },
  "power-cut-everywhere": (faults) => {
    for (const machine of faults.around.machines()) {
      if (machine.loop !== undefined) machine.end("power");
    }
    return true;
  },
  away: (faults) => {
    const machine = faults.running();
    if (machine === undefined) return false;
    machine.keepDown(true);
    machine.end("kill");
    faults.undo([1_000, 8_000], () => machine.keepDown(false));
    return true;
  },
  cut: (faults) => cutOff(faults, true),
  "one-way-cut": (faults) => cutOff(faults, false),
  loss: (faults) => weather(faults, { lossShare: 0.05 + faults.around.rng.next() * 0.3 }),
  repeats: (faults) => weather(faults, { repeatShare: 0.3 }),
  delay: (faults) => weather(faults, { delayMs: faults.upTo(400) }),
  stall: (faults) => {
    const { loop } = faults.running() ?? {};
    loop?.pause(faults.upTo(4) === 0 ? 100 + faults.upTo(2_500) : 700 + faults.upTo(900));
    return loop !== undefined;
  },
  // In the middle of a call.
  "stall-midway": (faults) => {
    const { loop } = faults.running() ?? {};
    loop?.pauseLater(faults.upTo(40), 700 + faults.upTo(900));
    return loop !== undefined;
  },
  "clock-jump": (faults) => {
    const machine = faults.running();
    if (machine === undefined) return false;
    machine.clock.wallOffsetMs = (faults.around.rng.next() - 0.5) * 2 * JUMP_MS_MAX;
    return true;
  },
  "slow-disk": (faults) => {
    const { ground } = faults.running() ?? {};
    if (ground === undefined) return false;
    Object.assign(ground.speed, { fromMs: 5, toMs: 20 + faults.upTo(600) });
    faults.undo([500, 4_000], () => Object.assign(ground.speed, { fromMs: 0.3, toMs: 2 }));
    return true;
  },
  "full-disk": (faults) => {
    const { ground } = faults.running() ?? {};
    if (ground === undefined) return false;
    ground.fill(faults.upTo(8) << 10);
    faults.undo([500, 4_000], () => ground.fill(undefined));
    return true;
  },
  "sync-fails": (faults) => failNext(faults, "sync"),
  "write-fails": (faults) => failNext(faults, "write"),
  "commit-fails": (faults) => failNext(faults, "commit"),
  "bit-rot": (faults) => {
    const machine = faults.expendable();
    if (machine?.ground.rotLog(faults.around.rng) !== true) return false;
    hurt(faults, machine);
    machine.end(faults.upTo(2) === 0 ? "kill" : "power");
    return true;
  },
  // Nobody may ever read it, so it can stay there.
  "bit-rot-at-rest": (faults) => {
    const machine = faults.expendable();
    if (machine?.ground.rotCheckpoint(faults.around.rng) !== true) return false;
    hurt(faults, machine);
    machine.isRotten = true;
    if (faults.upTo(2) === 0) machine.end("kill");
    return true;
  },
  "lost-disk": (faults) => {
    const machine = faults.expendable();
    if (machine === undefined) return false;
    hurt(faults, machine);
    machine.end("lost");
    return true;
  },
  members: (faults) => faults.around.operator.change(),
  resign: (faults) => {
    const { process } = faults.running() ?? {};
    process?.host.resign(500 + faults.upTo(3_000));
    return process !== undefined;
  },
  upgrade: (faults) => {
    const machine = faults.running();
    if (machine === undefined || machine.supports === FEATURE_LEVEL) return false;
    machine.supports = FEATURE_LEVEL;
    machine.end("kill");
    return true;
  },
  checkpoint: (faults) => {
    const machine = faults.running();
    machine?.checkpoint();
    return machine !== undefined;
  },
};
