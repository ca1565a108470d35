// The mover that ships, between partitions that ship, on three members under one virtual clock:
// slots move while they are written to, and whoever leads either end is killed in the middle.
import { create, fromBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";

import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { CollectionMember, CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { CollectionSpecSchema, SlotMoveProgress, SlotMoveState } from "#api/gen/oaas-admin_pb.ts";
import { GroupMessageSchema } from "#api/gen/oaas-stream_pb.ts";
import { decodeMoveCommand, encodeMoveOutcome, slotSet } from "#workloads/core/moves/index.ts";
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";
import { FEATURE_LEVEL } from "#workloads/core/raft/index.ts";
import { slotOf } from "#workloads/core/slots/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";
import type { OnReply, StreamCall } from "#workloads/platform/index.ts";
import { GrpcFailure } from "#workloads/platform/index.ts";

import type { MoveCollection } from "./move-target.ts";
import { DEFAULT_GROUP_SETTINGS } from "./raft/group.ts";
import { TestGrid } from "./raft/testing/grid.ts";
import { RaftShard } from "./shards/raft.ts";
import type { WriteOutcome } from "./shards/shard.ts";
import type { MoverHost } from "./slot-mover.ts";
import { moveProgressOf, SlotMover } from "./slot-mover.ts";

const ABC = ["a", "b", "c"] as unknown as readonly MemberId[];
const SLOTS = [{ first: 0, last: 2047 }];
const moves = slotSet(SLOTS);
const IDS = Array.from({ length: 24 }, (_, at) => `object-${at}`);
const MOVE = 7n;
const LINK_MS = 1;
/** Between two writes. */
const THINK_MS = 15;
const OPTIONS = { mayGrow: true, view: false } as const;

/** What the operator says: partition 1 takes the lower half over from partition 0. */
function specOf(state: SlotMoveState | undefined, generation: bigint): CollectionSpec {
  return create(CollectionSpecSchema, {
    ...{ collection: "things", generation, partitioning: "Hashed", shardType: "Raft" },
    members: ABC.map((incarnation, ordinal) => ({ id: BigInt(ordinal + 1), ordinal, incarnation })),
    partitions: [0, 1].map((partition) => ({ partition, members: [1n, 2n, 3n] })),
    moves: state === undefined ? [] : [{ id: MOVE, from: 0, to: 1, slots: SLOTS, state }],
  });
}

interface Running {
  readonly shards: readonly RaftShard[];
  readonly mover: SlotMover;
  readonly changed: () => void;
}

/** Three members, two partitions each, and the operator. */
class Town {
  readonly grid: TestGrid;
  readonly running = new Map<MemberId, Running>();
  spec = specOf(undefined, 1n);
  private readonly supports: (member: MemberId) => number;

  constructor(seed: number, supports: (member: MemberId) => number = () => FEATURE_LEVEL) {
    this.grid = new TestGrid(seededRng(seed));
    this.supports = supports;
    for (const id of ABC) this.start(id);
  }

  start(id: MemberId, supports = this.supports(id)): void {
    const { host } = this.grid.start(id);
    const watchers = new Set<() => void>();
    const changed = (): void => host.world.timers.endOfTurn(() => watchers.forEach((run) => run()));
    const raft = { ...DEFAULT_GROUP_SETTINGS.raft, supports };
    const wanted = { generation: 1n, members: ABC };
    const shards = [0, 1].map(
      (partition) =>
        new RaftShard({
          ...{ partition, number: partition + 1, self: id, history: `h${partition}` },
          settings: { wanted, leaseReads: false },
          timers: host.world.timers,
          open: (parts) => {
            const group = (partition + 1) as GroupId;
            const settings = { raft, logEntriesMax: 20 };
            return host.open({ ...parts, group, name: `p${partition}`, founders: ABC, settings });
          },
          onChange: changed,
        }),
    );
    const spec = (): CollectionSpec => this.spec;
    const collection: MoveCollection = {
      name: "things",
      shards,
      get spec() {
        return spec();
      },
    };
    const member: MoverHost = {
      ...{ incarnation: id, mayGrow: true, owner: { ordinal: ABC.indexOf(id) } },
      collections: [collection],
      peers: { linkTo: (to) => ({ call: (call, done) => this.carry(id, to, call, done) }) },
      noteChange: changed,
      watch: (callback) => {
        watchers.add(callback);
        return () => watchers.delete(callback);
      },
    };
    const mover = new SlotMover(member, silentLogger, host.world.timers);
    this.running.set(id, { shards, mover, changed });
  }

  /** As calls.ts answers it; a member that ends says nothing more. */
  private carry(from: MemberId, to: CollectionMember, call: StreamCall, done: OnReply): () => void {
    const { time } = this.grid;
    const none = { response: new Uint8Array(0), more: false, rightPartition: 0, generation: 0n };
    const alive = this.running.get(from);
    const reply = (said: { readonly code: number; reason?: string; response?: Uint8Array }): void =>
      void time.at(LINK_MS, () => {
        if (this.running.get(from) !== alive) return;
        done({ ...none, id: 0, message: "", reason: "", ...said });
      });
    const request = call.request.slice();
    time.at(LINK_MS, () => {
      const there = this.running.get(to.incarnation as MemberId);
      const { partition, payload } = fromBinary(GroupMessageSchema, request);
      const command = decodeMoveCommand(payload);
      const shard = there?.shards[partition];
      assert(command !== undefined, "a command that can be read");
      if (shard?.lead.kind !== "here") {
        reply({ code: status.UNAVAILABLE, reason: "NO_LEADER" });
        return;
      }
      shard.slots.run(command, (outcome) => {
        if (outcome instanceof GrpcFailure) reply({ code: outcome.status, reason: outcome.code });
        else reply({ code: status.OK, response: encodeMoveOutcome(outcome) });
      });
    });
    return () => undefined;
  }

  /** Ends as a crash does, and is back after a while. */
  async crash(id: MemberId): Promise<void> {
    this.grid.members.get(id)?.kill();
    this.running.delete(id);
    await this.grid.time.pass(700);
    this.start(id);
  }

  leader(partition: number): MemberId | undefined {
    const found = [...this.running].find(([, { shards }]) => {
      return shards[partition]?.lead.kind === "here";
    });
    return found?.[0];
  }

  shard(partition: number): RaftShard | undefined {
    const leader = this.leader(partition);
    return leader === undefined ? undefined : this.running.get(leader)?.shards[partition];
  }

  /** The operator's next word. */
  say(state: SlotMoveState | undefined): void {
    this.spec = specOf(state, this.spec.generation + 1n);
    for (const { changed } of this.running.values()) changed();
  }

  get progress(): number {
    const all = [...this.running.values()].flatMap(({ shards }) => shards.flatMap(moveProgressOf));
    return Math.max(0, ...all.map(({ progress }) => progress));
  }

  /** Steps of the operator, each when the source says that it is there. */
  async reach(progress: SlotMoveProgress): Promise<void> {
    await this.grid.time.until(() => this.progress >= progress, `progress ${progress}`, 60_000);
  }
}

/** Writes one object after the other, wherever it is served, and knows what was acknowledged. */
class Writer {
  readonly acknowledged = new Map<string, number>();
  private readonly town: Town;
  private turn = 0;
  private isOver = false;

  constructor(town: Town) {
    this.town = town;
    this.next();
  }

  stop(): void {
    this.isOver = true;
  }

  private next(): void {
    if (this.isOver) return;
    this.turn += 1;
    const id = IDS[this.turn % IDS.length] ?? "";
    this.ask(id, { kind: "key", key: `k${this.turn}`, fingerprint: "f", slot: slotOf(xxh3, id) });
  }

  /** One attempt; the same request again until it is acknowledged. */
  private ask(id: string, identity: Parameters<RaftShard["write"]>[1]["identity"], at = 0): void {
    const { time } = this.town.grid;
    let isDone = false;
    const once = (run: () => void) => (): void => {
      if (isDone) return;
      isDone = true;
      stop();
      run();
    };
    const again = once(() => this.ask(id, identity, moves(slotOf(xxh3, id)) ? 1 - at : at));
    const stop = time.at(400, again);
    const shard = this.town.shard(at);
    // As collection.ts does: a partition made for slots of others serves what has come only.
    const isServed = at === 0 || shard?.slots.markOf(id).kind === "owned";
    if (shard === undefined || !isServed) {
      time.at(20, again);
      return;
    }
    const value = utf8Encode(`${this.turn}`);
    const sets = [{ key: "v", value }];
    const write = { kind: "mutate" as const, id, sets, deletes: [], create: true };
    shard.write(write, { ...OPTIONS, identity }, (outcome: WriteOutcome) => {
      if (outcome.kind !== "done") {
        time.at(20, again);
        return;
      }
      once(() => {
        const before = this.acknowledged.get(id) ?? 0;
        expect([id, outcome.version]).toEqual([id, before + 1]);
        this.acknowledged.set(id, outcome.version);
        time.at(THINK_MS, () => this.next());
      })();
    });
  }
}

function check(town: Town, writer: Writer): void {
  for (const [id, version] of writer.acknowledged) {
    const isMoved = moves(slotOf(xxh3, id));
    const there = town.shard(isMoved ? 1 : 0);
    expect([id, there?.get(id)?.version]).toEqual([id, version]);
    expect([id, town.shard(isMoved ? 0 : 1)?.get(id)]).toEqual([id, undefined]);
    assert(utf8Decode(there?.getValue(id, "v").value ?? new Uint8Array(0)) !== "", "a value");
  }
}

async function led(town: Town): Promise<void> {
  await town.grid.time.until(
    () => [0, 1].every((partition) => town.shard(partition)?.slots.mayMove === true),
    "both partitions are led, at the newest level",
  );
}

describe("slots", () => {
  it.each([1, 2])("move whoever is killed, and nothing is lost, seed %d", async (seed) => {
    const town = new Town(seed);
    await led(town);
    const writer = new Writer(town);
    await town.grid.time.pass(500);
    const kill = async (partition: number): Promise<void> => {
      const leader = town.leader(partition);
      if (leader !== undefined) await town.crash(leader);
    };
    town.say(SlotMoveState.COPYING);
    await town.grid.time.pass(seed * 7);
    await kill(0);
    await town.reach(SlotMoveProgress.COPIED);
    await kill(1);
    town.say(SlotMoveState.CUT_OVER);
    await town.grid.time.pass(seed * 5);
    await kill(seed % 2);
    await town.reach(SlotMoveProgress.ACTIVATED);
    town.say(SlotMoveState.ACTIVATED);
    await kill(0);
    await town.reach(SlotMoveProgress.CLEANED);
    town.say(undefined);
    await town.grid.time.pass(2_000);
    writer.stop();
    await town.grid.time.pass(1_000);
    await led(town);
    expect(writer.acknowledged.size).toBe(IDS.length);
    check(town, writer);
  });

  it("do not move while a replica is of a release that cannot read it", async () => {
    const [, , last] = ABC;
    const town = new Town(5, (id) => (id === last ? FEATURE_LEVEL - 1 : FEATURE_LEVEL));
    const isLed = (): boolean => [0, 1].every((at) => town.leader(at) !== undefined);
    await town.grid.time.until(isLed, "both are led");
    await town.grid.time.pass(1_000);
    town.say(SlotMoveState.COPYING);
    await town.grid.time.pass(1_000);
    expect(town.progress).toBe(SlotMoveProgress.UNSPECIFIED);
    let outcome: unknown;
    const { slots } = town.shard(0) ?? {};
    slots?.run({ kind: "begin", id: 7, to: 1, spans: SLOTS }, (told) => (outcome = told));
    expect(outcome).toMatchObject({ code: "SHARD_NOT_READY" });
    assert(last !== undefined, "there are three");
    town.grid.members.get(last)?.kill();
    town.running.delete(last);
    town.start(last, FEATURE_LEVEL);
    await town.reach(SlotMoveProgress.COPIED);
  });
});
