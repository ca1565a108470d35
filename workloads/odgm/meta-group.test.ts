// Meta groups of several members under one virtual clock: founding, joining, leaving, losing members.
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";

import { assert } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { CollectionSpecSchema, RaftRole } from "#api/gen/oaas-admin_pb.ts";
import type { MemberId } from "#workloads/core/raft/index.ts";
import { systemKey } from "#workloads/core/store/index.ts";

import { MetaGroup } from "./meta-group.ts";
import type { ProposeOutcome } from "./meta-log.ts";
import { TestGrid } from "./raft/testing/grid.ts";
import { encodeSpec } from "./spec.ts";

const COLLECTION = "shop.Cart";
const [A, B, C, D] = ["a", "b", "c", "d"] as MemberId[] as [MemberId, MemberId, MemberId, MemberId];

/** Members by ordinal; `voters` are incarnations too. `note` tells one content from another. */
function spec(
  members: readonly MemberId[],
  voters: readonly MemberId[],
  note = "",
): CollectionSpec {
  const idOf = (name: MemberId): bigint => BigInt([A, B, C, D].indexOf(name) + 1);
  return create(CollectionSpecSchema, {
    collection: COLLECTION,
    partitioning: "Explicit",
    shardType: "Basic",
    persistent: true,
    members: members.map((incarnation, ordinal) => ({
      id: idOf(incarnation),
      ordinal,
      incarnation,
      linkAddress: `${incarnation}:8081`,
    })),
    partitions: [{ partition: 0, members: [idOf(members[0] ?? A)], founded: 1n }],
    metaVoters: voters.map(idOf),
    options: { note },
  });
}

class Village {
  readonly grid = new TestGrid(seededRng(5));
  readonly groups = new Map<MemberId, MetaGroup>();

  async start(id: MemberId, ordinal: number, served?: CollectionSpec): Promise<MetaGroup> {
    const { host, disk } = this.grid.start(id);
    const group = new MetaGroup({
      host,
      store: {
        get: (key) => disk.get(key),
        commit: (writes) => {
          disk.apply(writes);
          return Promise.resolve();
        },
      },
      collection: COLLECTION,
      ordinal,
      onChange: () => undefined,
    });
    this.groups.set(id, group);
    await this.ends(group.start());
    if (served !== undefined) await group.serve(served);
    return group;
  }

  kill(id: MemberId): void {
    this.grid.members.get(id)?.kill();
    this.groups.delete(id);
  }

  of(id: MemberId): MetaGroup {
    const group = this.groups.get(id);
    assert(group !== undefined, `${id} runs`);
    return group;
  }

  /** Lets time pass until this has ended. */
  async ends<T>(promise: Promise<T>): Promise<T> {
    let end: { readonly value: T } | { readonly cause: unknown } | undefined;
    promise.then(
      (value) => (end = { value }),
      (cause: unknown) => (end = { cause }),
    );
    await this.grid.time.until(() => end !== undefined, "the call ends");
    assert(end !== undefined, "the call has ended");
    if ("cause" in end) throw end.cause;
    return end.value;
  }

  propose(at: MemberId, expected: bigint, wanted: CollectionSpec): Promise<ProposeOutcome> {
    return this.ends(this.of(at).propose(expected, wanted));
  }

  leader(): MemberId | undefined {
    for (const [id, { status }] of this.groups) if (status?.role === RaftRole.LEADER) return id;
    return undefined;
  }

  /** Waits until somebody leads and says that this generation's voters are reached. */
  async reached(generation: bigint): Promise<MemberId> {
    const isThere = (): boolean =>
      [...this.groups.values()].some(({ status }) => status?.reachedGeneration === generation);
    await this.grid.time.until(isThere, `voters of generation ${generation}`);
    const leader = this.leader();
    assert(leader !== undefined, "somebody leads");
    return leader;
  }

  /** Commits and hands out a generation, as the operator does. */
  async bring(at: MemberId, expected: bigint, wanted: CollectionSpec): Promise<void> {
    expect(await this.propose(at, expected, wanted)).toEqual({
      kind: "committed",
      generation: expected + 1n,
    });
    const { committed } = this.of(at);
    assert(committed !== undefined, "it was committed here");
    for (const group of this.groups.values()) await this.ends(group.serve(committed));
  }
}

/** Three members whose generation 2 names them all as voters. */
async function three(): Promise<Village> {
  const village = new Village();
  await village.start(A, 0);
  await village.start(B, 1);
  await village.start(C, 2);
  await village.bring(A, 0n, spec([A, B, C], [A]));
  await village.bring(A, 1n, spec([A, B, C], [A, B, C]));
  await village.reached(2n);
  return village;
}

describe("a group of one voter", () => {
  it("is founded by ordinal 0 with its first generation, and by nobody else", async () => {
    const village = new Village();
    await village.start(A, 0);
    await village.start(B, 1);
    expect(village.of(A).status).toBeUndefined();
    await expect(village.propose(B, 0n, spec([A, B], [A]))).rejects.toThrow("has no vote");
    await village.bring(A, 0n, spec([A, B], [A]));
    expect(village.of(A).status).toMatchObject({ role: RaftRole.LEADER, voters: [A] });
    expect(village.of(B).status).toBeUndefined();
  });

  it("answers a repeated proposal with the number that it has, and others with a conflict", async () => {
    const village = new Village();
    await village.start(A, 0);
    const first = spec([A], [A]);
    await village.bring(A, 0n, first);
    expect(await village.propose(A, 0n, first)).toEqual({ kind: "committed", generation: 1n });
    const other = await village.propose(A, 0n, spec([A], [A], "other"));
    expect(other).toEqual({ kind: "conflict", current: 1n });
    const bad = await village.propose(A, 1n, spec([A], [A, B]));
    expect(bad.kind).toBe("refused");
  });

  it("keeps its generation over a crash", async () => {
    const village = new Village();
    await village.start(A, 0);
    await village.bring(A, 0n, spec([A], [A]));
    village.kill(A);
    await village.start(A, 0);
    const knows = (): boolean => village.of(A).committed?.generation === 1n;
    await village.grid.time.until(knows, "its log is applied again");
    await village.bring(A, 1n, spec([A], [A], "second"));
  });

  it("goes on from what members serve, once, after its store was lost", async () => {
    const village = new Village();
    await village.start(A, 0);
    const served = { ...spec([A, B], [A]), generation: 7n };
    const adopt = () => village.ends(village.of(A).adopt(served));
    expect(await adopt()).toEqual({ kind: "committed", generation: 7n });
    expect(await adopt()).toEqual({ kind: "committed", generation: 7n });
    await village.bring(A, 7n, spec([A, B], [A], "next"));
    expect(await adopt()).toEqual({ kind: "conflict", current: 8n });
  });

  it("takes over the record of a release that had no group", async () => {
    const village = new Village();
    const { disk } = village.grid.start(A);
    const key = systemKey(`meta/${COLLECTION}`);
    const value = encodeSpec({ ...spec([A], [A]), generation: 5n });
    disk.apply([{ key, value, index: 0 }]);
    await village.start(A, 0);
    expect(village.of(A).generation).toBe(5n);
    expect(disk.get(key)).toBeUndefined();
    await village.bring(A, 5n, spec([A], [A], "next"));
  });
});

describe("a group of three voters", () => {
  it("grows out of the first one, and all know the generation", async () => {
    const village = await three();
    const isKnown = (): boolean =>
      [A, B, C].every((id) => village.of(id).committed?.generation === 2n);
    await village.grid.time.until(isKnown, "everybody knows generation 2");
    expect(village.of(A).status).toMatchObject({ voters: [A, B, C], learners: [] });
  });

  it("tells who leads when another voter is asked", async () => {
    const village = await three();
    const outcome = await village.propose(B, 2n, spec([A, B, C], [A, B, C], "x"));
    expect(outcome).toEqual({ kind: "not-leader", leader: A });
  });

  it("goes on without a voter that dies, even the founder, and takes it back", async () => {
    const village = await three();
    village.kill(A);
    await village.grid.time.until(() => village.leader() !== undefined, "another one leads");
    const leader = village.leader() ?? B;
    await village.bring(leader, 2n, spec([A, B, C], [A, B, C], "without a"));
    await village.start(A, 0);
    const knows = (): boolean => village.of(A).committed?.generation === 3n;
    await village.grid.time.until(knows, "a learns of generation 3");
  });

  it("replaces a founder whose store was lost: the new one learns, the number goes on", async () => {
    const village = await three();
    village.kill(A);
    await village.grid.time.until(() => village.leader() !== undefined, "another one leads");
    await village.start(D, 0);
    const leader = village.leader() ?? B;
    await village.bring(leader, 2n, spec([D, B, C], [D, B, C]));
    await village.reached(3n);
    const knows = (): boolean => village.of(D).committed?.generation === 3n;
    await village.grid.time.until(knows, "d learns of generation 3");
    const { status } = village.of(village.leader() ?? B);
    expect([...(status?.voters ?? [])].sort()).toEqual([B, C, D]);
  });

  it("lets voters go who are not named any more, and serves on without them", async () => {
    const village = await three();
    await village.bring(A, 2n, spec([A, B, C], [A]));
    await village.reached(3n);
    village.kill(B);
    village.kill(C);
    await village.bring(A, 3n, spec([A, B, C], [A], "alone"));
    expect(village.of(A).status).toMatchObject({ role: RaftRole.LEADER, voters: [A] });
  });
});
