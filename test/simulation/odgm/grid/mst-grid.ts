// Replicas of one Mst partition under faults, on the shards that ship. Clients write objects of their
// own, each with rising values, and delete some for good; all write a few that they share. In the
// end every replica shows the same, nothing acknowledged is lost and nothing deleted is back.
import type { Rng } from "#api/base/index.ts";
import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import { WireWriter, scanFields } from "#workloads/core/store/index.ts";
import type { ObjectWrite } from "#workloads/core/store/index.ts";

import type { Recorder } from "../recorder.ts";
import type { MstMembership } from "./mst-machine.ts";
import { MstMachine } from "./mst-machine.ts";
import { Network } from "./network.ts";
import { World } from "./world.ts";

/** What is known of one object of one client. */
interface Owned {
  readonly id: string;
  /** Newest value that was acknowledged, and newest that was asked for. */
  told: number;
  asked: number;
  /** Deleted, which was acknowledged, by a replica that had shown the newest value. */
  isDeleted: boolean;
  isBusy: boolean;
}

const BOOT_MS = 3_000;
const FAULT_MS = 6_000;
/** Pulls come every second; a cut needs a minute. */
const SETTLE_MS = 12_000;
const CUT_MS = 75_000;
const SKEW_MS = 1_500;
const SHARED = ["s0", "s1", "s2"];
const OWNED_MAX = 24;

/** See the top of the file. */
export class MstGrid {
  private readonly rng: Rng;
  private readonly recorder: Recorder;
  private readonly world = new World();
  private readonly network: Network;
  private readonly machines = new Map<string, MstMachine>();
  private readonly owned: Owned[] = [];
  private readonly shared = new Map<string, Set<number>>();
  private membership: MstMembership;
  private values = 0;
  private isCalm = false;
  readonly violations: string[] = [];

  constructor(seed: number, recorder: Recorder) {
    this.rng = seededRng(seed);
    this.recorder = recorder;
    const count = (fault: string): void => recorder.fault(fault);
    this.network = new Network(this.world, this.rng, count);
    this.world.onError = (cause) =>
      this.violation(`uncaught: ${cause instanceof Error ? cause.stack : String(cause)}`);
    const members = ["a", "b", "c"].slice(0, 2 + this.pick(2));
    this.membership = { generation: 1n, members };
    for (const node of members) this.add(node);
  }

  private pick(count: number): number {
    return Math.floor(this.rng.next() * count);
  }

  private violation(text: string): void {
    this.trace(`VIOLATION ${text}`);
    this.violations.push(text);
  }

  private trace(line: string): void {
    this.recorder.line(`${this.world.nowMs.toFixed(2)} ${line}`);
  }

  private add(node: string): void {
    const { world, network, rng, membership } = this;
    const around = {
      world,
      network,
      rng,
      machine: (other: string) => this.machines.get(other),
      trace: (line: string) => this.trace(line),
      violation: (text: string) => this.violation(text),
    };
    const wallOffsetMs = (rng.next() - 0.5) * 2 * SKEW_MS;
    const clock = { rate: 1 + (rng.next() - 0.5) * 0.02, wallOffsetMs };
    const machine = new MstMachine(node, around, { clock, membership });
    this.machines.set(node, machine);
    machine.start();
  }

  /** Runs it to its end. */
  async run(): Promise<void> {
    const { world } = this;
    await world.pass(BOOT_MS);
    for (let client = 0; client < 4; client += 1) this.think();
    this.fault();
    await world.pass(FAULT_MS, () => this.violations.length > 0);
    if (this.pick(3) === 0) await this.replaceOne();
    this.heal();
    // Long enough for deletions to be purged, in some of the runs.
    await world.pass(this.pick(4) === 0 ? CUT_MS : SETTLE_MS, () => this.violations.length > 0);
    if (this.violations.length === 0) this.check();
  }

  private heal(): void {
    this.isCalm = true;
    this.network.heal();
    for (const { ground, clock } of this.machines.values()) {
      Object.assign(ground.speed, { fromMs: 0.3, toMs: 2 });
      clock.wallOffsetMs = Math.max(-SKEW_MS, Math.min(SKEW_MS, clock.wallOffsetMs));
    }
  }

  /** A planned removal: the others have what it has before it goes. */
  private async replaceOne(): Promise<void> {
    this.heal();
    await this.world.pass(SETTLE_MS);
    const [first, ...rest] = this.membership.members;
    assert(first !== undefined, "somebody is there");
    const gone = this.machines.get(first);
    if (gone !== undefined) {
      gone.isGone = true;
      gone.end("kill");
    }
    this.machines.delete(first);
    const members = [...rest, "new"];
    this.membership = { generation: 2n, members };
    for (const machine of this.machines.values()) machine.join(this.membership);
    this.add("new");
    this.recorder.fault("replaced");
    this.isCalm = false;
    for (let client = 0; client < 4; client += 1) this.think();
    this.fault();
    await this.world.pass(FAULT_MS / 2);
  }

  // ---- Clients

  private think(): void {
    this.world.after(20 + this.rng.next() * 150, () => {
      if (this.isCalm) return;
      const luck = this.rng.next();
      if (luck < 0.25) this.writeShared();
      else if (luck < 0.5 && this.owned.length < OWNED_MAX) this.writeOwned(this.own());
      else this.touchOwned();
      this.think();
    });
  }

  private own(): Owned {
    const id = `o${this.owned.length}`;
    const owned = { id, told: 0, asked: 0, isDeleted: false, isBusy: false };
    this.owned.push(owned);
    return owned;
  }

  private get anyMachine(): MstMachine | undefined {
    const all = [...this.machines.values()];
    return all[this.pick(all.length)];
  }

  private write(
    machine: MstMachine,
    write: ObjectWrite,
    done: (isDone: boolean, shard: NonNullable<MstMachine["shard"]>) => void,
  ): void {
    const { loop, shard } = machine;
    if (loop === undefined || shard === undefined) return;
    loop.arrive(() => {
      shard.write(write, { mayGrow: true, view: false }, (outcome) => {
        if (outcome.kind === "done") this.recorder.writes += 1;
        done(outcome.kind === "done", shard);
      });
    });
  }

  private writeShared(): void {
    const machine = this.anyMachine;
    const id = SHARED[this.pick(SHARED.length)] ?? "s0";
    this.values += 1;
    const values = this.shared.get(id) ?? new Set();
    this.shared.set(id, values.add(this.values));
    if (machine !== undefined) this.write(machine, setOf(id, this.values), () => undefined);
  }

  private touchOwned(): void {
    const owned = this.owned[this.pick(this.owned.length)];
    if (owned === undefined || owned.isBusy || owned.isDeleted) return;
    if (this.rng.next() < 0.6) this.writeOwned(owned);
    else this.deleteOwned(owned);
  }

  private writeOwned(owned: Owned): void {
    const machine = this.anyMachine;
    if (machine === undefined || !this.isSeen(owned, machine)) return;
    this.values += 1;
    const value = this.values;
    owned.asked = value;
    this.write(machine, setOf(owned.id, value), (isDone) => {
      if (isDone) owned.told = Math.max(owned.told, value);
    });
  }

  /** Who writes after what it has seen wins over it; what got no answer is left alone. */
  private isSeen({ id, told, asked }: Owned, { shard }: MstMachine): boolean {
    if (shard === undefined || told !== asked) return false;
    return told === 0 || valueOf(shard, id) === told;
  }

  /** For good: where the newest value can be seen, and nobody writes it any more. */
  private deleteOwned(owned: Owned): void {
    const machine = this.anyMachine;
    if (machine === undefined || owned.told === 0 || !this.isSeen(owned, machine)) return;
    owned.isBusy = true;
    this.write(machine, { kind: "delete", id: owned.id }, (isDone) => {
      if (isDone) owned.isDeleted = true;
      else owned.isBusy = false;
    });
  }

  // ---- Faults

  private fault(): void {
    this.world.after(100 + this.rng.next() * 600, () => {
      if (this.isCalm) return;
      this.one();
      this.fault();
    });
  }

  private one(): void {
    const machine = this.anyMachine;
    if (machine === undefined) return;
    const kinds = ["kill", "power-cut", "power-cut-midway", "cut", "one-way-cut", "loss"] as const;
    const more = ["repeats", "delay", "stall", "clock-jump", "slow-disk"] as const;
    const all = [...kinds, ...more];
    const kind = all[this.pick(all.length)] ?? "kill";
    this.recorder.fault(kind);
    this.trace(`fault: ${kind} ${machine.node}`);
    const { weather } = this.network;
    const later = (run: () => void): void => void this.world.after(300 + this.pick(2_500), run);
    switch (kind) {
      case "kill":
        machine.end("kill");
        return;
      case "power-cut":
        machine.end("power");
        return;
      case "power-cut-midway":
        machine.ground.power.left = 1 + this.pick(12);
        return;
      case "cut":
      case "one-way-cut":
        this.cut(machine.node, kind === "cut", later);
        return;
      case "loss":
        weather.lossShare = 0.3;
        later(() => (weather.lossShare = 0));
        return;
      case "repeats":
        weather.repeatShare = 0.4;
        later(() => (weather.repeatShare = 0));
        return;
      case "delay":
        weather.delayMs = this.pick(500);
        later(() => (weather.delayMs = 0));
        return;
      case "stall":
        machine.loop?.pause(100 + this.pick(2_000));
        return;
      case "clock-jump":
        machine.clock.wallOffsetMs += (this.rng.next() - 0.5) * 30_000;
        return;
      case "slow-disk":
        Object.assign(machine.ground.speed, { fromMs: 5, toMs: 300 });
        later(() => Object.assign(machine.ground.speed, { fromMs: 0.3, toMs: 2 }));
        return;
    }
  }

  private cut(node: string, isBothWays: boolean, later: (run: () => void) => void): void {
    const others = [...this.machines.keys()].filter((other) => other !== node);
    const set = (isCut: boolean): void => {
      for (const other of others) {
        this.network.cut(node, other, isCut);
        if (isBothWays) this.network.cut(other, node, isCut);
      }
    };
    set(true);
    later(() => set(false));
  }

  // ---- The end

  private check(): void {
    const views = new Map<string, string>();
    for (const { node, shard } of this.machines.values()) {
      if (shard?.standing.kind !== "ready") {
        this.violation(`liveness: ${node} is not ready: ${shard?.standing.message ?? "down"}`);
        return;
      }
      const { objects } = shard;
      const listed = shard.listObjects({ prefix: "", after: undefined, limit: 1_000 });
      const lines = listed.map(({ id, version }) => `${id}@${version}=${valueOf(shard, id)}`);
      views.set(lines.join(" "), node);
      this.trace(`${node}: ${objects} objects: ${lines.join(" ")}`);
      if (listed.length !== objects) {
        this.violation(`count: ${node} says ${objects} and lists ${listed.length}`);
      }
      for (const owned of this.owned) this.checkOwned(owned, node, valueOf(shard, owned.id));
      for (const [id, values] of this.shared) this.checkShared(id, values, valueOf(shard, id));
    }
    if (views.size > 1) this.violation(`convergence: ${[...views.values()].join(", ")} differ`);
  }

  private checkOwned(owned: Owned, node: string, value: number | undefined): void {
    const { id, told, asked, isDeleted, isBusy } = owned;
    if (isDeleted && value !== undefined) {
      this.violation(`resurrection: ${node} shows ${value} of ${id}, which was deleted`);
    }
    // A deletion without an answer may have happened.
    if (isBusy || told === 0) return;
    if (value === undefined || value < told || value > asked) {
      this.violation(`lost: ${node} shows ${value} of ${id}, acknowledged was ${told}`);
    }
  }

  private checkShared(id: string, values: ReadonlySet<number>, value: number | undefined): void {
    if (value === undefined || values.has(value)) return;
    this.violation(`invented: ${id} is ${value}`);
  }
}

function setOf(id: string, value: number): ObjectWrite {
  const bytes = new WireWriter().bytes(1, utf8Encode(String(value))).finish();
  return { kind: "mutate", id, sets: [{ key: "v", value: bytes }], deletes: [], create: true };
}

function valueOf(shard: NonNullable<MstMachine["shard"]>, id: string): number | undefined {
  const { value } = shard.getValue(id, "v");
  let text: string | undefined;
  if (value !== undefined) {
    scanFields(value, (field, _varint, bytes) => {
      if (field === 1) text = utf8Decode(bytes);
    });
  }
  return text === undefined ? undefined : Number(text);
}

/** Runs one; what was violated. */
export async function runMstGrid(seed: number, recorder: Recorder): Promise<readonly string[]> {
  const grid = new MstGrid(seed, recorder);
  await grid.run();
  return grid.violations;
}
