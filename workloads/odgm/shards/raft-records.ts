// What a Raft partition keeps beside its objects: sessions with their answers, requests with keys
// of their own, and the newest token of exclusive calls. Records with the empty id, so they come
// before all objects; the kinds 0 to 3 belong to workloads/core/store.
//
//   4 session   | settled below varint | last used varint |
//   5 answer    | session | u64 BE sequence |  ->  outcome
//   6 key       | fingerprint text | slot varint | time varint | outcome |
//   7 token     | object id |  ->  | term varint | sequence varint |
//   8 slots     the ledger of workloads/core/moves
import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";
import type { ExclusiveToken } from "#workloads/core/demand/index.ts";
import type { KeyRecord, SessionHeader, SessionRecords } from "#workloads/core/raft/index.ts";
import { ByteReader, ByteWriter } from "#workloads/core/raft/index.ts";
import { slotOf } from "#workloads/core/slots/index.ts";
import type { StoreItem, StoreRange } from "#workloads/core/store/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import { encodeToken, readToken } from "./raft-commands.ts";

const SESSION = 4;
const ANSWER = 5;
const KEY = 6;
const TOKEN = 7;
const HEAD = 6;
const U32 = 0x1_0000_0000;

/** Key of a session. */
export function sessionKey(shard: number, session: string): Uint8Array {
  return recordKey(shard, SESSION, utf8Encode(session));
}

/** Key of an answer that a session remembers. */
export function answerKey(shard: number, session: string, sequence: number): Uint8Array {
  const name = utf8Encode(session);
  const rest = new Uint8Array(name.byteLength + 8);
  rest.set(name);
  const view = new DataView(rest.buffer);
  view.setUint32(name.byteLength, Math.floor(sequence / U32));
  view.setUint32(name.byteLength + 4, sequence % U32);
  return recordKey(shard, ANSWER, rest);
}

/** Key of a request with a key of its own. */
export function requestKey(shard: number, key: string): Uint8Array {
  return recordKey(shard, KEY, utf8Encode(key));
}

/** Key of an object's newest token. */
export function tokenKey(shard: number, id: string): Uint8Array {
  return recordKey(shard, TOKEN, utf8Encode(id));
}

/** Bytes of a session's record. */
export function encodeHeader(header: SessionHeader): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(header.settledBelow);
  writer.varint(header.lastMs);
  return writer.finish();
}

/** Bytes of a remembered request. */
export function encodeKeyRecord(record: KeyRecord): Uint8Array {
  const writer = new ByteWriter();
  writer.text(record.fingerprint);
  writer.varint(record.slot);
  writer.varint(record.atMs);
  writer.bytes(record.result);
  return writer.finish();
}

/** Bytes of a token's record. */
export function encodeTokenRecord(token: ExclusiveToken): Uint8Array {
  const writer = new ByteWriter();
  encodeToken(writer, token);
  return writer.finish();
}

/** The inverse. */
export function decodeTokenRecord(bytes: Uint8Array): ExclusiveToken {
  return readToken(new ByteReader(bytes));
}

/** With which slot a record of the partition itself moves. */
export function slotOfRecord(key: Uint8Array, value: Uint8Array): number | "last" | undefined {
  switch (key[HEAD - 1]) {
    case SESSION:
    case ANSWER:
      return "last";
    case KEY:
      return decodeKeyRecord(value).slot;
    case TOKEN:
      return slotOf(xxh3, textOf(key.subarray(HEAD)));
    default:
      return undefined;
  }
}

/** Whether the record is one of those that {@link readSessions} reads. */
export function isSessionRecord(key: Uint8Array): boolean {
  const kind = key[HEAD - 1] ?? 0;
  return kind >= SESSION && kind <= KEY;
}

/** All sessions and keys of a partition. */
export function readSessions(
  source: { readonly number: number; scan(range: StoreRange): Iterable<StoreItem> },
  timeMs: number,
): SessionRecords {
  const sessions: (readonly [string, SessionHeader])[] = [];
  const results: (readonly [string, number, Uint8Array])[] = [];
  const keys: (readonly [string, KeyRecord])[] = [];
  for (const { key, value } of source.scan(rangeOf(source.number))) {
    const rest = key.subarray(HEAD);
    switch (key[HEAD - 1]) {
      case SESSION:
        sessions.push([textOf(rest), decodeHeader(value)]);
        break;
      case ANSWER: {
        const view = new DataView(rest.buffer, rest.byteOffset, rest.byteLength);
        const at = rest.byteLength - 8;
        const sequence = view.getUint32(at) * U32 + view.getUint32(at + 4);
        results.push([textOf(rest.subarray(0, at)), sequence, new Uint8Array(value)]);
        break;
      }
      default:
        keys.push([textOf(rest), decodeKeyRecord(value)]);
    }
  }
  return { timeMs, sessions, results, keys };
}

function rangeOf(shard: number): StoreRange {
  const nothing = new Uint8Array(0);
  return { start: recordKey(shard, SESSION, nothing), end: recordKey(shard, TOKEN, nothing) };
}

function decodeHeader(bytes: Uint8Array): SessionHeader {
  const reader = new ByteReader(bytes);
  const settledBelow = reader.varint();
  return { settledBelow, lastMs: reader.varint() };
}

function decodeKeyRecord(bytes: Uint8Array): KeyRecord {
  const reader = new ByteReader(bytes);
  const fingerprint = reader.text(reader.remaining);
  const slot = reader.varint();
  const atMs = reader.varint();
  return { fingerprint, slot, atMs, result: reader.bytes(reader.remaining).slice() };
}

function recordKey(shard: number, kind: number, rest: Uint8Array): Uint8Array {
  const key = new Uint8Array(HEAD + rest.byteLength);
  new DataView(key.buffer).setUint32(0, shard);
  key[HEAD - 1] = kind;
  key.set(rest, HEAD);
  return key;
}

function textOf(bytes: Uint8Array): string {
  const text = utf8Decode(bytes);
  assert(text !== undefined, "names in keys are UTF-8");
  return text;
}
