// Messages and durable records as bytes. A frame holds the messages of many groups from one member
// to one other, so a turn costs one frame per peer and a heartbeat some eight bytes. Bytes that are
// not exactly one well-formed frame or record are a returned reject, never a throw, and the work
// done for them is bounded by their length.
//
// frame  | version u8 | from text | to text | count varint | { group varint | message } |
// record | version u8 | group varint | flags u8 | parts in order of the flags |
// entry  | term varint | kind u8 | data bytes |     (indexes follow from the first one)
//
// text and bytes: length varint, then as many bytes. Forms of message bodies: codec-message.ts.
import { ByteReader, ByteWriter } from "./bytes.ts";
import {
  decodeBase,
  decodeMessage,
  encodeBase,
  encodeMessage,
  readEntries,
} from "./codec-message.ts";
import { readMember, readOptionalMember, writeEntry } from "./codec-message.ts";
import type { Persist } from "./effects.ts";
import type { Message } from "./messages.ts";
import type { Entry, GroupId, HardState, LogBase, MemberId, Snapshot } from "./types.ts";

/** Version of frames and records that this release writes, and the only one it reads. */
export const CODEC_VERSION = 1;
/** Largest group id. */
export const GROUP_ID_MAX = 2 ** 32 - 1;

/** A message and the group it belongs to. */
export interface GroupMessage {
  readonly group: GroupId;
  readonly message: Message;
}

/** What one member says to one other in one go. */
export interface Frame {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly messages: readonly GroupMessage[];
}

/** Why bytes were not taken. */
export type RejectReason = "version" | "malformed";
/** The value, or why there is none. */
export type Decoded<T> =
  | { readonly kind: "decoded"; readonly value: T }
  | { readonly kind: "reject"; readonly reason: RejectReason };

/** What a write leaves behind: a `Persist` without its number and duties. */
export interface DurableRecord {
  readonly group: GroupId;
  readonly hard: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly base: LogBase | undefined;
}

/** Bytes of a frame; all messages must be from `from` to `to`. */
export function encodeFrame(frame: Frame): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(CODEC_VERSION);
  writer.text(frame.from);
  writer.text(frame.to);
  writer.varint(frame.messages.length);
  for (const { group, message } of frame.messages) {
    writer.varint(group);
    encodeMessage(writer, message);
  }
  return writer.finish();
}

/** The frame; data of entries are views into `bytes`. */
export function decodeFrame(bytes: Uint8Array): Decoded<Frame> {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== CODEC_VERSION) return rejected("version");
  const from = readMember(reader);
  const to = readMember(reader);
  const count = reader.varint();
  const messages: GroupMessage[] = [];
  for (let index = 0; index < count && !reader.failed; index += 1) {
    const group = readGroup(reader);
    const message = decodeMessage(reader, { from, to });
    if (message === undefined) return rejected("malformed");
    messages.push({ group, message });
  }
  if (reader.failed || reader.remaining > 0) return rejected("malformed");
  return { kind: "decoded", value: { from, to, messages } };
}

const HARD = 1;
const ENTRIES = 2;
const SNAPSHOT = 4;
const BASE = 8;

/** Bytes of one write of one group, for a driver's log. */
export function encodeRecord(group: GroupId, persist: Omit<Persist, "then" | "id">): Uint8Array {
  const { hard, entries, snapshot, base } = persist;
  const writer = new ByteWriter();
  writer.byte(CODEC_VERSION);
  writer.varint(group);
  const [first] = entries;
  writer.byte(
    (hard === undefined ? 0 : HARD) |
      (first === undefined ? 0 : ENTRIES) |
      (snapshot === undefined ? 0 : SNAPSHOT) |
      (base === undefined ? 0 : BASE),
  );
  if (hard !== undefined) encodeHard(writer, hard);
  if (first !== undefined) {
    writer.varint(first.index);
    writer.varint(entries.length);
    for (const entry of entries) writeEntry(writer, entry);
  }
  if (snapshot !== undefined) {
    encodeBase(writer, snapshot.base);
    writer.text(snapshot.handle);
  }
  if (base !== undefined) encodeBase(writer, base);
  return writer.finish();
}

/** The record; data of entries are views into `bytes`. */
export function decodeRecord(bytes: Uint8Array): Decoded<DurableRecord> {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== CODEC_VERSION) return rejected("version");
  const group = readGroup(reader);
  const flags = reader.byte();
  if (flags > (HARD | ENTRIES | SNAPSHOT | BASE)) reader.fail();
  const hard = (flags & HARD) > 0 ? decodeHard(reader) : undefined;
  let entries: readonly Entry[] = [];
  if ((flags & ENTRIES) > 0) {
    const first = reader.varint();
    if (first < 1) reader.fail();
    entries = readEntries(reader, { first, termMin: 1, termMax: Number.MAX_SAFE_INTEGER });
    if (entries.length === 0) reader.fail();
  }
  const snapshot = (flags & SNAPSHOT) > 0 ? decodeSnapshot(reader) : undefined;
  const base = (flags & BASE) > 0 ? decodeBase(reader) : undefined;
  if (reader.failed || reader.remaining > 0) return rejected("malformed");
  return { kind: "decoded", value: { group, hard, entries, snapshot, base } };
}

function encodeHard(writer: ByteWriter, hard: HardState): void {
  writer.varint(hard.term);
  writer.text(hard.vote ?? "");
  writer.varint(hard.commit);
  writer.varint(hard.logEpoch);
  writer.byte(hard.suspect ? 1 : 0);
}

function decodeHard(reader: ByteReader): HardState {
  return {
    term: reader.varint(),
    vote: readOptionalMember(reader),
    commit: reader.varint(),
    logEpoch: reader.varint(),
    suspect: reader.bool(),
  };
}

function decodeSnapshot(reader: ByteReader): Snapshot {
  const base = decodeBase(reader);
  // Written by encodeRecord from a handle.
  return { base, handle: reader.text(255) as Snapshot["handle"] };
}

function readGroup(reader: ByteReader): GroupId {
  const group = reader.varint();
  if (group > GROUP_ID_MAX) reader.fail();
  // The only place where bytes become a group id.
  return group as GroupId;
}

function rejected(reason: RejectReason): { kind: "reject"; reason: RejectReason } {
  return { kind: "reject", reason };
}
