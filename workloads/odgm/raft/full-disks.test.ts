// Members whose disks fill: who leads, and where data may grow.
import { describe, expect, it } from "@jest/globals";

import { assert } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";

import type { DiskRoom } from "./frames.ts";
import type { Group } from "./group.ts";
import { TestGrid } from "./testing/grid.ts";
import { Words } from "./testing/words.ts";

const [A, B, C] = ["a", "b", "c"] as MemberId[] as [MemberId, MemberId, MemberId];
const ABC = [A, B, C];

/** Three members of one group that A shall lead, and the wish to fill their disks. */
class Disks {
  readonly grid: TestGrid;
  readonly groups = new Map<MemberId, Group>();

  constructor(seed: number) {
    this.grid = new TestGrid(seededRng(seed));
    for (const id of ABC) {
      const group = this.grid.start(id).host.open({
        ...{ group: 7 as GroupId, name: `words of ${id}`, machine: new Words() },
        ...{ wanted: { generation: 1n, members: ABC }, founders: ABC },
      });
      this.groups.set(id, group);
    }
  }

  group(id: MemberId): Group {
    const found = this.groups.get(id);
    assert(found !== undefined, `${id} is open`);
    return found;
  }

  setFull(id: MemberId, isFull: boolean): void {
    this.setDisk(id, isFull ? "full" : "room");
  }

  setDisk(id: MemberId, disk: DiskRoom): void {
    this.grid.members.get(id)?.host.setDisk(disk);
  }

  async ledBy(id: MemberId): Promise<void> {
    await this.grid.time.until(() => this.group(id).isLeading, `${id} leads`);
  }

  async room(id: MemberId, hasRoom: boolean): Promise<void> {
    await this.grid.time.until(() => this.group(id).hasRoom === hasRoom, `room: ${hasRoom}`);
  }
}

async function ledByA(seed = 1): Promise<Disks> {
  const disks = new Disks(seed);
  await disks.ledBy(A);
  return disks;
}

describe("a leader whose disk fills", () => {
  it("hands on its groups to who has room, and has them back when it has room itself", async () => {
    const disks = await ledByA();
    await disks.grid.time.pass(4_000);
    disks.setFull(A, true);
    expect(disks.group(A).hasRoom).toBe(true);
    await disks.ledBy(B);
    expect(disks.group(B).hasRoom).toBe(true);
    disks.setFull(A, false);
    await disks.ledBy(A);
  });

  it("does so while the group sleeps", async () => {
    const disks = await ledByA(2);
    await disks.grid.time.pass(10_000);
    expect(disks.grid.members.get(A)?.host.stats().awake).toBe(0);
    disks.setFull(A, true);
    await disks.ledBy(B);
  });

  it("goes on where nobody has room, and hands on as soon as somebody has", async () => {
    const disks = await ledByA(3);
    for (const id of ABC) disks.setFull(id, true);
    await disks.grid.time.pass(10_000);
    expect(disks.group(A).isLeading).toBe(true);
    expect(disks.group(A).view().reachedGeneration).toBe(1n);
    disks.setFull(C, false);
    await disks.ledBy(C);
  });

  it("hands on to a member with room once that is back and has caught up", async () => {
    const disks = await ledByA(4);
    disks.setFull(B, true);
    disks.grid.isolate(C, true);
    await disks.grid.time.pass(3_000);
    disks.setFull(A, true);
    await disks.grid.time.pass(3_000);
    expect(disks.group(A).isLeading).toBe(true);
    disks.grid.isolate(C, false);
    await disks.ledBy(C);
  });
});

describe("data may grow", () => {
  it("while a majority has room, whoever leads", async () => {
    const disks = await ledByA(5);
    disks.setFull(C, true);
    await disks.grid.time.pass(1_000);
    expect(disks.group(A).hasRoom).toBe(true);
    disks.setFull(B, true);
    await disks.room(A, false);
    disks.setFull(B, false);
    await disks.room(A, true);
  });

  it("not while a commit would need a full disk because another member is away", async () => {
    const disks = await ledByA(6);
    disks.setFull(C, true);
    disks.grid.isolate(B, true);
    await disks.room(A, false);
    disks.grid.isolate(B, false);
    await disks.room(A, true);
  });

  it("not while one is overfull that takes everything in; of who is away it is not the disk", async () => {
    const disks = await ledByA(8);
    disks.setDisk(C, "overfull");
    await disks.room(A, false);
    disks.grid.isolate(C, true);
    await disks.room(A, true);
    disks.grid.isolate(C, false);
    await disks.room(A, false);
    disks.setDisk(C, "full");
    await disks.room(A, true);
  });

  it("with members away as long as no disk is full: that is not what is missing", async () => {
    const disks = await ledByA(7);
    disks.grid.isolate(B, true);
    disks.grid.isolate(C, true);
    await disks.grid.time.pass(500);
    expect(disks.group(A).hasRoom).toBe(true);
  });
});
