// Group commit against a store that is durable when the test says so.
import { describe, expect, it } from "@jest/globals";

import type { Store, StoreValue, StoreWrite } from "#workloads/core/store/index.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";

import { Committer } from "./committer.ts";
import { BasicShard } from "./shards/basic.ts";

/** Commits wait for {@link ManualStore.release}. */
class ManualStore implements Store {
  readonly commits: (readonly StoreWrite[])[] = [];
  readonly #values = new Map<string, StoreValue & { key: Uint8Array }>();
  #release: (() => void) | undefined;

  get(key: Uint8Array): StoreValue | undefined {
    return this.#values.get(hex(key));
  }

  *scan(range: { readonly start: Uint8Array; readonly end: Uint8Array }) {
    const [start, end] = [hex(range.start), hex(range.end)];
    for (const name of [...this.#values.keys()].sort()) {
      const item = this.#values.get(name);
      if (item !== undefined && name >= start && name < end) yield item;
    }
  }

  async commit(writes: readonly StoreWrite[]): Promise<void> {
    this.commits.push(writes);
    await new Promise<void>((resolve) => {
      this.#release = resolve;
    });
    for (const { key, value, index } of writes) {
      if (value === undefined) this.#values.delete(hex(key));
      else this.#values.set(hex(key), { key, value, index });
    }
  }

  /** The commit in flight becomes durable. */
  async release(): Promise<void> {
    this.#release?.();
    await new Promise((resolve) => setImmediate(resolve));
  }

  usage() {
    return { liveBytes: 0, fileBytes: 0 };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const value = new Uint8Array([0x0a, 1, 0x31]);

function make() {
  const store = new ManualStore();
  const observer = { committed: () => undefined };
  const committer = new Committer(store, { observer, log: silentLogger });
  const shard = new BasicShard({
    partition: 0,
    number: 0,
    incarnation: "i",
    store,
    committer,
  });
  const done: string[] = [];
  const set = (id: string, expectedVersion?: number): void => {
    const guard = expectedVersion === undefined ? {} : { expectedVersion };
    shard.write(
      { kind: "mutate", id, sets: [{ key: "k", value }], deletes: [], create: true, ...guard },
      { mayGrow: true, view: false },
      (outcome) => done.push(`${id}:${outcome.kind === "done" ? outcome.version : outcome.kind}`),
    );
  };
  return { store, shard, done, set };
}

describe("group commit", () => {
  it("takes all writes of a turn in one commit and answers none before it is durable", async () => {
    const { store, shard, done, set } = make();
    for (const id of ["a", "b", "a"]) set(id);
    await turn();
    expect(store.commits).toHaveLength(1);
    // Two objects and the shard's counters; the second write of "a" replaced the first.
    expect(store.commits[0]).toHaveLength(3);
    expect(done).toEqual([]);
    expect([shard.get("a"), shard.objects]).toEqual([undefined, 0]);
    await store.release();
    expect(done).toEqual(["a:1", "b:1", "a:2"]);
    expect([shard.get("a")?.version, shard.objects, shard.appliedIndex]).toEqual([2, 2, 3]);
  });

  it("gathers what comes while a commit is on its way", async () => {
    const { store, done, set } = make();
    set("a");
    await turn();
    for (const id of ["b", "c"]) set(id);
    await turn();
    expect(store.commits).toHaveLength(1);
    await store.release();
    expect(done).toEqual(["a:1"]);
    expect(store.commits).toHaveLength(2);
    await store.release();
    expect(done).toEqual(["a:1", "b:1", "c:1"]);
  });

  it("checks versions against what is not yet durable, and holds back the answer", async () => {
    const { store, done, set } = make();
    set("a", 0);
    set("a", 0);
    set("a", 1);
    await turn();
    expect(done).toEqual([]);
    await store.release();
    expect(done).toEqual(["a:1", "a:version-mismatch", "a:2"]);
  });

  it("answers a write that changes nothing at once if nothing is on its way", () => {
    const { shard, store, done } = make();
    shard.write({ kind: "delete", id: "none" }, { mayGrow: true, view: false }, (outcome) =>
      done.push(outcome.kind),
    );
    expect(done).toEqual(["done"]);
    expect(store.commits).toHaveLength(0);
  });

  it("deletes entries that are not yet durable with their object", async () => {
    const { shard, store, set } = make();
    const large = new Uint8Array([0x0a, 0x80, 0x1f, ...new Uint8Array(3968)]);
    const sets = ["x", "y"].map((key) => ({ key, value: large }));
    const ignore = (): void => undefined;
    const how = { mayGrow: true, view: false };
    shard.write({ kind: "mutate", id: "a", sets, deletes: [], create: true }, how, ignore);
    await turn();
    shard.write({ kind: "delete", id: "a" }, how, ignore);
    set("a");
    await store.release();
    await store.release();
    expect(shard.get("a")?.entries).toEqual([{ key: "k", value }]);
    const left = [...store.scan({ start: new Uint8Array(0), end: new Uint8Array([255]) })];
    expect(left).toHaveLength(2);
    expect(shard.objects).toBe(1);
  });
});
