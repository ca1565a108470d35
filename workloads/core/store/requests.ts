// Requests of oprc.DataService and oprc.OprcFunction, read just as far as they are needed; values
// stay encoded. `undefined` = the bytes are not such a message. Absent texts are undefined, absent
// numbers 0.
import { utf8Decode } from "#api/base/index.ts";

import type { Entry } from "./record.ts";
import { decodeMapEntry } from "./record.ts";
import { scanFields } from "./wire.ts";

type Name =
  | "cls"
  | "partition"
  | "id"
  | "key"
  | "value"
  | "object"
  | "expected"
  | "digest"
  | "prefix"
  | "limit"
  | "cursor"
  | "fn"
  | "slots";

const TEXTS: ReadonlySet<string> = new Set(["cls", "id", "key", "prefix", "fn"]);

const CHUNKS: ReadonlySet<string> = new Set(["value", "object", "cursor", "digest", "slots"]);

type Layout = ReadonlyMap<number, Name>;

function layout(numbers: Partial<Record<Name, number>>): Layout {
  // The keys are Names by the parameter's type; Object.entries forgets it.
  return new Map(Object.entries(numbers).map(([name, number]) => [number, name as Name]));
}

const OBJECT = layout({ cls: 1, partition: 2, id: 4, expected: 1000, digest: 1001 });
const KEY = layout({ cls: 1, partition: 2, key: 5, id: 6 });
const SET_KEY = layout({ cls: 1, partition: 2, value: 5, key: 6, id: 7 });
const SET = layout({ cls: 1, partition: 2, object: 4, id: 5, expected: 1000, digest: 1001 });
const BATCH = layout({ cls: 1, partition: 2, id: 4, expected: 7, digest: 1001 });
const LIST_VALUES = layout({ cls: 1, partition: 2, id: 4, prefix: 5, limit: 6, cursor: 7 });
const LIST_OBJECTS = layout({
  ...{ cls: 1, partition: 2, prefix: 3, limit: 4, cursor: 5, slots: 1000 },
});
const INVOKE = layout({ partition: 1, cls: 3, fn: 4, id: 7 });

/** What every request of an object or collection has. */
export interface Addressed {
  readonly cls: string;
  /** Above 2^31 if it was negative. */
  readonly partition: number;
  readonly id: string | undefined;
}

/** Get, Delete. */
export interface ObjectRequest extends Addressed {
  readonly expectedVersion: number | undefined;
  /** Counts with the version only. */
  readonly expectedDigest: Uint8Array | undefined;
}

/** GetValue, DeleteValue, SetValue (`value`: encoded ValData). */
export interface EntryRequest extends Addressed {
  readonly key: string | undefined;
  readonly value: Uint8Array | undefined;
}

/** Set, Merge. */
export interface SetRequest extends ObjectRequest {
  readonly object: { readonly entries: readonly Entry[]; readonly event?: Uint8Array } | undefined;
}

/** BatchSetValues. */
export interface BatchRequest extends ObjectRequest {
  readonly sets: readonly Entry[];
  readonly deletes: readonly string[];
}

/** ListValues, ListObjects (without id). */
export interface ListRequest extends Addressed {
  readonly prefix: string;
  readonly limit: number;
  readonly cursor: Uint8Array | undefined;
  /** ListObjects between members: packed numbers, pairs of first and last slot. */
  readonly slots: Uint8Array | undefined;
}

/** InvokeFn (without id), InvokeObj. */
export interface InvokeRequest extends Addressed {
  readonly fn: string;
}

/** oprc.SingleObjectRequest */
export function decodeObjectRequest(bytes: Uint8Array): ObjectRequest | undefined {
  const fields = new Fields(bytes, OBJECT);
  return fields.valid ? fields.addressed() : undefined;
}

/** oprc.SingleKeyRequest */
export function decodeKeyRequest(bytes: Uint8Array): EntryRequest | undefined {
  const fields = new Fields(bytes, KEY);
  if (!fields.valid) return undefined;
  return { ...fields.addressed(), key: fields.text("key"), value: undefined };
}

/** oprc.SetKeyRequest */
export function decodeSetKeyRequest(bytes: Uint8Array): EntryRequest | undefined {
  const fields = new Fields(bytes, SET_KEY);
  const value = fields.bytes("value");
  if (!fields.valid || (value !== undefined && !isMessage(value))) return undefined;
  return { ...fields.addressed(), key: fields.text("key"), value };
}

/** oprc.SetObjectRequest */
export function decodeSetRequest(bytes: Uint8Array): SetRequest | undefined {
  const fields = new Fields(bytes, SET);
  if (!fields.valid) return undefined;
  const encoded = fields.bytes("object");
  if (encoded === undefined) return { ...fields.addressed(), object: undefined };
  const object = decodeObjectData(encoded);
  return object === undefined ? undefined : { ...fields.addressed(), object };
}

/** oprc.BatchSetValuesRequest */
export function decodeBatchRequest(bytes: Uint8Array): BatchRequest | undefined {
  const sets: Entry[] = [];
  const deletes: string[] = [];
  let valid = true;
  const fields = new Fields(bytes, BATCH, (number, field) => {
    if (number === 5) valid = pushEntry(sets, field) && valid;
    if (number !== 6) return;
    const key = utf8Decode(field);
    if (key === undefined) valid = false;
    else deletes.push(key);
  });
  return valid && fields.valid ? { ...fields.addressed(), sets, deletes } : undefined;
}

/** oprc.ListValuesRequest */
export function decodeListValuesRequest(bytes: Uint8Array): ListRequest | undefined {
  return decodeList(new Fields(bytes, LIST_VALUES));
}

/** oprc.ListObjectsRequest */
export function decodeListObjectsRequest(bytes: Uint8Array): ListRequest | undefined {
  return decodeList(new Fields(bytes, LIST_OBJECTS));
}

/** oprc.InvocationRequest, oprc.ObjectInvocationRequest */
export function decodeInvokeRequest(bytes: Uint8Array): InvokeRequest | undefined {
  const fields = new Fields(bytes, INVOKE);
  if (!fields.valid) return undefined;
  return { ...fields.addressed(), fn: fields.text("fn") ?? "" };
}

function decodeList(fields: Fields): ListRequest | undefined {
  if (!fields.valid) return undefined;
  return {
    ...fields.addressed(),
    prefix: fields.text("prefix") ?? "",
    limit: fields.number("limit") ?? 0,
    cursor: fields.bytes("cursor"),
    slots: fields.bytes("slots"),
  };
}

/** oprc.ObjData as a caller sends it; its metadata is not looked at. */
function decodeObjectData(
  bytes: Uint8Array,
): { entries: readonly Entry[]; event?: Uint8Array } | undefined {
  const entries: Entry[] = [];
  let event: Uint8Array | undefined;
  let valid = true;
  const whole = scanFields(bytes, (number, _varint, field) => {
    if (number === 3) event = field;
    if (number === 4) valid = pushEntry(entries, field) && valid;
  });
  if (!whole || !valid || (event !== undefined && !isMessage(event))) return undefined;
  return event === undefined ? { entries } : { entries, event };
}

function pushEntry(entries: Entry[], field: Uint8Array): boolean {
  const entry = decodeMapEntry(field);
  if (entry === undefined || !isMessage(entry.value)) return false;
  entries.push(entry);
  return true;
}

function isMessage(bytes: Uint8Array): boolean {
  return scanFields(bytes, () => undefined);
}

/** The last occurrence of each named field; `other` sees the rest. */
class Fields {
  readonly valid: boolean;
  readonly #texts = new Map<Name, string>();
  readonly #chunks = new Map<Name, Uint8Array>();
  readonly #numbers = new Map<Name, number>();

  constructor(
    bytes: Uint8Array,
    names: Layout,
    other?: (number: number, field: Uint8Array) => void,
  ) {
    let valid = true;
    const whole = scanFields(bytes, (number, varint, field) => {
      const name = names.get(number);
      if (name === undefined) {
        other?.(number, field);
      } else if (TEXTS.has(name)) {
        const text = utf8Decode(field);
        if (text === undefined) valid = false;
        else this.#texts.set(name, text);
      } else if (CHUNKS.has(name)) {
        this.#chunks.set(name, field);
      } else {
        this.#numbers.set(name, varint);
      }
    });
    this.valid = whole && valid;
  }

  text(name: Name): string | undefined {
    return this.#texts.get(name);
  }

  bytes(name: Name): Uint8Array | undefined {
    return this.#chunks.get(name);
  }

  number(name: Name): number | undefined {
    return this.#numbers.get(name);
  }

  addressed(): ObjectRequest {
    return {
      cls: this.text("cls") ?? "",
      partition: this.number("partition") ?? 0,
      id: this.text("id"),
      expectedVersion: this.number("expected"),
      expectedDigest: this.bytes("digest"),
    };
  }
}
