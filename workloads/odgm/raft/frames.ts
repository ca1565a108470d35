// What the hosts of two members say to each other, as bytes. Every message has an answer, which
// says no more than that it arrived (and, of a snapshot's parts, whether they were taken), and
// carries what members must know of each other.
//
//   message  | version u8 | kind u8 | note u8 | body |
//   answer   | version u8 | note u8 | taken u8 |
//   removed  | group varint |
//   begin    | group varint | snapshot text |
//   chunk    | group varint | snapshot text | { key bytes, flag u8, index varint, value bytes } |
//   end      | group varint | snapshot text | record bytes | frame bytes |
import type { GroupId, GroupMessage, LogIndex } from "#workloads/core/raft/index.ts";
import { ByteReader, ByteWriter, GROUP_ID_MAX } from "#workloads/core/raft/index.ts";

/** Bytes of one message, but for one that holds a single larger thing. */
export const FRAME_BYTES_MAX = 256 << 10;

const VERSION = 1;
const KINDS = ["frame", "ping", "removed", "begin", "chunk", "end"] as const;
const KEY_BYTES_MAX = 2048;
const NAME_BYTES_MAX = 64;
const RESIGNED = 1;
const FULL = 2;
const OVERFULL = 4;

/** What a member says of itself with everything it says. */
export interface PeerNote {
  /** It takes no leadership now. */
  readonly isResigned: boolean;
  readonly disk: DiskRoom;
}

/**
 * What a disk can take. Who is `full` had better not lead: data may grow without its vote.
 * `overfull` is so near to the end that whatever makes the data larger may cost the store.
 */
export type DiskRoom = "room" | "full" | "overfull";

/** A record of a snapshot; without a value it is to be removed. */
export interface SnapshotItem {
  readonly key: Uint8Array;
  readonly index: LogIndex;
  readonly value: Uint8Array | undefined;
}

/** Which snapshot; the name is new for every attempt. */
export interface SnapshotName {
  readonly group: GroupId;
  readonly snapshot: string;
}

/** One message. */
export type HostMessage =
  /** Messages of the core, as `encodeFrame` made them. */
  | { readonly kind: "frame"; readonly frame: Uint8Array }
  | { readonly kind: "ping" }
  /** Has the group, which you lead, let go of me? "Taken" means yes. */
  | { readonly kind: "removed"; readonly group: GroupId }
  | ({ readonly kind: "begin" } & SnapshotName)
  | ({ readonly kind: "chunk"; readonly items: readonly SnapshotItem[] } & SnapshotName)
  /** `record` is that of the state; `frame` holds the core's message, to be taken last. */
  | ({
      readonly kind: "end";
      readonly record: Uint8Array;
      readonly frame: Uint8Array;
    } & SnapshotName);

/** Bytes of a message. */
export function encodeMessage(message: HostMessage, note: PeerNote): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.byte(KINDS.indexOf(message.kind));
  writer.byte(noteByte(note));
  switch (message.kind) {
    case "ping":
      break;
    case "frame":
      writer.bytes(message.frame);
      break;
    case "removed":
      writer.varint(message.group);
      break;
    case "begin":
      writeName(writer, message);
      break;
    case "chunk":
      writeName(writer, message);
      for (const item of message.items) writeItem(writer, item);
      break;
    case "end":
      writeName(writer, message);
      writer.bytes(message.record);
      writer.bytes(message.frame);
      break;
  }
  return writer.finish();
}

/** The message and the note, as views into the bytes; undefined if they are not exactly that. */
export function decodeMessage(
  bytes: Uint8Array,
): { readonly message: HostMessage; readonly note: PeerNote } | undefined {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== VERSION) return undefined;
  const kind = KINDS[reader.byte()];
  const note = readNote(reader);
  const message = kind === undefined ? undefined : readBody(reader, kind);
  if (message === undefined || reader.failed || reader.remaining > 0) return undefined;
  return { message, note };
}

/** Bytes of an answer. */
export function encodeAnswer(note: PeerNote, isTaken: boolean): Uint8Array {
  return new Uint8Array([VERSION, noteByte(note), isTaken ? 1 : 0]);
}

/** Undefined if the bytes are no answer. */
export function decodeAnswer(
  bytes: Uint8Array,
): { readonly note: PeerNote; readonly isTaken: boolean } | undefined {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== VERSION) return undefined;
  const note = readNote(reader);
  const isTaken = reader.bool();
  return reader.failed || reader.remaining > 0 ? undefined : { note, isTaken };
}

/** Bytes that an item takes in a chunk. */
export function itemBytes(item: SnapshotItem): number {
  return item.key.byteLength + (item.value?.byteLength ?? 0) + 16;
}

function noteByte({ isResigned, disk }: PeerNote): number {
  const full = disk === "room" ? 0 : disk === "full" ? FULL : FULL | OVERFULL;
  return (isResigned ? RESIGNED : 0) | full;
}

/** What a later release says beside these is left alone. */
function readNote(reader: ByteReader): PeerNote {
  const bits = reader.byte();
  const disk = (bits & OVERFULL) > 0 ? "overfull" : (bits & FULL) > 0 ? "full" : "room";
  return { isResigned: (bits & RESIGNED) > 0, disk };
}

function readBody(reader: ByteReader, kind: HostMessage["kind"]): HostMessage | undefined {
  switch (kind) {
    case "ping":
      return { kind };
    case "frame":
      return { kind, frame: reader.bytes(reader.remaining) };
    case "removed":
      return { kind, group: readGroup(reader) };
    case "begin":
      return { kind, ...readName(reader) };
    case "chunk": {
      const name = readName(reader);
      const items: SnapshotItem[] = [];
      while (reader.remaining > 0 && !reader.failed) items.push(readItem(reader));
      return { kind, ...name, items };
    }
    case "end": {
      const name = readName(reader);
      const record = reader.bytes(reader.remaining);
      return { kind, ...name, record, frame: reader.bytes(reader.remaining) };
    }
  }
}

function writeName(writer: ByteWriter, { group, snapshot }: SnapshotName): void {
  writer.varint(group);
  writer.text(snapshot);
}

function readGroup(reader: ByteReader): GroupId {
  const group = reader.varint();
  if (group > GROUP_ID_MAX) reader.fail();
  // Checked just above.
  return group as GroupId;
}

function readName(reader: ByteReader): SnapshotName {
  return { group: readGroup(reader), snapshot: reader.text(NAME_BYTES_MAX) };
}

function writeItem(writer: ByteWriter, { key, index, value }: SnapshotItem): void {
  writer.bytes(key);
  writer.byte(value === undefined ? 0 : 1);
  writer.varint(index);
  if (value !== undefined) writer.bytes(value);
}

function readItem(reader: ByteReader): SnapshotItem {
  const key = reader.bytes(KEY_BYTES_MAX);
  const hasValue = reader.bool();
  const index = reader.varint();
  if (key.byteLength < 6) reader.fail();
  return { key, index, value: hasValue ? reader.bytes(reader.remaining) : undefined };
}

/** Messages in parts that fit into a frame, unless one alone does not. */
export function partsOf(messages: readonly GroupMessage[]): readonly (readonly GroupMessage[])[] {
  const parts: GroupMessage[][] = [];
  let bytes = 0;
  for (const item of messages) {
    const size = sizeOf(item);
    const part = parts.at(-1);
    if (part === undefined || bytes + size > FRAME_BYTES_MAX) {
      parts.push([item]);
      bytes = size;
    } else {
      part.push(item);
      bytes += size;
    }
  }
  return parts;
}

function sizeOf({ message }: GroupMessage): number {
  if (message.kind !== "append") return 64;
  return message.entries.reduce((bytes, { data }) => bytes + data.byteLength + 16, 64);
}
