// What an engine does when its disk fails, fills, rots or is not its own: each fault of the design
// with its stated outcome, on the disk in memory.
import { describe, expect, it } from "@jest/globals";

import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { KvEngine } from "#workloads/core/store/index.ts";
import { StoreError } from "#workloads/core/store/index.ts";

import type { MemoryGround } from "./testing/memory-engine.ts";
import { crashed, memoryGround, openMemoryEngine } from "./testing/memory-engine.ts";
import { VirtualTimers } from "./testing/virtual-timers.ts";

const LIMITS = { segmentBytes: 4_096, checkpointBytes: 1e9, logBytesMax: 1e9 };
const EVERYTHING = { start: new Uint8Array(1), end: new Uint8Array(2).fill(255) };
const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const put = (key: string, value: string, index = 1) => {
  return { key: bytes(key), value: bytes(value), index };
};

function contentOf(engine: KvEngine): readonly string[] {
  return [...engine.scan(EVERYTHING)].map(
    ({ key, value }) => `${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`,
  );
}

interface World {
  ground: MemoryGround;
  readonly timers: VirtualTimers;
  readonly open: (limits?: Partial<typeof LIMITS>) => Promise<KvEngine>;
}

function world(freeSpace?: () => Promise<boolean>): World {
  const timers = new VirtualTimers();
  const made: World = {
    ground: memoryGround(),
    timers,
    open: async (limits = {}) => {
      const options = { timers, limits: { ...LIMITS, ...limits } };
      const opened = await openMemoryEngine(made.ground, {
        ...options,
        ...(freeSpace === undefined ? {} : { freeSpace }),
      });
      if (opened.kind === "damaged") throw new Error(opened.message);
      return opened.engine;
    },
  };
  return made;
}

/** How a promise ended, after everything that waits for no timer has come to its end. */
async function stateOf(timers: VirtualTimers, promise: Promise<unknown>): Promise<string> {
  let state = "pending";
  promise.then(
    () => (state = "done"),
    () => (state = "failed"),
  );
  await timers.settle();
  return state;
}

describe("a failed write, sync or checkpoint", () => {
  it.each(["write", "sync"] as const)("of the log (%s) ends the store", async (what) => {
    const { ground, open } = world();
    const engine = await open();
    const failures: StoreError[] = [];
    engine.whenFailed((cause) => failures.push(cause));
    await engine.commit([put("a", "1")]);
    ground.disk.faults.failNext = what;
    const [first, second] = await Promise.allSettled([
      engine.commit([put("a", "2")]),
      engine.commit([put("b", "2")]),
    ]);
    expect([first, second]).toMatchObject([
      { status: "rejected", reason: { code: "STORE_SUSPECT" } },
      { status: "rejected", reason: { code: "STORE_SUSPECT" } },
    ]);
    expect(failures).toMatchObject([{ code: "STORE_SUSPECT" }]);
    expect(() => engine.get(bytes("a"))).toThrow(StoreError);
    await expect(engine.commit([put("c", "3")])).rejects.toMatchObject({ code: "STORE_SUSPECT" });
    expect(() => contentOf(engine)).toThrow(StoreError);
    await engine.close();
  });

  it("of the log is never tried again", async () => {
    const { ground, open, timers } = world();
    const engine = await open();
    let syncs = 0;
    ground.disk.faults.beforeSync = () => {
      syncs += 1;
      return Promise.resolve();
    };
    ground.disk.faults.failNext = "sync";
    await expect(engine.commit([put("a", "1")])).rejects.toThrow(/EIO/);
    await timers.pass(10_000);
    await engine.close();
    expect(syncs).toBe(1);
  });

  it("of the checkpoint ends the store although nobody commits", async () => {
    const { ground, open } = world();
    const engine = await open();
    await engine.commit([put("a", "1")]);
    const failures: StoreError[] = [];
    engine.whenFailed((cause) => failures.push(cause));
    ground.checkpoint.faults.failNext = true;
    await expect(engine.checkpoint()).rejects.toThrow(/EIO/);
    expect(failures).toHaveLength(1);
    expect(() => engine.get(bytes("a"))).toThrow(StoreError);
  });

  it("of a read at the start is told, and nothing is opened", async () => {
    const made = world();
    const engine = await made.open();
    await engine.commit([put("a", "1")]);
    await engine.close();
    made.ground.disk.faults.failNext = "read";
    await expect(made.open()).rejects.toThrow(/EIO/);
    expect(contentOf(await made.open())).toEqual(["a=1"]);
  });
});

describe("a full disk", () => {
  it("makes commits wait, and lets them go on when there is room", async () => {
    const { ground, open, timers } = world();
    const engine = await open();
    await engine.commit([put("before", "1")]);
    ground.disk.faults.capacityBytes = 8_192;
    const commits = Array.from({ length: 8 }, (_, at) =>
      engine.commit([put(`k${at}`, "v".repeat(1_200))]).then(() => at),
    );
    const last = Promise.all(commits);
    expect(await stateOf(timers, last)).toBe("pending");
    await timers.pass(5_000);
    expect([await stateOf(timers, last), engine.stats().waitsForSpace]).toEqual(["pending", true]);
    // What is durable is still served.
    expect([engine.get(bytes("before"))?.index, engine.get(bytes("k0"))]).toEqual([1, undefined]);
    delete ground.disk.faults.capacityBytes;
    await timers.pass(600);
    expect(await last).toHaveLength(8);
    expect(engine.stats().waitsForSpace).toBe(false);
    await engine.close();
  });

  it("takes the ballast first", async () => {
    let dropped = 0;
    const made = world(() => {
      dropped += 1;
      made.ground.disk.faults.capacityBytes = 40_000;
      return Promise.resolve(true);
    });
    const engine = await made.open();
    made.ground.disk.faults.capacityBytes = 4_096;
    for (let at = 0; at < 6; at += 1) await engine.commit([put(`k${at}`, "v".repeat(1_200))]);
    expect(dropped).toBe(1);
    await engine.close();
  });

  it("postpones a checkpoint and loses nothing", async () => {
    const made = world();
    const engine = await made.open();
    await engine.commit([put("a", "1"), put("b", "v".repeat(500))]);
    made.ground.checkpoint.faults.capacityBytes = 100;
    const done = engine.checkpoint();
    await made.timers.pass(3_000);
    expect(await stateOf(made.timers, done)).toBe("pending");
    await engine.commit([put("a", "2")]);
    expect(engine.get(bytes("a"))?.index).toBe(1);
    delete made.ground.checkpoint.faults.capacityBytes;
    await made.timers.pass(600);
    await done;
    expect(contentOf(engine)[0]).toBe("a=2");
    await engine.close();
  });

  it("refuses a snapshot and leaves no file behind", async () => {
    const { ground, open } = world();
    const engine = await open();
    await engine.commit([put("a", "v".repeat(1_000))]);
    ground.disk.faults.capacityBytes = 4_100;
    await expect(engine.snapshot(EVERYTHING)).rejects.toThrow(/ENOSPC/);
    expect((await ground.disk.names()).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    await engine.commit([put("b", "2")]);
    await engine.close();
  });
});

describe("an old reader", () => {
  it("keeps checkpoints waiting, until the log is too long", async () => {
    const { ground, open, timers } = world();
    const engine = await open({ logBytesMax: 6_000 });
    await engine.commit([put("a", "1")]);
    ground.checkpoint.faults.readerAgeMs = 60_000;
    expect(engine.stats().readerAgeMs).toBe(60_000);
    const done = engine.checkpoint();
    await timers.pass(30_000);
    expect(await stateOf(timers, done)).toBe("pending");
    const commits = Array.from({ length: 8 }, (_, at) =>
      engine.commit([put(`k${at}`, "v".repeat(1_000))]),
    );
    await timers.pass(1_000);
    await done;
    await Promise.all(commits);
    await engine.close();
  });
});

describe("bit rot", () => {
  /** Twelve commits in three segments, the first two in the checkpoint. */
  async function written(): Promise<World> {
    const made = world();
    const engine = await made.open();
    for (let at = 0; at < 12; at += 1) {
      await engine.commit([put(`k${at % 5}`, `${at}`.repeat(400), at)]);
      if (at === 1) await engine.checkpoint();
    }
    await engine.close();
    return made;
  }

  it("in any byte of an acknowledged frame is found, the store never opens as whole", async () => {
    const reference = await written();
    const want = contentOf(await reference.open());
    const seen = { damaged: 0, same: 0 };
    const made = await written();
    for (const name of await made.ground.disk.names()) {
      const size = made.ground.disk.bytesOf(name).byteLength;
      for (let at = 0; at < size; at += 13) {
        made.ground.disk.flipBit(name, at);
        const opened = await openMemoryEngine(made.ground, { timers: made.timers, limits: LIMITS });
        if (opened.kind === "damaged") seen.damaged += 1;
        else {
          expect([name, at, contentOf(opened.engine)]).toEqual([name, at, want]);
          seen.same += 1;
        }
        made.ground.disk.flipBit(name, at);
      }
    }
    expect(seen.damaged).toBeGreaterThan(300);
    expect(seen.same).toBeGreaterThan(10);
  });

  it("of the last frame is damage, since a mark says that it was durable", async () => {
    const made = world();
    const engine = await made.open();
    await engine.commit([put("a", "precious")]);
    // No clean end: the mark comes by itself when there is nothing to do.
    await made.timers.pass(50);
    const ground = crashed(made.ground, { next: () => 0.5, bytes: () => new Uint8Array(0) });
    const [name = ""] = await ground.disk.names();
    ground.disk.flipBit(name, Buffer.from(ground.disk.bytesOf(name)).indexOf("precious"));
    const opened = await openMemoryEngine(ground, { timers: made.timers, limits: LIMITS });
    expect(opened).toMatchObject({
      kind: "damaged",
      message: expect.stringMatching(/damaged at 00000001.seg:/),
    });
  });

  it("leaves a store that may be accepted with what is left; the damage is remembered", async () => {
    const made = await written();
    const [first = ""] = await made.ground.disk.names();
    const lost = Buffer.from(made.ground.disk.bytesOf(first)).indexOf("3".repeat(400));
    made.ground.disk.flipBit(first, lost);
    const options = { timers: made.timers, limits: LIMITS };
    const opened = await openMemoryEngine(made.ground, options);
    if (opened.kind !== "damaged") throw new Error("the damage was not seen");
    expect(opened.get(bytes("k1"))).toMatchObject({ index: 11 });
    // Only the third write of k3 was after the lost one.
    expect(opened.get(bytes("k3"))).toMatchObject({ index: 8 });
    const engine = await opened.accept();
    expect(engine.damage).toEqual({ message: opened.message });
    expect(contentOf(engine)).toHaveLength(5);
    await engine.commit([put("new", "1", 99)]);
    await engine.close();
    const again = await made.open();
    expect(again.damage).toEqual({ message: opened.message });
    expect(again.get(bytes("new"))?.index).toBe(99);
    await again.clearDamage();
    await again.close();
    const healed = await made.open();
    expect([healed.damage, contentOf(healed).length]).toEqual([undefined, 6]);
  });

  it("of a value at rest fails its read, is found by a scrub, and is never passed on", async () => {
    const { ground, open } = world();
    const engine = await open();
    await engine.commit([put("bad", "value"), put("good", "value")]);
    await engine.checkpoint();
    ground.checkpoint.flipBit(bytes("bad"));
    expect(engine.get(bytes("good"))).toBeDefined();
    expect(() => engine.get(bytes("bad"))).toThrow(/checksum of key 626164 does not hold/);
    expect(() => contentOf(engine)).toThrow(/checksum/);
    await expect(engine.snapshot(EVERYTHING)).rejects.toThrow(/checksum/);
    expect(await engine.scrub()).toEqual({ checked: 2, damaged: 1 });
    expect(engine.stats().damagedValues).toBeGreaterThan(0);
    await engine.commit([put("bad", "new")]);
    expect(contentOf(engine)).toEqual(["bad=new", "good=value"]);
    await engine.close();
  });
});

describe("a torn tail", () => {
  it("is cut for good: what lay behind the tear never comes back", async () => {
    const made = world();
    const engine = await made.open();
    await engine.commit([put("a", "kept")]);
    await engine.commit([put("b", "torn")], { sync: false });
    await engine.commit([put("c", "whole")], { sync: false });
    // Of what was not synced: no name, not the first write, all of the second.
    const choices = [0, 0.1, 0.5];
    const rng = { next: () => choices.shift() ?? 0.5, bytes: () => new Uint8Array(0) };
    made.ground = crashed(made.ground, rng);
    const second = await made.open();
    expect(contentOf(second)).toEqual(["a=kept"]);
    // As long as the torn one, so that the whole one would follow it.
    await second.commit([put("d", "next")]);
    made.ground = crashed(made.ground, seededRng(1));
    expect(contentOf(await made.open())).toEqual(["a=kept", "d=next"]);
  });
});

describe("the end of a segment", () => {
  it("is durable before the next segment is", async () => {
    const made = world();
    const engine = await made.open();
    await engine.commit([put("a", "x".repeat(2_000))]);
    await engine.commit([put("b", "y".repeat(1_500))], { sync: false });
    await engine.commit([put("c", "z".repeat(1_500))]);
    expect((await made.ground.disk.names()).length).toBeGreaterThan(1);
    // Everything that was not synced is lost.
    made.ground = crashed(made.ground, { next: () => 0.1, bytes: () => new Uint8Array(0) });
    expect(contentOf(await made.open()).map((each) => each.slice(0, 3))).toEqual([
      ...["a=x", "b=y", "c=z"],
    ]);
  });
});

describe("a log that is not whole or not ours", () => {
  it("is damaged if a segment is missing", async () => {
    const made = world();
    const engine = await made.open();
    for (let at = 0; at < 9; at += 1) await engine.commit([put(`k${at}`, "v".repeat(1_000))]);
    await engine.close();
    const names = await made.ground.disk.names();
    expect(names.length).toBeGreaterThan(2);
    for (const name of names.slice(0, 2)) {
      const ground = crashed(made.ground, seededRng(1));
      await ground.disk.remove(name);
      const opened = await openMemoryEngine(ground, { timers: made.timers, limits: LIMITS });
      expect(opened.kind).toBe("damaged");
      made.ground.disk.power.left = Number.POSITIVE_INFINITY;
    }
  });

  it("is refused by name if it is newer than the program", async () => {
    const made = world();
    await (await made.open()).close();
    const file = await made.ground.disk.open("00000001.seg");
    const header = Buffer.from(await file.read(0, 32));
    header.writeUInt32BE(2, 4);
    header.writeUInt32BE(crcOf(header.subarray(0, 28)), 28);
    await file.write(0, header);
    await expect(made.open()).rejects.toMatchObject({
      code: "STORE_REFUSED",
      message: expect.stringMatching(/log version 2, newer/),
    });
  });

  it("is refused if it belongs to another store", async () => {
    const made = world();
    const engine = await made.open();
    await engine.commit([put("a", "1")]);
    await engine.close();
    const other = { ...memoryGround(), disk: made.ground.disk };
    await expect(openMemoryEngine(other, { timers: made.timers })).rejects.toMatchObject({
      code: "STORE_REFUSED",
      message: expect.stringMatching(/holds data that the checkpoint knows nothing of/),
    });
  });
});

describe("a restore that the power interrupts", () => {
  it("is done or not done", async () => {
    const source = await world().open();
    await source.commit(Array.from({ length: 30 }, (_, at) => put(`m${at + 10}`, "new", 7)));
    const range = { start: bytes("m"), end: bytes("n") };
    const snapshot = await source.snapshot(range);
    const ends = new Set<string>();
    for (let left = 1; left < 90; left += 1) {
      const made = world();
      const engine = await made.open();
      await engine.commit([put("a", "1"), put("m10", "old"), put("m9", "old")]);
      made.ground.disk.power.left = left;
      await Promise.allSettled([engine.restore(range, snapshot.chunks())]);
      made.ground = crashed(made.ground, seededRng(left));
      const after = contentOf(await made.open());
      const isOld = after.join() === "a=1,m10=old,m9=old";
      const isNew = after.length === 31 && after.slice(1).every((each) => each.endsWith("=new"));
      expect([left, isOld || isNew]).toEqual([left, true]);
      ends.add(isOld ? "old" : "new");
      const names = await made.ground.disk.names();
      expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
    }
    expect(ends).toEqual(new Set(["old", "new"]));
  });
});

function crcOf(data: Uint8Array): number {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
