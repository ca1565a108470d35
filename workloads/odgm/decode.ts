// Requests, decoded and checked: what is refused here is the caller's mistake and has touched
// nothing. Entry keys are taken as they are; ids are lower-cased.
import { Method } from "#api/gen/oaas-stream_pb.ts";
import { ODGM_SLOTS } from "#api/workload/odgm.ts";
import type { SlotSpan } from "#workloads/core/moves/index.ts";
import { ByteReader, ByteWriter } from "#workloads/core/raft/index.ts";
import type {
  Addressed,
  CursorScope,
  ListRequest,
  ObjectWrite,
} from "#workloads/core/store/index.ts";
import {
  decodeBatchRequest,
  decodeCursor,
  decodeKeyRequest,
  decodeListObjectsRequest,
  decodeListValuesRequest,
  decodeObjectRequest,
  decodeSetKeyRequest,
  decodeSetRequest,
  pageLimit,
  parseEntryKey,
  parseObjectId,
} from "#workloads/core/store/index.ts";

import { refuse } from "./errors.ts";

/** How names are treated. */
export interface NameSettings {
  readonly idLengthMax: number;
  readonly entryKeys: boolean;
}

/** One page of a listing. */
export interface Page {
  readonly prefix: string;
  readonly after: string | undefined;
  readonly limit: number;
}

/** A read of one object. `id` is checked, `request` as it came. */
export type ObjectRead = { readonly request: Addressed; readonly id: string } & (
  | { readonly kind: "object" }
  | { readonly kind: "value"; readonly key: string }
  | { readonly kind: "values"; readonly page: Page }
);

/** A write to one object; `view` = the answer holds the object afterwards. */
export interface ObjectWriteRequest {
  readonly request: Addressed;
  readonly write: ObjectWrite;
  readonly view: boolean;
}

/** Decodes Get, GetValue, ListValues. Throws the refusal. */
export function decodeRead(method: Method, bytes: Uint8Array, settings: NameSettings): ObjectRead {
  if (method === Method.GET) {
    const request = wellFormed(decodeObjectRequest(bytes));
    return { kind: "object", request, id: checkedId(request.id, settings) };
  }
  requireEntryKeys(settings);
  if (method === Method.GET_VALUE) {
    const request = wellFormed(decodeKeyRequest(bytes));
    const id = checkedId(request.id, settings);
    return { kind: "value", request, id, key: checkedKey(request.key) };
  }
  const request = wellFormed(decodeListValuesRequest(bytes));
  const id = checkedId(request.id, settings);
  return { kind: "values", request, id, page: pageOf(request, { kind: "values", id }) };
}

/** Decodes ListObjects. Throws the refusal. */
export function decodeObjectList(bytes: Uint8Array): {
  readonly request: Addressed;
  readonly page: Page;
  /** Exactly the objects in these slots are asked for. */
  readonly spans: readonly SlotSpan[] | undefined;
} {
  const request = wellFormed(decodeListObjectsRequest(bytes));
  const spans = request.slots === undefined ? undefined : decodeSpans(request.slots);
  return { request, page: pageOf(request, { kind: "objects" }), spans };
}

/** The packed form of field `slots` of ListObjectsRequest. */
export function encodeSpans(spans: readonly SlotSpan[]): Uint8Array {
  const writer = new ByteWriter();
  for (const { first, last } of spans) {
    writer.varint(first);
    writer.varint(last);
  }
  return writer.finish();
}

function decodeSpans(bytes: Uint8Array): readonly SlotSpan[] {
  const reader = new ByteReader(bytes);
  const spans: SlotSpan[] = [];
  while (reader.remaining > 0 && !reader.failed) {
    spans.push({ first: reader.varint(), last: reader.varint() });
  }
  const isFit = ({ first, last }: SlotSpan): boolean => first <= last && last < ODGM_SLOTS.count;
  if (!reader.failed && spans.every(isFit)) return spans;
  throw refuse("INVALID_REQUEST", "the slots are no pairs of first and last");
}

/** Decodes Set, Merge, Delete, SetValue, DeleteValue, BatchSetValues. Throws the refusal. */
export function decodeWrite(
  method: Method,
  bytes: Uint8Array,
  settings: NameSettings,
): ObjectWriteRequest {
  switch (method) {
    case Method.DELETE: {
      const request = wellFormed(decodeObjectRequest(bytes));
      const id = checkedId(request.id, settings);
      return { request, write: { kind: "delete", id, ...expectedOf(request) }, view: false };
    }
    case Method.SET:
    case Method.MERGE:
      return decodeSet(bytes, settings, method === Method.MERGE);
    case Method.SET_VALUE:
      return decodeSetValue(bytes, settings);
    case Method.DELETE_VALUE: {
      requireEntryKeys(settings);
      const request = wellFormed(decodeKeyRequest(bytes));
      const id = checkedId(request.id, settings);
      const deletes = [checkedKey(request.key)];
      const write = { kind: "mutate" as const, id, sets: [], deletes, create: false };
      return { request, write, view: false };
    }
    default:
      return decodeBatch(bytes, settings);
  }
}

function decodeSet(bytes: Uint8Array, settings: NameSettings, merge: boolean): ObjectWriteRequest {
  const request = wellFormed(decodeSetRequest(bytes));
  const id = checkedId(request.id, settings);
  const { object } = request;
  if (object === undefined) throw refuse("INVALID_REQUEST", "object must not be none");
  if (object.entries.length > 0) requireEntryKeys(settings);
  for (const { key } of object.entries) checkedKey(key);
  const write: ObjectWrite = {
    kind: "mutate",
    id,
    sets: object.entries,
    deletes: [],
    create: true,
    refuseCrdtMerge: merge,
    ...(object.event === undefined ? {} : { event: object.event }),
    ...expectedOf(request),
  };
  return { request, write, view: merge };
}

function decodeSetValue(bytes: Uint8Array, settings: NameSettings): ObjectWriteRequest {
  requireEntryKeys(settings);
  const request = wellFormed(decodeSetKeyRequest(bytes));
  const id = checkedId(request.id, settings);
  const key = checkedKey(request.key);
  if (request.value === undefined) throw refuse("INVALID_REQUEST", "value must not be none");
  const sets = [{ key, value: request.value }];
  return { request, write: { kind: "mutate", id, sets, deletes: [], create: true }, view: false };
}

function decodeBatch(bytes: Uint8Array, settings: NameSettings): ObjectWriteRequest {
  requireEntryKeys(settings);
  const request = wellFormed(decodeBatchRequest(bytes));
  const id = checkedId(request.id, settings);
  const { sets, deletes } = request;
  for (const { key } of sets) checkedKey(key);
  for (const key of deletes) checkedKey(key);
  const expected = expectedOf(request);
  const write: ObjectWrite = { kind: "mutate", id, sets, deletes, create: false, ...expected };
  return { request, write, view: false };
}

/** The value, unless the bytes were no such message. */
export function wellFormed<T>(request: T | undefined): T {
  if (request === undefined) throw refuse("INVALID_REQUEST", "the request is malformed");
  return request;
}

/** The id in the form in which it is stored. Throws INVALID_OBJECT_ID. */
export function checkedId(id: string | undefined, settings: NameSettings): string {
  const parsed = parseObjectId(id, settings.idLengthMax);
  if (parsed.kind === "ok") return parsed.name;
  throw refuse("INVALID_OBJECT_ID", parsed.message);
}

function checkedKey(key: string | undefined): string {
  const parsed = parseEntryKey(key);
  if (parsed.kind === "ok") return parsed.name;
  throw refuse("INVALID_KEY", parsed.message);
}

function requireEntryKeys(settings: NameSettings): void {
  if (settings.entryKeys) return;
  throw refuse("STRING_KEYS_DISABLED", "string entry keys feature disabled");
}

function expectedOf(request: {
  readonly expectedVersion: number | undefined;
  readonly expectedDigest: Uint8Array | undefined;
}): { readonly expectedVersion?: number; readonly expectedDigest?: Uint8Array } {
  const { expectedVersion, expectedDigest } = request;
  if (expectedVersion === undefined) {
    if (expectedDigest === undefined) return {};
    throw refuse("INVALID_REQUEST", "a digest is expected together with a version");
  }
  return expectedDigest === undefined ? { expectedVersion } : { expectedVersion, expectedDigest };
}

function pageOf(request: ListRequest, scope: CursorScope): Page {
  const { cursor, prefix, limit } = request;
  const after =
    cursor === undefined || cursor.byteLength === 0 ? undefined : decodeCursor(scope, cursor);
  if (cursor !== undefined && cursor.byteLength > 0 && after === undefined) {
    throw refuse("INVALID_CURSOR", "the cursor is not one of this listing");
  }
  return { prefix, after, limit: pageLimit(limit) };
}
