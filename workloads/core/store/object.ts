// What writes do to one object: a function of what is stored and the request, to the records that
// change. One request is one change of the store: the version goes up by one if it sets, by one
// more if it deletes something that existed, else not at all. A deleted object leaves a tombstone;
// it is absent for a version check, and its next life continues the count.
import type { Entry, ObjectRecord } from "./record.ts";
import { INLINE_BYTES_MAX, inlineBytes } from "./record.ts";
import { compareText } from "./keys.ts";
import { scanFields } from "./wire.ts";

/** What a write reads: all earlier writes of the shard, durable or not. */
export interface ObjectReader {
  record(id: string): ObjectRecord | undefined;
  /** An entry of an object whose entries are not inline. */
  entry(id: string, key: string): Uint8Array | undefined;
  /** All entries of such an object, sorted by key. */
  entries(id: string): Iterable<Entry>;
}

/** A write to one object. Keys and ids have been checked. */
export type ObjectWrite =
  | {
      readonly kind: "mutate";
      readonly id: string;
      /** Of several with one key the last counts. */
      readonly sets: readonly Entry[];
      /** Applied after the sets. */
      readonly deletes: readonly string[];
      /** New trigger configuration, encoded oprc.ObjectEvent. */
      readonly event?: Uint8Array;
      /** Makes the object exist even if nothing is set. */
      readonly create: boolean;
      /** Refuse to merge two values of a CRDT type, which is not served. */
      readonly refuseCrdtMerge?: boolean;
      /** The version that the object must have; 0 = it does not exist. */
      readonly expectedVersion?: number;
      /** With the version, the content that it must have; only where versions can be shared. */
      readonly expectedDigest?: Uint8Array;
    }
  | {
      readonly kind: "delete";
      readonly id: string;
      readonly expectedVersion?: number;
      readonly expectedDigest?: Uint8Array;
    };

/** A record to write; `value` undefined removes it. */
export type ObjectChange =
  | { readonly kind: "record"; readonly id: string; readonly record: ObjectRecord }
  | {
      readonly kind: "entry";
      readonly id: string;
      readonly key: string;
      readonly value: Uint8Array | undefined;
    }
  | { readonly kind: "event"; readonly id: string; readonly value: Uint8Array | undefined };

/** What a write comes to. */
export type WritePlan =
  | {
      readonly kind: "planned";
      /** Empty if nothing changes. */
      readonly changes: readonly ObjectChange[];
      /** Version afterwards; of an absent object 0. */
      readonly version: number;
      /** Change of the number of objects that exist. */
      readonly objects: -1 | 0 | 1;
      /** Whether it may make the store larger; deletes never count as growth. */
      readonly grows: boolean;
    }
  | { readonly kind: "version-mismatch"; readonly expected: number; readonly actual: number }
  | { readonly kind: "crdt-merge"; readonly key: string };

const VAL_TYPE_CRDT_MAP = 1;

/** Plans a write. Reads only through `reader`, changes nothing. */
export function planWrite(reader: ObjectReader, write: ObjectWrite): WritePlan {
  const stored = reader.record(write.id);
  const alive = stored !== undefined && !stored.tombstone;
  const actual = alive ? stored.version : 0;
  if (write.expectedVersion !== undefined && write.expectedVersion !== actual) {
    return { kind: "version-mismatch", expected: write.expectedVersion, actual };
  }
  if (write.kind === "delete") return planDelete(reader, write.id, stored);
  return planMutation(reader, write, stored);
}

function planDelete(reader: ObjectReader, id: string, stored: ObjectRecord | undefined): WritePlan {
  if (stored === undefined || stored.tombstone) return nothing(0);
  const version = stored.version + 1;
  const changes: ObjectChange[] = [
    {
      kind: "record",
      id,
      record: { version, tombstone: true, entryCount: 0, hasEvent: false, inline: [] },
    },
  ];
  if (stored.inline === undefined) {
    for (const { key } of reader.entries(id)) {
      changes.push({ kind: "entry", id, key, value: undefined });
    }
  }
  if (stored.hasEvent) changes.push({ kind: "event", id, value: undefined });
  return { kind: "planned", changes, version, objects: -1, grows: false };
}

type Mutation = Extract<ObjectWrite, { kind: "mutate" }>;

function planMutation(
  reader: ObjectReader,
  write: Mutation,
  stored: ObjectRecord | undefined,
): WritePlan {
  const alive = stored !== undefined && !stored.tombstone;
  const sets = new Map(write.sets.map((entry) => [entry.key, entry.value]));
  const setsSomething = sets.size > 0 || write.event !== undefined;
  if (!alive && !setsSomething && !write.create) return nothing(0);
  const entries = alive ? entriesOf(reader, write.id, stored) : inlineEntries([]);
  const crdt = write.refuseCrdtMerge === true ? crdtConflict(entries, sets) : undefined;
  if (crdt !== undefined) return { kind: "crdt-merge", key: crdt };
  for (const [key, value] of sets) entries.set(key, value);
  const deleted = write.deletes.filter((key) => entries.delete(key)).length > 0;
  if (alive && !setsSomething && !deleted) return nothing(stored.version);
  const version = (stored?.version ?? 0) + (setsSomething ? 1 : 0) + (deleted ? 1 : 0);
  const { inline, changes } = entries.finish(write.id);
  if (write.event !== undefined) changes.push({ kind: "event", id: write.id, value: write.event });
  const record: ObjectRecord = {
    version,
    tombstone: false,
    entryCount: entries.count(),
    hasEvent: write.event !== undefined || (alive && stored.hasEvent),
    inline,
  };
  changes.unshift({ kind: "record", id: write.id, record });
  const objects = alive ? 0 : 1;
  return { kind: "planned", changes, version, objects, grows: setsSomething || !alive };
}

function nothing(version: number): WritePlan {
  return { kind: "planned", changes: [], version, objects: 0, grows: false };
}

/** The entries of one object while a mutation is worked out. */
interface EntrySet {
  get(key: string): Uint8Array | undefined;
  set(key: string, value: Uint8Array): void;
  /** Whether it was there. */
  delete(key: string): boolean;
  count(): number;
  finish(id: string): { inline: readonly Entry[] | undefined; changes: ObjectChange[] };
}

function entriesOf(reader: ObjectReader, id: string, stored: ObjectRecord): EntrySet {
  return stored.inline === undefined
    ? spilledEntries(reader, id, stored.entryCount)
    : inlineEntries(stored.inline);
}

/** Entries that lie in the record, and move out of it when they grow too large. */
function inlineEntries(stored: readonly Entry[]): EntrySet {
  const entries = new Map(stored.map((entry) => [entry.key, entry.value]));
  return {
    get: (key) => entries.get(key),
    set: (key, value) => void entries.set(key, value),
    delete: (key) => entries.delete(key),
    count: () => entries.size,
    finish: (id) => {
      const sorted = [...entries]
        .map(([key, value]) => ({ key, value }))
        .sort((a, b) => compareText(a.key, b.key));
      if (inlineBytes(sorted) <= INLINE_BYTES_MAX) return { inline: sorted, changes: [] };
      const changes = sorted.map(({ key, value }) => ({ kind: "entry" as const, id, key, value }));
      return { inline: undefined, changes };
    },
  };
}

/** Entries with records of their own; they stay there until the object is deleted. */
function spilledEntries(reader: ObjectReader, id: string, stored: number): EntrySet {
  const changed = new Map<string, Uint8Array | undefined>();
  let count = stored;
  const get = (key: string): Uint8Array | undefined =>
    changed.has(key) ? changed.get(key) : reader.entry(id, key);
  return {
    get,
    set: (key, value) => {
      if (get(key) === undefined) count += 1;
      changed.set(key, value);
    },
    delete: (key) => {
      if (get(key) === undefined) return false;
      changed.set(key, undefined);
      count -= 1;
      return true;
    },
    count: () => count,
    finish: () => ({
      inline: undefined,
      changes: [...changed].map(([key, value]) => ({ kind: "entry" as const, id, key, value })),
    }),
  };
}

function crdtConflict(
  entries: EntrySet,
  sets: ReadonlyMap<string, Uint8Array>,
): string | undefined {
  for (const [key, value] of sets) {
    if (!isCrdt(value)) continue;
    const stored = entries.get(key);
    if (stored !== undefined && isCrdt(stored)) return key;
  }
  return undefined;
}

/** Is this encoded oprc.ValData of the type VAL_TYPE_CRDT_MAP? */
function isCrdt(value: Uint8Array): boolean {
  let type = 0;
  scanFields(value, (number, varint) => {
    if (number === 2) type = varint;
  });
  return type === VAL_TYPE_CRDT_MAP;
}
