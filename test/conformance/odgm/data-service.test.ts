// oprc.DataService against the real program: every rpc of the reference (oaas-data-plane.md 1.6),
// as upstream's clients know it, with its defects mended. Run once with objects whose entries lie in
// their record and once with objects that have outgrown it.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { status } from "@grpc/grpc-js";

import { DataClient, failureOf, values } from "./data-client.ts";
import type { OdgmProcess } from "./odgm-process.ts";
import { clearAll, startStandalone } from "./odgm-process.ts";

const cls = "example.record";
let odgm: OdgmProcess;
let client: DataClient;
const options = { timeoutMs: 10_000 };

beforeAll(async () => {
  odgm = await startStandalone([{ name: cls, partition_count: 3 }, { name: "other.class" }]);
  client = new DataClient(odgm.at("grpc"), cls, 1);
});

afterAll(async () => {
  client.close();
  await clearAll();
});

let count = 0;
/** An id that no other test uses. */
function fresh(): string {
  count += 1;
  return `object-${count}`;
}

const filler = Object.fromEntries(
  Array.from({ length: 30 }, (_, at) => [`~filler${String(at).padStart(2, "0")}`, "x".repeat(200)]),
);

const shapes = [
  { name: "a small object", given: {} },
  { name: "an object that has outgrown its record", given: filler },
];

describe.each(shapes)("$name", ({ given }) => {
  const fillers = Object.keys(given).length;

  /** An object of this shape; answers its id. */
  async function make(entries: Record<string, string>): Promise<string> {
    const id = fresh();
    await client.set(id, { ...given, ...entries });
    return id;
  }

  it("is read as it was set, with metadata and version", async () => {
    const id = await make({ a: "1", B: "2" });
    expect(await client.get(id)).toEqual({ ...given, a: "1", B: "2" });
    const { obj, objectVersion } = await client.raw.get(client.to(id), options);
    expect(obj?.metadata).toMatchObject({ clsId: cls, partitionId: 1, objectId: id });
    expect(objectVersion).toBe(1n);
  });

  it("keeps entries that a Set does not name", async () => {
    const id = await make({ a: "1", b: "1" });
    await client.set(id, { b: "2" });
    expect(await client.get(id)).toEqual({ ...given, a: "1", b: "2" });
    expect(await client.version(id)).toBe(2n);
  });

  it("is answered by Merge as it is afterwards", async () => {
    const id = await make({ a: "1" });
    const { obj, objectVersion } = await client.merge(id, { b: "2" });
    expect(Object.keys(obj?.entries ?? {})).toHaveLength(fillers + 2);
    expect(obj?.metadata?.objectId).toBe(id);
    expect(objectVersion).toBe(2n);
  });

  it("answers GetValue with the version, and without a value if there is none", async () => {
    const id = await make({ a: "1" });
    expect(await client.value(id, "a")).toEqual({ value: "1", version: 1n, key: "a" });
    expect(await client.value(id, "x")).toEqual({ value: undefined, version: 1n, key: "x" });
  });

  it("counts SetValue, DeleteValue of what is there, and nothing else", async () => {
    const id = await make({});
    const before = (await client.version(id)) ?? 0n;
    await client.setValue(id, "a", "1");
    expect(await client.value(id, "a")).toMatchObject({ value: "1", version: before + 1n });
    await client.deleteValue(id, "a");
    expect(await client.value(id, "a")).toMatchObject({ value: undefined, version: before + 2n });
    await client.deleteValue(id, "a");
    expect(await client.version(id)).toBe(before + 2n);
  });

  it("counts a batch that sets and deletes twice: 1, then 3", async () => {
    const id = fresh();
    await client.batch(id, { ...given, a: "1" });
    expect(await client.version(id)).toBe(1n);
    await client.batch(id, { b: "2" }, { deleteKeys: ["a"] });
    expect(await client.version(id)).toBe(3n);
    expect(await client.get(id)).toEqual({ ...given, b: "2" });
  });

  it("is deleted whole, twice, and lives again with what is set then", async () => {
    const id = await make({ a: "1" });
    await client.delete(id);
    await client.delete(id);
    expect(await client.get(id)).toBeUndefined();
    expect(await client.listValues(id)).toEqual([]);
    expect(await client.value(id, "a")).toEqual({ value: undefined, version: 2n, key: "a" });
    await client.set(id, { b: "2" });
    expect(await client.get(id)).toEqual({ b: "2" });
    expect(await client.version(id)).toBe(3n);
  });

  it("lists its entries in byte order, by prefix and page by page", async () => {
    const keys = ["user:1", "user:10", "user:2", "zz", "Z", "a"];
    const id = await make(Object.fromEntries(keys.map((key) => [key, key])));
    const all = (await client.listValues(id, { limit: 1000 })).map((item) => item.name);
    expect(all).toEqual([...Object.keys(given), ...keys].sort());
    const users = await client.listValues(id, { keyPrefix: "user:" });
    expect(users.map((item) => item.name)).toEqual(["user:1", "user:10", "user:2"]);
    expect(users.map((item) => item.version)).toEqual([1n, 1n, 1n]);
    const first = await client.listValues(id, { keyPrefix: "user:", limit: 2 });
    expect(first.map((item) => item.cursor !== undefined)).toEqual([false, true]);
    const cursor = first[1]?.cursor ?? new Uint8Array();
    const second = await client.listValues(id, { keyPrefix: "user:", limit: 2, cursor });
    expect(second.map((item) => item.name)).toEqual(["user:2"]);
    expect(second[0]?.cursor).toBeUndefined();
  });

  it("goes on from a cursor whose entry was deleted", async () => {
    const id = await make({ a: "1", b: "1", c: "1" });
    const [, last] = await client.listValues(id, { limit: 2 });
    await client.deleteValue(id, last?.name ?? "");
    const rest = await client.listValues(id, {
      limit: 1,
      cursor: last?.cursor ?? new Uint8Array(),
    });
    expect(rest.map((item) => item.name)).toEqual(["c"]);
  });

  it("is guarded by the expected version", async () => {
    const id = await make({ a: "1" });
    await client.batch(id, { a: "2" }, { expected: 1 });
    const failure = await failureOf(client.batch(id, { a: "3" }, { expected: 1 }));
    expect(failure).toMatchObject({ status: status.ABORTED, code: "VERSION_MISMATCH" });
    expect(failure.message).toBe("version mismatch: expected 1, got 2");
    expect(await client.get(id)).toMatchObject({ a: "2" });
  });

  it("has the expected version 0 before it exists and after it was deleted", async () => {
    const id = fresh();
    await client.batch(id, { ...given, a: "1" }, { expected: 0 });
    expect(await failureOf(client.batch(id, {}, { expected: 0 }))).toMatchObject({
      code: "VERSION_MISMATCH",
    });
    await client.delete(id);
    await client.batch(id, { a: "2" }, { expected: 0 });
    expect(await client.version(id)).toBe(3n);
  });

  it("loses no increment and no race of 16 writers", async () => {
    const id = await make({ n: "0" });
    let retries = 0;
    const increment = async (): Promise<void> => {
      for (;;) {
        const { value, version } = await client.value(id, "n");
        const next = String(Number(value) + 1);
        try {
          await client.batch(id, { n: next }, { expected: Number(version) });
          return;
        } catch (cause: unknown) {
          expect(cause).toMatchObject({ code: "VERSION_MISMATCH" });
          retries += 1;
        }
      }
    };
    await Promise.all(Array.from({ length: 16 }, increment));
    expect(await client.value(id, "n")).toMatchObject({ value: "16", version: 17n });
    expect(retries).toBeGreaterThan(0);
  });
});

describe("ListObjects", () => {
  const list = new DataClient("127.0.0.1:0", cls, 2);
  let partition: DataClient;

  beforeAll(async () => {
    list.close();
    partition = new DataClient(odgm.at("grpc"), cls, 2);
    for (const id of ["b", "a-1", "a", "a.b", "gone", "a-10"]) await partition.set(id, { k: "v" });
    await partition.set("large", filler);
    await partition.set("empty", {});
    await partition.delete("gone");
  });

  afterAll(() => partition.close());

  it("is in byte order of ids, without what was deleted", async () => {
    const items = await partition.listObjects();
    expect(items.map((item) => item.name)).toEqual([
      "a",
      "a-1",
      "a-10",
      "a.b",
      "b",
      "empty",
      "large",
    ]);
    expect(items.map((item) => item.entryCount)).toEqual([1n, 1n, 1n, 1n, 1n, 0n, 30n]);
    expect(items.every((item) => item.cursor === undefined)).toBe(true);
  });

  it("filters by prefix and pages by cursor", async () => {
    const seen: string[] = [];
    let cursor: Uint8Array | undefined;
    let pages = 0;
    do {
      const page = await partition.listObjects({
        objectIdPrefix: "a",
        limit: 2,
        ...(cursor === undefined ? {} : { cursor }),
      });
      seen.push(...page.map((item) => item.name));
      cursor = page.at(-1)?.cursor;
      pages += 1;
    } while (cursor !== undefined);
    expect(seen).toEqual(["a", "a-1", "a-10", "a.b"]);
    expect(pages).toBe(3);
  });

  it("answers 100 items for limit 0 and at most 1024", async () => {
    const many = new DataClient(odgm.at("grpc"), "other.class");
    await Promise.all(
      Array.from({ length: 1030 }, (_, at) => many.set(`o${String(at).padStart(4, "0")}`, {})),
    );
    expect(await many.listObjects()).toHaveLength(100);
    expect(await many.listObjects({ limit: 5000 })).toHaveLength(1024);
    expect(await many.counts()).toEqual([[0, 1030n]]);
    many.close();
  });

  it("refuses a cursor that is none", async () => {
    for (const cursor of [new Uint8Array([1]), new Uint8Array([255, 0, 7]), new Uint8Array(500)]) {
      const failure = await failureOf(partition.listObjects({ cursor }));
      expect(failure).toMatchObject({ status: status.INVALID_ARGUMENT, code: "INVALID_CURSOR" });
    }
  });
});

describe("a request that cannot be right", () => {
  const to = { clsId: cls, partitionId: 1, objectId: "x" };
  const cases: readonly {
    name: string;
    call: () => Promise<unknown>;
    want: { status: status; code: string };
  }[] = [
    {
      name: "Get of nothing",
      call: () => client.raw.get({ ...to, objectId: "never" }, options),
      want: { status: status.NOT_FOUND, code: "NO_OBJECT" },
    },
    {
      name: "an id with a slash",
      call: () => client.raw.get({ ...to, objectId: "a/b" }, options),
      want: { status: status.INVALID_ARGUMENT, code: "INVALID_OBJECT_ID" },
    },
    {
      name: "an id of 161 characters",
      call: () => client.set("x".repeat(161), {}),
      want: { status: status.INVALID_ARGUMENT, code: "INVALID_OBJECT_ID" },
    },
    {
      name: "no id",
      call: () => client.raw.delete({ clsId: cls, partitionId: 1 }, options),
      want: { status: status.INVALID_ARGUMENT, code: "INVALID_OBJECT_ID" },
    },
    {
      name: "Merge without an object",
      call: () => client.raw.merge(to, options),
      want: { status: status.INVALID_ARGUMENT, code: "INVALID_REQUEST" },
    },
    {
      name: "SetValue without a value",
      call: () => client.raw.setValue({ ...to, key: "k" }, options),
      want: { status: status.INVALID_ARGUMENT, code: "INVALID_REQUEST" },
    },
    {
      name: "SetValue without a key",
      call: () => client.raw.setValue({ ...to, value: {} }, options),
      want: { status: status.INVALID_ARGUMENT, code: "INVALID_KEY" },
    },
    {
      name: "an empty key in a batch",
      call: () => client.batch("x", { "": "1" }),
      want: { status: status.INVALID_ARGUMENT, code: "INVALID_KEY" },
    },
    {
      name: "a class that is not here",
      call: () => client.raw.get({ ...to, clsId: "no.class" }, options),
      want: { status: status.NOT_FOUND, code: "NO_CLASS" },
    },
    {
      name: "a partition that is not there",
      call: () => client.raw.get({ ...to, partitionId: 3 }, options),
      want: { status: status.NOT_FOUND, code: "NO_PARTITION" },
    },
    {
      name: "a negative partition",
      call: () => client.raw.set({ ...to, partitionId: -1, object: {} }, options),
      want: { status: status.NOT_FOUND, code: "NO_PARTITION" },
    },
    {
      name: "merging two CRDT maps",
      call: async () => {
        const object = { entries: { m: { data: new Uint8Array([1]), type: 1 as const } } };
        await client.raw.set({ ...to, objectId: "crdt", object }, options);
        await client.raw.merge({ ...to, objectId: "crdt", object }, options);
      },
      want: { status: status.UNIMPLEMENTED, code: "CRDT_UNSUPPORTED" },
    },
  ];
  it.each(cases)("is refused: $name", async ({ call, want }) => {
    expect(await failureOf(call())).toMatchObject(want);
  });
});

describe("partitions, classes and events", () => {
  it("keep objects of one id apart", async () => {
    const other = new DataClient(odgm.at("grpc"), cls, 0);
    const id = fresh();
    await client.set(id, { p: "1" });
    await other.set(id, { p: "0" });
    expect([await client.get(id), await other.get(id)]).toEqual([{ p: "1" }, { p: "0" }]);
    other.close();
  });

  it("give back trigger configuration as it was set", async () => {
    const id = fresh();
    const target = { clsId: "n", partitionId: 0, fnId: "f" };
    const event = { dataTrigger: { k: { onUpdate: [target] } } };
    const object = { entries: values({ k: "1" }), event };
    await client.raw.set({ ...client.to(id), object }, options);
    const { obj } = await client.raw.get(client.to(id), options);
    expect(obj?.event?.dataTrigger["k"]?.onUpdate[0]).toMatchObject(target);
    await client.delete(id);
    await client.set(id, {});
    const again = await client.raw.get(client.to(id), options);
    expect(again.obj?.event).toBeUndefined();
  });
});
