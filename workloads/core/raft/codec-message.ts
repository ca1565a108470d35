// The forms of message bodies; see codec.ts for what is around them.
//
// message | kind u8 | term varint | body |
//
//  0 append          prevIndex prevTerm commit refetch count { entry }
//  1 append-ack      index standing
//  2 append-reject   prevIndex hintIndex hintTerm standing
//  3 heartbeat       commit round refetch
//  4 heartbeat-ack   round standing
//  5 pre-vote        lastIndex lastTerm
//  6 pre-vote-reply  granted u8 commitIndex commitTerm
//  7 vote            lastIndex lastTerm transfer u8
//  8 vote-reply      granted u8 commitIndex commitTerm
//  9 snapshot        base handle text
// 10 timeout-now
// 11 transfer        target text
// 12 newer-term
// 13 propose         run settledBelow count { id kind u8 data bytes }
// 14 propose-reply   count { id refused u8 index }
// 15 read            batch
// 16 read-reply      batch index
// 17 quiesce         commit
//
// Numbers are varints. standing: logEpoch, suspect u8, supports. refetch: epoch, then target if
// epoch > 0. base: index term level autoLeave u8
// and four lists (voters, outgoing, learners, learnersNext) of count { text }.
import { assertNever } from "#api/base/index.ts";

import type { ByteReader, ByteWriter } from "./bytes.ts";
import { isEntryData } from "./entry-data.ts";
import type {
  ForwardedProposal,
  ForwardOutcome,
  Message,
  MessageBody,
  MessageOf,
  Refetch,
  RefusalReason,
  Standing,
} from "./messages.ts";
import type {
  Configuration,
  Entry,
  EntryKind,
  LogBase,
  MemberId,
  SnapshotHandle,
} from "./types.ts";
import { MEMBER_ID_BYTES_MAX } from "./types.ts";

const MESSAGE_KINDS: readonly Message["kind"][] = [
  "append",
  "append-ack",
  "append-reject",
  "heartbeat",
  "heartbeat-ack",
  "pre-vote",
  "pre-vote-reply",
  "vote",
  "vote-reply",
  "snapshot",
  "timeout-now",
  "transfer",
  "newer-term",
  "propose",
  "propose-reply",
  "read",
  "read-reply",
  "quiesce",
];
const KIND_NUMBERS = new Map(MESSAGE_KINDS.map((kind, number) => [kind, number]));
const ENTRY_KINDS: readonly EntryKind[] = ["command", "empty", "config", "level", "digest"];
const REFUSALS: readonly (RefusalReason | undefined)[] = [
  undefined,
  "not-leader",
  "overloaded",
  "too-large",
  "transferring",
  "level",
  "change-pending",
  "change-invalid",
];
const HANDLE_BYTES_MAX = 255;

/** kind, term and body; the members are known from around it. */
export function encodeMessage(writer: ByteWriter, message: Message): void {
  writer.byte(KIND_NUMBERS.get(message.kind) ?? 0xff);
  writer.varint(message.term);
  switch (message.kind) {
    case "append":
      encodeAppend(writer, message);
      return;
    case "append-ack":
      writer.varint(message.index);
      encodeStanding(writer, message);
      return;
    case "append-reject":
      writer.varint(message.prevIndex);
      writer.varint(message.hintIndex);
      writer.varint(message.hintTerm);
      encodeStanding(writer, message);
      return;
    case "heartbeat":
      writer.varint(message.commit);
      writer.varint(message.round);
      encodeRefetch(writer, message.refetch);
      return;
    case "heartbeat-ack":
      writer.varint(message.round);
      encodeStanding(writer, message);
      return;
    case "pre-vote":
    case "vote":
      writer.varint(message.lastIndex);
      writer.varint(message.lastTerm);
      if (message.kind === "vote") writer.byte(message.transfer ? 1 : 0);
      return;
    case "pre-vote-reply":
    case "vote-reply":
      writer.byte(message.granted ? 1 : 0);
      writer.varint(message.commitIndex);
      writer.varint(message.commitTerm);
      return;
    case "snapshot":
      encodeBase(writer, message.base);
      writer.text(message.handle);
      return;
    case "timeout-now":
    case "newer-term":
      return;
    case "transfer":
      writer.text(message.target);
      return;
    case "propose":
      encodePropose(writer, message);
      return;
    case "propose-reply":
      encodeOutcomes(writer, message.outcomes);
      return;
    case "read":
      writer.varint(message.batch);
      return;
    case "read-reply":
      writer.varint(message.batch);
      writer.varint(message.index);
      return;
    case "quiesce":
      writer.varint(message.commit);
      return;
    default:
      assertNever(message);
  }
}

/** Undefined if the kind is unknown; otherwise the reader tells whether the value is worth it. */
export function decodeMessage(
  reader: ByteReader,
  members: { readonly from: MemberId; readonly to: MemberId },
): Message | undefined {
  const kind = MESSAGE_KINDS[reader.byte()];
  if (kind === undefined) return undefined;
  const term = reader.varint();
  const body = decodeBody(reader, kind, term);
  return { ...members, term, ...body };
}

function decodeBody(reader: ByteReader, kind: Message["kind"], term: number): MessageBody {
  switch (kind) {
    case "append":
      return decodeAppend(reader, term);
    case "append-ack":
      return { kind, index: reader.varint(), ...decodeStanding(reader) };
    case "append-reject": {
      const prevIndex = reader.varint();
      const hintIndex = reader.varint();
      const hintTerm = reader.varint();
      return { kind, prevIndex, hintIndex, hintTerm, ...decodeStanding(reader) };
    }
    case "heartbeat": {
      const commit = reader.varint();
      const round = reader.varint();
      return { kind, commit, round, refetch: decodeRefetch(reader) };
    }
    case "heartbeat-ack":
      return { kind, round: reader.varint(), ...decodeStanding(reader) };
    case "pre-vote":
      return { kind, lastIndex: reader.varint(), lastTerm: reader.varint() };
    case "vote": {
      const lastIndex = reader.varint();
      const lastTerm = reader.varint();
      return { kind, lastIndex, lastTerm, transfer: reader.bool() };
    }
    case "pre-vote-reply":
    case "vote-reply":
      return {
        kind,
        granted: reader.bool(),
        commitIndex: reader.varint(),
        commitTerm: reader.varint(),
      };
    case "snapshot": {
      const base = decodeBase(reader);
      return { kind, base, handle: readHandle(reader) };
    }
    case "timeout-now":
    case "newer-term":
      return { kind };
    case "transfer":
      return { kind, target: readMember(reader) };
    case "propose":
      return decodePropose(reader);
    case "propose-reply":
      return { kind, outcomes: decodeOutcomes(reader) };
    case "read":
      return { kind, batch: reader.varint() };
    case "read-reply":
      return { kind, batch: reader.varint(), index: reader.varint() };
    case "quiesce":
      return { kind, commit: reader.varint() };
    default:
      return assertNever(kind);
  }
}

function encodeAppend(writer: ByteWriter, message: MessageOf<"append">): void {
  writer.varint(message.prevIndex);
  writer.varint(message.prevTerm);
  writer.varint(message.commit);
  encodeRefetch(writer, message.refetch);
  writer.varint(message.entries.length);
  for (const entry of message.entries) writeEntry(writer, entry);
}

function decodeAppend(reader: ByteReader, term: number): MessageBody {
  const prevIndex = reader.varint();
  const prevTerm = reader.varint();
  const commit = reader.varint();
  const refetch = decodeRefetch(reader);
  const range = { first: prevIndex + 1, termMin: prevTerm, termMax: term };
  const entries = readEntries(reader, range);
  if (prevTerm > term) reader.fail();
  return { kind: "append", prevIndex, prevTerm, entries, commit, refetch };
}

/** term, kind, data. */
export function writeEntry(writer: ByteWriter, entry: Entry): void {
  writer.varint(entry.term);
  writer.byte(ENTRY_KINDS.indexOf(entry.kind));
  writer.bytes(entry.data);
}

/** count { entry }, with indexes from `first` on. Terms never fall and stay within the bounds. */
export function readEntries(
  reader: ByteReader,
  range: { readonly first: number; readonly termMin: number; readonly termMax: number },
): readonly Entry[] {
  const count = reader.varint();
  const entries: Entry[] = [];
  let termMin = range.termMin;
  for (let at = 0; at < count && !reader.failed; at += 1) {
    const term = reader.varint();
    const kind = ENTRY_KINDS[reader.byte()];
    const data = reader.bytes(Number.MAX_SAFE_INTEGER);
    const isSound = kind !== undefined && isEntryData(kind, data);
    if (!isSound || term < termMin || term > range.termMax) {
      reader.fail();
      return [];
    }
    termMin = term;
    entries.push({ index: range.first + at, term, kind, data });
  }
  if (range.first + count > Number.MAX_SAFE_INTEGER) reader.fail();
  return entries;
}

function encodeStanding(writer: ByteWriter, standing: Standing): void {
  writer.varint(standing.logEpoch);
  writer.byte(standing.suspect ? 1 : 0);
  writer.varint(standing.supports);
}

function decodeStanding(reader: ByteReader): Standing {
  return { logEpoch: reader.varint(), suspect: reader.bool(), supports: reader.varint() };
}

function encodeRefetch(writer: ByteWriter, refetch: Refetch | undefined): void {
  writer.varint(refetch?.epoch ?? 0);
  if (refetch !== undefined) writer.varint(refetch.target);
}

function decodeRefetch(reader: ByteReader): Refetch | undefined {
  const epoch = reader.varint();
  return epoch === 0 ? undefined : { epoch, target: reader.varint() };
}

function encodePropose(writer: ByteWriter, message: MessageOf<"propose">): void {
  writer.varint(message.run);
  writer.varint(message.settledBelow);
  writer.varint(message.proposals.length);
  for (const { id, kind, data } of message.proposals) {
    writer.varint(id);
    writer.byte(ENTRY_KINDS.indexOf(kind));
    writer.bytes(data);
  }
}

function decodePropose(reader: ByteReader): MessageBody {
  const run = reader.varint();
  const settledBelow = reader.varint();
  const count = reader.varint();
  const proposals: ForwardedProposal[] = [];
  for (let at = 0; at < count && !reader.failed; at += 1) {
    const id = reader.varint();
    const kind = ENTRY_KINDS[reader.byte()];
    const data = reader.bytes(Number.MAX_SAFE_INTEGER);
    if (kind === undefined) reader.fail();
    else proposals.push({ id, kind, data });
  }
  return { kind: "propose", run, proposals, settledBelow };
}

function encodeOutcomes(writer: ByteWriter, outcomes: readonly ForwardOutcome[]): void {
  writer.varint(outcomes.length);
  for (const { id, index, refused } of outcomes) {
    writer.varint(id);
    writer.byte(REFUSALS.indexOf(refused));
    writer.varint(index);
  }
}

function decodeOutcomes(reader: ByteReader): readonly ForwardOutcome[] {
  const count = reader.varint();
  const outcomes: ForwardOutcome[] = [];
  for (let at = 0; at < count && !reader.failed; at += 1) {
    const id = reader.varint();
    const refusal = reader.byte();
    if (refusal >= REFUSALS.length) reader.fail();
    outcomes.push({ id, index: reader.varint(), refused: REFUSALS[refusal] });
  }
  return outcomes;
}

/** index, term, level, autoLeave, four lists of members. */
export function encodeBase(writer: ByteWriter, base: LogBase): void {
  writer.varint(base.index);
  writer.varint(base.term);
  writer.varint(base.level);
  writer.byte(base.config.autoLeave ? 1 : 0);
  const { voters, outgoing, learners, learnersNext } = base.config;
  for (const members of [voters, outgoing, learners, learnersNext]) {
    writer.varint(members.length);
    for (const member of members) writer.text(member);
  }
}

/** The base; members of each list must be sorted without repetition. */
export function decodeBase(reader: ByteReader): LogBase {
  const index = reader.varint();
  const term = reader.varint();
  const level = reader.varint();
  const autoLeave = reader.bool();
  const config: Configuration = {
    voters: readMembers(reader),
    outgoing: readMembers(reader),
    learners: readMembers(reader),
    learnersNext: readMembers(reader),
    autoLeave,
  };
  return { index, term, level, config };
}

function readMembers(reader: ByteReader): readonly MemberId[] {
  const count = reader.varint();
  const members: MemberId[] = [];
  for (let at = 0; at < count && !reader.failed; at += 1) {
    const member = readMember(reader);
    const before = members.at(-1);
    if (before !== undefined && before >= member) reader.fail();
    members.push(member);
  }
  return members;
}

/** A member id, not empty. */
export function readMember(reader: ByteReader): MemberId {
  const member = readOptionalMember(reader);
  if (member === undefined) reader.fail();
  // An empty one has failed the reader.
  return member ?? ("" as MemberId);
}

/** A member id, or undefined for an empty text. */
export function readOptionalMember(reader: ByteReader): MemberId | undefined {
  const text = reader.text(MEMBER_ID_BYTES_MAX);
  // The place where bytes become a member id.
  return text === "" ? undefined : (text as MemberId);
}

function readHandle(reader: ByteReader): SnapshotHandle {
  // The place where bytes become a handle.
  return reader.text(HANDLE_BYTES_MAX) as SnapshotHandle;
}
