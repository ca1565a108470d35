// The data of the core's own entries as bytes: changes of members, levels, digests. They go through
// the log like any other data; the codec checks them at the door, so that a replica never meets one
// that it cannot read.
import { ByteReader, ByteWriter } from "./bytes.ts";
import type { ConfigChange, MemberChange } from "./effects.ts";
import type { EntryKind, LogIndex, MemberId } from "./types.ts";
import { MEMBER_ID_BYTES_MAX } from "./types.ts";

/** Changes in one proposal, at most. */
export const MEMBER_CHANGES_MAX = 64;
/** Longest digest, in bytes. */
export const DIGEST_BYTES_MAX = 64;

const TRANSITIONS: readonly ConfigChange["transition"][] = ["auto", "joint", "joint-explicit"];
const CHANGES: readonly MemberChange["kind"][] = ["add-voter", "add-learner", "remove"];

/** transition u8 | count varint | { kind u8 | member text }. */
export function encodeConfigChange(change: ConfigChange): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(TRANSITIONS.indexOf(change.transition));
  writer.varint(change.changes.length);
  for (const { kind, member } of change.changes) {
    writer.byte(CHANGES.indexOf(kind));
    writer.text(member);
  }
  return writer.finish();
}

/** Undefined if the bytes are not exactly one change. */
export function decodeConfigChange(data: Uint8Array): ConfigChange | undefined {
  const reader = new ByteReader(data);
  const transition = TRANSITIONS[reader.byte()];
  const count = reader.varint();
  if (transition === undefined || count > MEMBER_CHANGES_MAX) return undefined;
  const changes: MemberChange[] = [];
  for (let index = 0; index < count; index += 1) {
    const kind = CHANGES[reader.byte()];
    const member = reader.text(MEMBER_ID_BYTES_MAX);
    if (kind === undefined || member === "" || reader.failed) return undefined;
    // The only place where bytes become a member id.
    changes.push({ kind, member: member as MemberId });
  }
  return reader.failed || reader.remaining > 0 ? undefined : { transition, changes };
}

/** level varint. */
export function encodeLevel(level: number): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(level);
  return writer.finish();
}

/** Undefined if the bytes are not exactly one level, 1 or more. */
export function decodeLevel(data: Uint8Array): number | undefined {
  const reader = new ByteReader(data);
  const level = reader.varint();
  return reader.failed || reader.remaining > 0 || level < 1 ? undefined : level;
}

/** What a state was after an index. */
export interface StateDigest {
  readonly index: LogIndex;
  readonly digest: Uint8Array;
}

/** index varint | digest bytes. */
export function encodeDigest(state: StateDigest): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(state.index);
  writer.bytes(state.digest);
  return writer.finish();
}

/** Undefined if the bytes are not exactly one digest. */
export function decodeDigest(data: Uint8Array): StateDigest | undefined {
  const reader = new ByteReader(data);
  const index = reader.varint();
  const digest = reader.bytes(DIGEST_BYTES_MAX);
  return reader.failed || reader.remaining > 0 ? undefined : { index, digest };
}

/** True if an entry of this kind may have this data. */
export function isEntryData(kind: EntryKind, data: Uint8Array): boolean {
  if (kind === "command") return true;
  if (kind === "empty") return data.byteLength === 0;
  if (kind === "config") return decodeConfigChange(data) !== undefined;
  if (kind === "level") return decodeLevel(data) !== undefined;
  return decodeDigest(data) !== undefined;
}
