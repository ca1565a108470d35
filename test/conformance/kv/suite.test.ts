// What every engine promises, on every engine.
import { afterAll, describe, expect, it } from "@jest/globals";

import type { KvEngine, Store, StoreSnapshot } from "#workloads/core/store/index.ts";
import { compareBytes, SnapshotError } from "#workloads/core/store/index.ts";

import {
  bytes,
  clearFolders,
  contentOf,
  ENGINES,
  EVERYTHING,
  put,
  remove,
  STORES,
  text,
} from "./engines.ts";

afterAll(clearFolders);

const keysOf = (store: Store, range = EVERYTHING): readonly (string | undefined)[] =>
  [...store.scan(range)].map(({ key }) => text(key));

describe.each(STORES)("a store: $name", ({ place }) => {
  it("gives back values with their index, and nothing for what is removed", async () => {
    const store = await place().open();
    await store.commit([put("a", "1", 7), put("b", "2"), put("empty", "")]);
    await store.commit([remove("b", 8)]);
    expect(store.get(bytes("a"))).toMatchObject({ index: 7 });
    expect(text(store.get(bytes("a"))?.value)).toBe("1");
    expect(store.get(bytes("empty"))?.value.byteLength).toBe(0);
    expect([store.get(bytes("b")), store.get(bytes("never"))]).toEqual([undefined, undefined]);
    await store.close();
  });

  it("scans in byte order, from start to before end, both ways, up to a limit", async () => {
    const store = await place().open();
    const given = ["b", "a", "a\u0000", "\u0080", "ab", "\u0001", "a\u00ff"];
    await store.commit(given.map((key) => put(key, key)));
    const sorted = given.toSorted((a, b) => compareBytes(bytes(a), bytes(b)));
    expect(keysOf(store)).toEqual(sorted);
    const range = { start: bytes("a"), end: bytes("ab") };
    expect(keysOf(store, range)).toEqual(["a", "a\u0000"]);
    const scanned = (options: { reverse?: boolean; limit?: number }) =>
      [...store.scan(EVERYTHING, options)].map(({ key }) => text(key));
    expect(scanned({ reverse: true })).toEqual(sorted.toReversed());
    expect(scanned({ limit: 3 })).toEqual(sorted.slice(0, 3));
    expect(scanned({ reverse: true, limit: 2 })).toEqual(sorted.toReversed().slice(0, 2));
    const down = [...store.scan(range, { reverse: true })].map(({ key }) => text(key));
    expect(down).toEqual(["a\u0000", "a"]);
    await store.close();
  });

  it("scans more than a page, both ways", async () => {
    const store = await place().open();
    const keys = Array.from({ length: 1_000 }, (_, at) => `k${String(at).padStart(4, "0")}`);
    await store.commit(keys.map((key) => put(key, key)));
    expect(keysOf(store)).toEqual(keys);
    const down = [...store.scan(EVERYTHING, { reverse: true })].map(({ key }) => text(key));
    expect(down).toEqual(keys.toReversed());
    await store.close();
  });

  it("shows a commit whole, and only once it is durable", async () => {
    const store = await place().open();
    await store.commit([put("a", "1"), put("b", "1")]);
    const commit = store.commit([put("a", "2"), put("b", "2"), put("a", "3")]);
    const before = contentOf(store);
    await commit;
    expect(before).toEqual(["a=1", "b=1"]);
    expect(contentOf(store)).toEqual(["a=3", "b=2"]);
    await store.close();
  });

  it("keeps everything over a close, and takes the longest key and a long value", async () => {
    const there = place();
    const first = await there.open();
    const long = "k".repeat(1_536);
    await first.commit([put(long, "v"), put("x", "y".repeat(300_000))]);
    const { liveBytes, fileBytes } = first.usage();
    expect(liveBytes).toBeGreaterThan(300_000);
    expect(fileBytes).toBeGreaterThanOrEqual(liveBytes);
    await first.close();
    const second = await there.open();
    expect(keysOf(second)).toEqual([long, "x"]);
    expect(second.get(bytes("x"))?.value.byteLength).toBe(300_000);
    await second.close();
  });

  it("hands out bytes that belong to the reader", async () => {
    const store = await place().open();
    await store.commit([put("a", "value")]);
    store.get(bytes("a"))?.value.fill(0);
    for (const { key, value } of store.scan(EVERYTHING)) {
      key.fill(0);
      value.fill(0);
    }
    expect(contentOf(store)).toEqual(["a=value"]);
    await store.close();
  });
});

/** Engines with everything in the log, and with everything in the checkpoint. */
const WAYS = ENGINES.flatMap((engine) => [
  { ...engine, where: "the log", settle: () => Promise.resolve() },
  { ...engine, where: "the checkpoint", settle: (store: KvEngine) => store.checkpoint() },
]);

describe.each(WAYS)("an engine: $name, values in $where", ({ place, settle }) => {
  it("reads many keys at once and counts a range", async () => {
    const store = await place().open();
    await store.commit(["a", "b", "c", "d"].map((key, at) => put(key, `v${at}`, at)));
    await settle(store);
    await store.commit([remove("b"), put("e", "v4")]);
    const values = store.getMany(["d", "b", "a", "zz"].map(bytes));
    expect(values.map((each) => text(each?.value))).toEqual(["v3", undefined, "v0", undefined]);
    expect(await store.count(EVERYTHING)).toBe(4);
    expect(await store.count({ start: bytes("b"), end: bytes("e") })).toBe(2);
    await store.close();
  });

  it("merges what is new with what rests, and forgets nothing over a restart", async () => {
    const there = place();
    const first = await there.open();
    await first.commit([put("a", "old"), put("b", "old"), put("d", "old")]);
    await settle(first);
    await first.commit([put("a", "new"), remove("b"), put("c", "new")]);
    const want = ["a=new", "c=new", "d=old"];
    expect(contentOf(first)).toEqual(want);
    await first.close();
    const second = await there.open();
    expect(contentOf(second)).toEqual(want);
    await settle(second);
    expect(contentOf(second)).toEqual(want);
    await second.close();
  });

  it("commits under conditions, or refuses as a whole", async () => {
    const store = await place().open();
    await store.commit([put("a", "1", 5)]);
    await settle(store);
    const absent = { key: bytes("b"), index: undefined };
    const isFive = { key: bytes("a"), index: 5 };
    expect(await store.commitIf([isFive, absent], [put("a", "2", 6), put("b", "1", 6)])).toEqual({
      kind: "committed",
    });
    expect(await store.commitIf([isFive], [put("a", "3", 7)])).toEqual({
      kind: "refused",
      condition: isFive,
      actual: 6,
    });
    const refused = await store.commitIf([{ key: bytes("a"), index: 6 }, absent], [remove("a")]);
    expect(refused).toMatchObject({ kind: "refused", condition: absent, actual: 6 });
    expect(contentOf(store)).toEqual(["a=2", "b=1"]);
    await store.close();
  });

  it("lets one of several conditional commits of a turn through", async () => {
    const store = await place().open();
    await store.commit([put("a", "0", 1)]);
    await settle(store);
    const expected = [{ key: bytes("a"), index: 1 }];
    const outcomes = await Promise.all(
      [2, 3, 4].map((index) => store.commitIf(expected, [put("a", String(index), index)])),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(["committed", "refused", "refused"]);
    await store.commit([remove("a", 9)]);
    const again = await store.commitIf([{ key: bytes("a"), index: undefined }], [put("a", "n")]);
    expect(again.kind).toBe("committed");
    await store.close();
  });

  it("reads what is not synced, and keeps it over a close", async () => {
    const there = place();
    const first = await there.open();
    await first.commit([put("a", "1")], { sync: false });
    await settle(first);
    await first.commit([put("b", "2")], { sync: false });
    expect(contentOf(first)).toEqual(["a=1", "b=2"]);
    await first.close();
    const second = await there.open();
    expect(contentOf(second)).toEqual(["a=1", "b=2"]);
    await second.close();
  });

  it("forgets what has expired, and sweeps it", async () => {
    const store = await place().open();
    const past = { expiresAtMs: 1_000 };
    const future = { expiresAtMs: 4_000_000_000_000 };
    await store.commit([
      { ...put("gone", "1"), ...past },
      { ...put("stays", "2", 3), ...future },
      { ...put("renewed", "3"), ...past },
    ]);
    await settle(store);
    await store.commit([put("renewed", "4")]);
    expect(contentOf(store)).toEqual(["renewed=4", "stays=2"]);
    expect([store.get(bytes("gone")), store.get(bytes("stays"))?.index]).toEqual([undefined, 3]);
    expect(await store.count(EVERYTHING)).toBe(2);
    const absent = { key: bytes("gone"), index: undefined };
    expect(await store.commitIf([absent], [put("other", "5")])).toEqual({ kind: "committed" });
    expect(await store.sweep()).toBe(1);
    expect(await store.sweep()).toBe(0);
    expect(contentOf(store)).toEqual(["other=5", "renewed=4", "stays=2"]);
    await store.close();
  });

  it("copies a range as of one moment and makes another range of it", async () => {
    const store = await place().open();
    const value = "v".repeat(3_000);
    const keys = Array.from({ length: 300 }, (_, at) => `m${String(at).padStart(3, "0")}`);
    await store.commit([put("a", "1"), ...keys.map((key) => put(key, value, 4)), put("z", "1")]);
    await store.commit([{ ...put("m000", "soon"), expiresAtMs: 4_000_000_000_000 }]);
    await settle(store);
    const range = { start: bytes("m"), end: bytes("n") };
    let seen: readonly string[] = [];
    const taken = store.snapshot(range, () => (seen = contentOf(store, range)));
    await store.commit([put("m000", "later"), remove("m001")]);
    const snapshot = await taken;
    const stream = await collect(snapshot);
    expect(stream.byteLength).toBe(snapshot.bytes);
    expect(snapshot.count).toBe(seen.length);
    const rest = Buffer.from(await collect(snapshot, 100_000));
    expect(rest.equals(stream.subarray(100_000))).toBe(true);
    await snapshot.discard();

    const there = place();
    const other = await there.open();
    await other.commit([put("a", "mine"), put("m000x", "mine"), put("mz", "mine")]);
    await settle(other);
    await other.restore(range, chunksOf(stream));
    expect(contentOf(other)).toEqual(["a=mine", ...seen]);
    expect(other.get(bytes("m005"))?.index).toBe(4);
    await other.close();
    const reopened = await there.open();
    expect(contentOf(reopened)).toEqual(["a=mine", ...seen]);
    await reopened.close();
    await store.close();
  });

  it("takes one snapshot at a time and goes on committing meanwhile", async () => {
    const store = await place().open();
    await store.commit(Array.from({ length: 2_000 }, (_, at) => put(`k${at}`, "x")));
    await settle(store);
    const moments: number[] = [];
    const snapshots = await Promise.all([
      store.snapshot(EVERYTHING, () => moments.push(1)),
      store.snapshot(EVERYTHING, () => moments.push(2)),
      store.commit([put("new", "x")]),
    ]);
    expect(moments).toEqual([1, 2]);
    expect(snapshots[0].count).toBeGreaterThanOrEqual(2_000);
    expect(snapshots[1].count).toBe(2_001);
    for (const snapshot of snapshots.slice(0, 2)) await (snapshot as StoreSnapshot).discard();
    await store.close();
  });

  it("changes nothing for a stream that is not a whole snapshot of the range", async () => {
    const store = await place().open();
    await store.commit([put("m1", "1"), put("m2", "2")]);
    await settle(store);
    const range = { start: bytes("m"), end: bytes("n") };
    const snapshot = await store.snapshot(range);
    const stream = await collect(snapshot);
    await snapshot.discard();
    const rotten = stream.slice();
    rotten[60] = (rotten[60] ?? 0) ^ 4;
    const cases = [
      stream.subarray(0, stream.byteLength - 40),
      new Uint8Array(0),
      rotten,
      new Uint8Array([...stream, ...stream]),
    ];
    for (const each of cases) {
      await expect(store.restore(range, chunksOf(each))).rejects.toThrow(SnapshotError);
    }
    const elsewhere = { start: bytes("m2"), end: bytes("n") };
    await expect(store.restore(elsewhere, chunksOf(stream))).rejects.toThrow(/outside/);
    expect(contentOf(store)).toEqual(["m1=1", "m2=2"]);
    await store.close();
  });

  it("finds every checksum whole in a scrub", async () => {
    const store = await place().open();
    await store.commit(Array.from({ length: 700 }, (_, at) => put(`k${at}`, "x")));
    await settle(store);
    const { checked, damaged } = await store.scrub();
    expect([checked === 0 || checked === 700, damaged]).toEqual([true, 0]);
    expect(store.stats().damagedValues).toBe(0);
    await store.close();
  });

  it("keeps everything while the log turns over many times", async () => {
    const there = place();
    const limits = { segmentBytes: 16_384, checkpointBytes: 30_000, logBytesMax: 90_000 };
    const store = await there.open(limits);
    for (let round = 0; round < 40; round += 1) {
      const writes = Array.from({ length: 20 }, (_, at) =>
        put(`k${(round + at) % 50}`, `${round}`),
      );
      await store.commit([...writes, put(`big${round % 3}`, "b".repeat(4_000))]);
    }
    const content = contentOf(store);
    expect(store.stats().checkpoints).toBeGreaterThan(1);
    expect(store.stats().logBytes).toBeLessThan(120_000);
    await store.close();
    const again = await there.open(limits);
    expect(contentOf(again)).toEqual(content);
    await again.close();
  });
});

async function collect(snapshot: StoreSnapshot, from?: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot.chunks(from)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** Uneven pieces, as a link would deliver them. */
async function* chunksOf(stream: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  for (let at = 0; at < stream.byteLength; at += 70_001) yield stream.slice(at, at + 70_001);
}
