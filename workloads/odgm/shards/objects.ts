// Reading the objects of a shard out of records, whatever holds these: records, entries and
// triggers under the keys of workloads/core/store.
import { assert } from "#api/base/index.ts";
import type {
  Entry,
  ObjectItem,
  ObjectReader,
  ObjectRecord,
  StoreItem,
  StoreRange,
  StoreValue,
} from "#workloads/core/store/index.ts";
import {
  afterObject,
  afterShard,
  compareText,
  decodeRecord,
  entryKey,
  entryRange,
  eventKey,
  firstObject,
  objectKey,
  parseKey,
  RECORD_KIND,
} from "#workloads/core/store/index.ts";

import type { PageOf, StoredObject } from "./shard.ts";
import { PAGE_BYTES_MAX } from "./shard.ts";

/** What holds the records; `number` is the shard in their keys. */
export interface ObjectSource {
  readonly number: number;
  get(key: Uint8Array): StoreValue | undefined;
  scan(range: StoreRange): Iterable<StoreItem>;
}

/** What {@link planWrite} reads. */
export function objectReader(source: ObjectSource): ObjectReader {
  return {
    record: (id) => recordOf(source, id),
    entry: (id, key) => source.get(entryKey(source.number, id, key))?.value,
    entries: (id) => entriesOf(source, id, {}),
  };
}

/** The object, or undefined if it does not exist. */
export function readObject(source: ObjectSource, id: string): StoredObject | undefined {
  const record = recordOf(source, id);
  if (record === undefined || record.tombstone) return undefined;
  const entries = record.inline ?? [...entriesOf(source, id, {})];
  const event = record.hasEvent ? source.get(eventKey(source.number, id))?.value : undefined;
  return { version: record.version, entries, event };
}

/** An entry, and the version of the object or its tombstone if there is one. */
export function readValue(
  source: ObjectSource,
  id: string,
  key: string,
): { readonly value: Uint8Array | undefined; readonly version: number | undefined } {
  const record = recordOf(source, id);
  if (record === undefined) return { value: undefined, version: undefined };
  const value =
    record.inline === undefined
      ? source.get(entryKey(source.number, id, key))?.value
      : record.inline.find((entry) => entry.key === key)?.value;
  return { value, version: record.version };
}

/** Entries after `after` that start with `prefix`, in byte order; `more` if the page is full. */
export function listValues(
  source: ObjectSource,
  id: string,
  page: PageOf,
): { readonly version: number; readonly entries: readonly Entry[]; readonly more: boolean } {
  const record = recordOf(source, id);
  if (record === undefined || record.tombstone) return { version: 0, entries: [], more: false };
  const candidates = record.inline ?? entriesOf(source, id, page);
  const entries: Entry[] = [];
  let bytes = 0;
  for (const entry of candidates) {
    if (!entry.key.startsWith(page.prefix)) continue;
    if (page.after !== undefined && compareText(entry.key, page.after) <= 0) continue;
    entries.push(entry);
    bytes += entry.value.byteLength;
    if (entries.length === page.limit || bytes >= PAGE_BYTES_MAX) {
      return { version: record.version, entries, more: true };
    }
  }
  return { version: record.version, entries, more: false };
}

/** At most `limit` objects after `after` whose id starts with `prefix`, in byte order. */
export function listObjects(source: ObjectSource, page: PageOf): readonly ObjectItem[] {
  const items: ObjectItem[] = [];
  let start: Uint8Array | undefined = firstObject(source.number, page.prefix);
  if (page.after !== undefined && compareText(page.after, page.prefix) >= 0) {
    start = afterObject(source.number, page.after);
  }
  while (start !== undefined && items.length < page.limit) {
    start = nextObjects(source, start, { ...page, items });
  }
  return items;
}

/** Scans until an object with records of its own is met, and answers where to go on after it. */
function nextObjects(
  source: ObjectSource,
  start: Uint8Array,
  page: PageOf & { readonly items: ObjectItem[] },
): Uint8Array | undefined {
  for (const item of source.scan({ start, end: afterShard(source.number) })) {
    const { id, kind } = parseKey(item.key);
    assert(kind === RECORD_KIND.object, "an object's record comes before its entries");
    if (!id.startsWith(page.prefix)) return undefined;
    const record = decodeRecord(item.value);
    if (!record.tombstone && page.has?.(id) !== false) {
      page.items.push({ id, version: record.version, entryCount: record.entryCount });
    }
    if (page.items.length === page.limit) return undefined;
    if (record.inline === undefined || record.hasEvent) return afterObject(source.number, id);
  }
  return undefined;
}

function recordOf(source: ObjectSource, id: string): ObjectRecord | undefined {
  const stored = source.get(objectKey(source.number, id));
  return stored === undefined ? undefined : decodeRecord(stored.value);
}

function* entriesOf(
  source: ObjectSource,
  id: string,
  page: { readonly prefix?: string; readonly after?: string | undefined },
): Iterable<Entry> {
  const range = entryRange(source.number, id, {
    ...(page.prefix === undefined ? {} : { prefix: page.prefix }),
    ...(page.after === undefined ? {} : { after: page.after }),
  });
  for (const item of source.scan(range)) {
    yield { key: parseKey(item.key).entryKey, value: item.value };
  }
}
