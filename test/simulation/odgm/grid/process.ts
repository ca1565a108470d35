// One process of a simulated grid: the store, the group commit, the host of Raft groups and its
// shards, put together as workloads/odgm/member.ts does it, over a disk, links and a clock that the
// simulation owns.
import type { LogFields, Logger, Rng } from "#api/base/index.ts";
import { assert, errorMessage } from "#api/base/index.ts";
import { Committer } from "#workloads/odgm/committer.ts";
import { guardStore } from "#workloads/odgm/guard.ts";
import type { Group, GroupOptions } from "#workloads/odgm/raft/group.ts";
import { DEFAULT_GROUP_SETTINGS } from "#workloads/odgm/raft/group.ts";
import { GroupHost } from "#workloads/odgm/raft/host.ts";
import type { GroupLinks } from "#workloads/odgm/raft/ports.ts";
import type { RaftShardSettings } from "#workloads/odgm/shards/raft.ts";
import { historyOf, RaftShard } from "#workloads/odgm/shards/raft.ts";
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";
import type { KvEngine, Store } from "#workloads/core/store/index.ts";
import { systemKey } from "#workloads/core/store/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";
import type { EngineLimits, OpenOutcome } from "#workloads/platform/kv/index.ts";
import { ENGINE_LIMITS, openEngine, storeCrc32 } from "#workloads/platform/kv/index.ts";

import type { Ground } from "./disk.ts";
import type { Loop } from "./loop.ts";
import type { Plan, PlannedGroup } from "./plan.ts";
import { decodePlan, encodePlan } from "./plan.ts";

/** Sizes that make segments, checkpoints and snapshots often. */
const LIMITS: EngineLimits = {
  ...ENGINE_LIMITS,
  segmentBytes: 4 << 10,
  frameBytes: 32 << 10,
  checkpointBytes: 8 << 10,
  logBytesMax: 32 << 10,
  putsMax: 50,
};

/** How groups behave in one simulation. */
export interface GroupTuning {
  readonly logEntriesMax: number;
  readonly digestEntries: number;
  readonly leaseReads: boolean;
  readonly quiesceTicks: number;
}

/** What a process tells of itself. */
export interface ProcessObserver {
  log(level: "info" | "warn" | "error", message: string, fields: LogFields): void;
  /** A replica may have another role. */
  changed(group: Group): void;
  /** What a group's machine is fed with goes through here. */
  watched(member: MemberId, options: GroupOptions): GroupOptions["machine"];
}

/** What a process runs on. */
export interface ProcessOptions {
  readonly member: MemberId;
  readonly ground: Ground;
  readonly loop: Loop;
  readonly rng: Rng;
  readonly links: GroupLinks;
  readonly tuning: GroupTuning;
  /** Feature level of its release. */
  readonly supports: number;
  readonly observer: ProcessObserver;
  /** The store has failed: the process is to end. */
  readonly onStoreFailure: (cause: unknown) => void;
}

/** How a start ended. */
export type Started =
  | { readonly kind: "ready"; readonly process: Process }
  /** Nothing can be made of the store: a person, or another member, has to help. */
  | { readonly kind: "refused"; readonly message: string };

const PLAN = systemKey("applied/simulated");

/** See the top of the file. */
export class Process {
  readonly engine: KvEngine;
  readonly host: GroupHost;
  readonly shards = new Map<GroupId, RaftShard>();
  /** The replicas behind the shards. */
  readonly groups = new Map<GroupId, Group>();
  private readonly options: ProcessOptions;
  private readonly store: Store;
  private readonly committer: Committer;
  plan: Plan;

  private constructor(options: ProcessOptions, engine: KvEngine, plan: Plan) {
    const { loop, rng, links, member, onStoreFailure } = options;
    this.options = options;
    this.engine = engine;
    this.plan = plan;
    const log = logOf(options.observer, {});
    this.store = guardStore(engine, onStoreFailure, () => undefined);
    this.committer = new Committer(this.store, {
      observer: { committed: () => undefined },
      log,
      timers: loop.forStore,
    });
    this.host = new GroupHost(member, {
      store: this.store,
      committer: this.committer,
      links,
      clock: loop,
      timers: loop,
      rng,
      hasher: xxh3,
      log,
      observer: {
        proposed: () => undefined,
        commandApplied: () => undefined,
        leaderChanged: () => undefined,
        loopLag: () => undefined,
        snapshot: () => undefined,
      },
    });
  }

  /** Opens what is on the disk; `first` is the plan of a disk that holds none. */
  static async start(options: ProcessOptions, first: Plan): Promise<Started> {
    let found: OpenOutcome;
    let stored: Uint8Array | undefined;
    try {
      found = await openStore(options);
      stored = (found.kind === "damaged" ? found.get(PLAN) : found.engine.get(PLAN))?.value;
    } catch (cause: unknown) {
      return { kind: "refused", message: errorMessage(cause) };
    }
    if (found.kind === "damaged") {
      options.observer.log("error", "the store is damaged", { message: found.message });
      if (stored === undefined) return { kind: "refused", message: found.message };
    }
    const engine = found.kind === "damaged" ? await found.accept() : found.engine;
    const process = new Process(options, engine, stored === undefined ? first : decodePlan(stored));
    try {
      if (stored === undefined) await process.keep(first);
      await process.serve();
    } catch (cause: unknown) {
      return { kind: "refused", message: errorMessage(cause) };
    }
    options.ground.reopened();
    return { kind: "ready", process };
  }

  private async serve(): Promise<void> {
    this.host.damage = this.engine.damage?.message;
    this.takeUp(this.plan);
    if (this.host.damage === undefined) return;
    await this.committer.drain();
    await this.engine.clearDamage();
    this.host.damage = undefined;
  }

  private async keep(plan: Plan): Promise<void> {
    await this.store.commit([{ key: PLAN, value: encodePlan(plan), index: 0 }]);
  }

  /** A newer plan is in force here once it is durable. */
  async apply(plan: Plan): Promise<void> {
    if (plan.generation <= this.plan.generation) return;
    await this.keep(plan);
    if (plan.generation <= this.plan.generation) return;
    this.plan = plan;
    this.takeUp(plan);
  }

  private takeUp(plan: Plan): void {
    for (const group of plan.groups) this.place(group, plan.generation);
  }

  /** As `ServedCollection` does: what is here stays until its group has let go of it. */
  private place(planned: PlannedGroup, generation: number): void {
    const { number, members } = planned;
    const { member, tuning } = this.options;
    const isHere = members.includes(member);
    const wanted = { generation: BigInt(generation), members };
    const settings = { wanted, leaseReads: tuning.leaseReads };
    const known = this.shards.get(number);
    if (known !== undefined) {
      known.configure(settings);
      if (isHere || known.takesPart) return;
      this.shards.delete(number);
      this.groups.delete(number);
      known.remove();
      return;
    }
    if (isHere || this.host.holds(number)) this.open(planned, settings);
  }

  private open(planned: PlannedGroup, settings: RaftShardSettings): void {
    const { number, founders } = planned;
    const { host } = this;
    const { tuning, supports, observer, member } = this.options;
    const { leaseReads, quiesceTicks, logEntriesMax, digestEntries } = tuning;
    const raft = { ...DEFAULT_GROUP_SETTINGS.raft, leaseReads, quiesceTicks, supports };
    const shard = new RaftShard({
      partition: number,
      number,
      self: host.self,
      history: historyOf(founders, xxh3),
      settings,
      timers: host.world.timers,
      open: (parts) => {
        const options: GroupOptions = {
          ...parts,
          group: number,
          name: `g${number}`,
          founders,
          settings: { raft, logEntriesMax, digestEntries },
        };
        const group = host.open({ ...options, machine: observer.watched(member, options) });
        this.groups.set(number, group);
        return group;
      },
      onChange: () => this.changed(planned.number),
    });
    this.shards.set(number, shard);
  }

  private changed(number: GroupId): void {
    const { observer, loop } = this.options;
    const group = this.groups.get(number);
    if (group !== undefined) observer.changed(group);
    if (this.shards.get(number)?.takesPart !== false) return;
    // Not while the group is telling of it.
    loop.endOfTurn(() => {
      const planned = this.plan.groups.find((each) => each.number === number);
      assert(planned !== undefined, "a group that was opened is in every later plan");
      this.place(planned, this.plan.generation);
    });
  }

  /** True while a replica here is not whole. */
  get isUnwell(): boolean {
    if (this.engine.damage !== undefined) return true;
    return [...this.groups.values()].some(({ standing }) => standing !== "ready");
  }
}

function openStore({ ground, loop, rng }: ProcessOptions): Promise<OpenOutcome> {
  const { disk, checkpoint } = ground.openedBy(loop, rng);
  return openEngine(
    {
      disk,
      checkpoint,
      timers: loop.forStore,
      crc32: storeCrc32,
      limits: LIMITS,
      freeSpace: () => Promise.resolve(false),
    },
    () => rng.bytes(8),
  );
}

function logOf(observer: ProcessObserver, bound: LogFields): Logger {
  return {
    debug: () => undefined,
    info: (message, fields) => observer.log("info", message, { ...bound, ...fields }),
    warn: (message, fields) => observer.log("warn", message, { ...bound, ...fields }),
    error: (message, fields) => observer.log("error", message, { ...bound, ...fields }),
    child: (fields) => logOf(observer, { ...bound, ...fields }),
  };
}
