// The semantics of writes as tables: what is stored, what is asked, what is stored afterwards.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { compareText } from "./keys.ts";
import type { ObjectReader, ObjectWrite, WritePlan } from "./object.ts";
import { planWrite } from "./object.ts";
import type { Entry, ObjectRecord } from "./record.ts";
import { decodeRecord, encodeRecord, INLINE_BYTES_MAX } from "./record.ts";

const text = new TextEncoder();

/** Encoded ValData with these bytes, and a type if given. */
function val(data: string, type = 0): Uint8Array {
  const bytes = text.encode(data);
  const head = [0x0a, bytes.length];
  return new Uint8Array([...head, ...bytes, ...(type === 0 ? [] : [0x10, type])]);
}

/** A shard of plain maps that applies what is planned. */
class Model implements ObjectReader {
  readonly records = new Map<string, ObjectRecord>();
  readonly spilled = new Map<string, Map<string, Uint8Array>>();
  objects = 0;

  record(id: string): ObjectRecord | undefined {
    const record = this.records.get(id);
    // Through the stored form, so that the codec is part of what is tested.
    return record === undefined ? undefined : decodeRecord(encodeRecord(record));
  }

  entry(id: string, key: string): Uint8Array | undefined {
    return this.spilled.get(id)?.get(key);
  }

  entries(id: string): readonly Entry[] {
    return [...(this.spilled.get(id) ?? [])]
      .map(([key, value]) => ({ key, value }))
      .sort((a, b) => compareText(a.key, b.key));
  }

  run(write: ObjectWrite): WritePlan {
    const plan = planWrite(this, write);
    if (plan.kind !== "planned") return plan;
    this.objects += plan.objects;
    for (const change of plan.changes) {
      if (change.kind === "record") this.records.set(change.id, change.record);
      if (change.kind !== "entry") continue;
      const entries = this.spilled.get(change.id) ?? new Map<string, Uint8Array>();
      this.spilled.set(change.id, entries);
      if (change.value === undefined) entries.delete(change.key);
      else entries.set(change.key, change.value);
    }
    return plan;
  }

  /** Key -> text of the value; undefined if the object does not exist. */
  read(id: string): Record<string, string> | undefined {
    const record = this.record(id);
    if (record === undefined || record.tombstone) return undefined;
    const entries = record.inline ?? this.entries(id);
    expect(record.entryCount).toBe(entries.length);
    const decode = ({ value }: Entry): string =>
      new TextDecoder().decode(value.subarray(2, 2 + (value[1] ?? 0)));
    return Object.fromEntries(entries.map((entry) => [entry.key, decode(entry)]));
  }
}

type Mutation = Extract<ObjectWrite, { kind: "mutate" }>;
const id = "o";

function set(values: Record<string, string>, more: Partial<Mutation> = {}): ObjectWrite {
  const sets = Object.entries(values).map(([key, value]) => ({ key, value: val(value) }));
  return { kind: "mutate", id, sets, deletes: [], create: true, ...more };
}

function batch(
  values: Record<string, string>,
  deletes: readonly string[],
  expectedVersion?: number,
): ObjectWrite {
  const expected = expectedVersion === undefined ? {} : { expectedVersion };
  return set(values, { deletes, create: false, ...expected });
}

const remove: ObjectWrite = { kind: "delete", id };

interface Step {
  readonly name: string;
  readonly given: readonly ObjectWrite[];
  readonly version: number | "mismatch";
  readonly want: Record<string, string> | undefined;
}

const steps: readonly Step[] = [
  { name: "a Set makes version 1", given: [set({ a: "1" })], version: 1, want: { a: "1" } },
  {
    name: "a Set keeps entries that it does not name",
    given: [set({ a: "1", b: "1" }), set({ a: "2" })],
    version: 2,
    want: { a: "2", b: "1" },
  },
  { name: "an empty Set makes the object at version 0", given: [set({})], version: 0, want: {} },
  {
    name: "an empty Set of an object changes nothing",
    given: [set({ a: "1" }), set({})],
    version: 1,
    want: { a: "1" },
  },
  {
    name: "a batch that sets and deletes counts twice",
    given: [batch({ a: "1" }, []), batch({ b: "2" }, ["a"])],
    version: 3,
    want: { b: "2" },
  },
  {
    name: "several deletes count once",
    given: [set({ a: "1", b: "1" }), batch({}, ["a", "b"])],
    version: 2,
    want: {},
  },
  {
    name: "deleting what is not there counts nothing",
    given: [set({ a: "1" }), batch({}, ["x"])],
    version: 1,
    want: { a: "1" },
  },
  {
    name: "deletes come after sets",
    given: [batch({ a: "1" }, ["a"])],
    version: 2,
    want: {},
  },
  {
    name: "a batch of deletes makes no object",
    given: [batch({}, ["a"])],
    version: 0,
    want: undefined,
  },
  {
    name: "keys that differ in case are two keys",
    given: [set({ Key: "1", key: "2" })],
    version: 1,
    want: { Key: "1", key: "2" },
  },
  { name: "a Delete removes", given: [set({ a: "1" }), remove], version: 2, want: undefined },
  {
    name: "a Delete of nothing is nothing",
    given: [set({ a: "1" }), remove, remove],
    version: 0,
    want: undefined,
  },
  {
    name: "an object lives again and counts on",
    given: [set({ a: "1" }), remove, set({ b: "2" })],
    version: 3,
    want: { b: "2" },
  },
  {
    name: "an empty Set brings an object back, empty",
    given: [set({ a: "1" }), remove, set({})],
    version: 2,
    want: {},
  },
  {
    name: "a version check of 0 holds for what never was",
    given: [batch({ a: "1" }, [], 0)],
    version: 1,
    want: { a: "1" },
  },
  {
    name: "a version check of 0 holds for what was deleted",
    given: [set({ a: "1" }), remove, batch({ b: "2" }, [], 0)],
    version: 3,
    want: { b: "2" },
  },
  {
    name: "the version of a tombstone is nobody's version",
    given: [set({ a: "1" }), remove, batch({ b: "2" }, [], 2)],
    version: "mismatch",
    want: undefined,
  },
  {
    name: "a wrong version changes nothing",
    given: [set({ a: "1" }), batch({ a: "2" }, [], 5)],
    version: "mismatch",
    want: { a: "1" },
  },
  {
    name: "a version check of an empty batch is made",
    given: [set({ a: "1" }), batch({}, [], 5)],
    version: "mismatch",
    want: { a: "1" },
  },
  {
    name: "a Delete is checked too",
    given: [set({ a: "1" }), { ...remove, expectedVersion: 7 }],
    version: "mismatch",
    want: { a: "1" },
  },
  {
    name: "a key set twice in one request holds the last value",
    given: [
      {
        kind: "mutate",
        id,
        sets: [
          { key: "a", value: val("1") },
          { key: "a", value: val("2") },
        ],
        deletes: [],
        create: true,
      },
    ],
    version: 1,
    want: { a: "2" },
  },
];

describe("a write to an object", () => {
  it.each(steps)("$name", ({ given, version, want }) => {
    const model = new Model();
    const plans = given.map((write) => model.run(write));
    const last = plans.at(-1);
    if (version === "mismatch") expect(last?.kind).toBe("version-mismatch");
    else expect(last).toMatchObject({ kind: "planned", version });
    expect(model.read(id)).toEqual(want);
    expect(model.objects).toBe(want === undefined ? 0 : 1);
  });

  it("names both versions of a mismatch", () => {
    const model = new Model();
    model.run(set({ a: "1" }));
    const plan = model.run(batch({}, ["a"], 9));
    expect(plan).toEqual({ kind: "version-mismatch", expected: 9, actual: 1 });
  });

  it("never counts a delete as growth", () => {
    const model = new Model();
    expect(model.run(set({ a: "1" }))).toMatchObject({ grows: true });
    expect(model.run(batch({}, ["a"]))).toMatchObject({ grows: false });
    expect(model.run(remove)).toMatchObject({ grows: false });
  });

  it("refuses to merge two CRDT maps and stores a first one", () => {
    const model = new Model();
    const write = (type: number): ObjectWrite =>
      ({
        ...set({}),
        kind: "mutate",
        sets: [{ key: "m", value: val("x", type) }],
        refuseCrdtMerge: true,
      }) as ObjectWrite;
    expect(model.run(write(1)).kind).toBe("planned");
    expect(model.run(write(1))).toEqual({ kind: "crdt-merge", key: "m" });
    expect(model.run(write(0)).kind).toBe("planned");
  });

  it("moves entries out of the record when they grow, and a deleted object leaves none", () => {
    const model = new Model();
    const large = "x".repeat(100);
    const keys = Array.from({ length: 40 }, (_, at) => `k${at}`);
    expect(keys.length * large.length).toBeGreaterThan(INLINE_BYTES_MAX);
    for (const key of keys) model.run(set({ [key]: large }));
    expect(model.record(id)).toMatchObject({ inline: undefined, entryCount: 40, version: 40 });
    model.run(batch({}, keys.slice(1)));
    expect(model.read(id)).toEqual({ k0: large });
    model.run(remove);
    expect([...(model.spilled.get(id) ?? [])]).toEqual([]);
    model.run(set({ a: "1" }));
    expect(model.read(id)).toEqual({ a: "1" });
    expect(model.record(id)).toMatchObject({ version: 43 });
  });

  it("does the same whether entries are inline or not", () => {
    const key = fc.constantFrom("a", "B", "b", "\u{1f600}", "\uffee");
    const value = fc.constantFrom("1", "22", "y".repeat(120));
    const command = fc.oneof(
      fc.record({ sets: fc.dictionary(key, value), deletes: fc.array(key) }),
      fc.constant("delete" as const),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), fc.boolean(), (commands, spill) => {
        const model = new Model();
        let expected: Map<string, string> | undefined;
        let version = 0;
        if (spill) {
          const filler = Object.fromEntries(
            Array.from({ length: 30 }, (_, at) => [`filler${at}`, "z".repeat(120)]),
          );
          model.run(set(filler));
          expected = new Map(Object.entries(filler));
          version = 1;
        }
        for (const step of commands) {
          if (step === "delete") {
            model.run(remove);
            if (expected !== undefined) version += 1;
            expected = undefined;
            continue;
          }
          const before = version;
          const sets = Object.entries(step.sets);
          const next = new Map([...(expected ?? []), ...sets]);
          const deleted = step.deletes.filter((name) => next.delete(name)).length > 0;
          if (sets.length > 0 || expected !== undefined) expected = next;
          version += (sets.length > 0 ? 1 : 0) + (deleted && expected !== undefined ? 1 : 0);
          model.run(batch(step.sets, step.deletes));
          expect(version).toBeGreaterThanOrEqual(before);
        }
        const want = expected === undefined ? undefined : Object.fromEntries(expected);
        expect(model.read(id)).toEqual(want);
        if (want !== undefined) expect(model.record(id)?.version).toBe(version);
        const keys = Object.keys(model.read(id) ?? {});
        const stored = model.record(id)?.inline?.map((entry) => entry.key) ?? [];
        expect(stored).toEqual([...stored].sort(compareText));
        expect(keys.length).toBe(want === undefined ? 0 : Object.keys(want).length);
      }),
      { seed: 20, numRuns: 300 },
    );
  });
});
