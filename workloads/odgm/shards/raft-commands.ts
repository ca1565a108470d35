// What a Raft partition logs, and what comes of it, as bytes. Written by one release and applied by
// others: a form once released keeps its number.
//
//   command  | kind u8 | ... |
//   outcome  | kind u8 | ... |    also what a session or key remembers
import { assert, assertNever } from "#api/base/index.ts";
import type { ExclusiveToken } from "#workloads/core/demand/index.ts";
import type { RequestIdentity } from "#workloads/core/raft/index.ts";
import type { MoveCommand, MoveOutcome } from "#workloads/core/moves/index.ts";
import {
  decodeMoveCommand,
  decodeMoveOutcome,
  encodeMoveCommand,
  encodeMoveOutcome,
} from "#workloads/core/moves/index.ts";
import { ByteReader, ByteWriter } from "#workloads/core/raft/index.ts";
import type { Entry, ObjectWrite } from "#workloads/core/store/index.ts";

/** A write and what goes with it. */
export interface WriteCommand {
  readonly kind: "write";
  readonly write: ObjectWrite;
  readonly identity: RequestIdentity | undefined;
  readonly token: ExclusiveToken | undefined;
}

/** What is proposed. */
export type PartitionCommand =
  | WriteCommand
  | { readonly kind: "open-session" | "close-session"; readonly session: string }
  /** A new token for an exclusive call of this object. */
  | { readonly kind: "token"; readonly id: string }
  /** Slots come or go. */
  | { readonly kind: "move"; readonly command: MoveCommand };

/** What became of a command. */
export type PartitionOutcome =
  | { readonly kind: "done"; readonly version: number; readonly repeated: boolean }
  | { readonly kind: "version-mismatch"; readonly expected: number; readonly actual: number }
  | { readonly kind: "crdt-merge"; readonly key: string }
  | { readonly kind: "token"; readonly token: ExclusiveToken }
  /** Nothing was done: the slot of the object was given to this partition. */
  | { readonly kind: "moved"; readonly partition: number }
  /** Nothing was done: the slot of the object is still on its way here. */
  | { readonly kind: "moving" }
  | { readonly kind: "move"; readonly outcome: MoveOutcome }
  /** Nothing was done; see {@link RequestOutcome}. */
  | {
      readonly kind:
        "session-expired" | "request-settled" | "key-reused" | "window-full" | "token-stale";
    };

/**
 * The feature level of a group from which a command of this kind may be proposed: a member of a
 * release that cannot read it must never find it in its log. What these commands leave in the state
 * comes by snapshots, which a member below the group's level does not take either.
 */
export const COMMAND_LEVELS: Readonly<Record<PartitionCommand["kind"], number>> = {
  write: 1,
  "open-session": 1,
  "close-session": 1,
  token: 1,
  move: 3,
};

const COMMANDS = ["write", "open-session", "close-session", "token", "move"] as const;
const OUTCOMES = [
  "done",
  "version-mismatch",
  "crdt-merge",
  "token",
  "session-expired",
  "request-settled",
  "key-reused",
  "window-full",
  "token-stale",
  "moved",
  "moving",
  "move",
] as const;

const MUTATES = 1;
const HAS_VERSION = 2;
const HAS_EVENT = 4;
const CREATES = 8;
const REFUSES_CRDT = 16;
const IN_SESSION = 32;
const HAS_KEY = 64;
const HAS_TOKEN = 128;

/** Bytes of a command. */
export function encodeCommand(command: PartitionCommand): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(COMMANDS.indexOf(command.kind));
  switch (command.kind) {
    case "write":
      encodeWrite(writer, command);
      break;
    case "open-session":
    case "close-session":
      writer.text(command.session);
      break;
    case "token":
      writer.text(command.id);
      break;
    case "move":
      writer.bytes(encodeMoveCommand(command.command));
      break;
    default:
      assertNever(command);
  }
  return writer.finish();
}

/** The command; values are views into the bytes. Asserts that it is one: it was in the log. */
export function decodeCommand(bytes: Uint8Array): PartitionCommand {
  const reader = new ByteReader(bytes);
  const kind = COMMANDS[reader.byte()];
  assert(kind !== undefined, "a command of a kind that this release knows");
  const command = readCommand(reader, kind);
  assert(!reader.failed && reader.remaining === 0, "a command that is whole");
  return command;
}

function readCommand(reader: ByteReader, kind: PartitionCommand["kind"]): PartitionCommand {
  switch (kind) {
    case "write":
      return decodeWrite(reader);
    case "open-session":
    case "close-session":
      return { kind, session: readText(reader) };
    case "token":
      return { kind, id: readText(reader) };
    case "move": {
      const command = decodeMoveCommand(reader.bytes(reader.remaining));
      assert(command !== undefined, "a move that this release knows");
      return { kind, command };
    }
  }
}

function encodeWrite(writer: ByteWriter, command: WriteCommand): void {
  const { write, identity, token } = command;
  const isMutation = write.kind === "mutate";
  writer.byte(
    (isMutation ? MUTATES : 0) |
      (write.expectedVersion === undefined ? 0 : HAS_VERSION) |
      (isMutation && write.event !== undefined ? HAS_EVENT : 0) |
      (isMutation && write.create ? CREATES : 0) |
      (isMutation && write.refuseCrdtMerge === true ? REFUSES_CRDT : 0) |
      (identity?.kind === "session" ? IN_SESSION : 0) |
      (identity?.kind === "key" ? HAS_KEY : 0) |
      (token === undefined ? 0 : HAS_TOKEN),
  );
  writer.text(write.id);
  if (write.expectedVersion !== undefined) writer.varint(write.expectedVersion);
  if (isMutation) {
    writer.varint(write.sets.length);
    for (const { key, value } of write.sets) {
      writer.text(key);
      writer.bytes(value);
    }
    writer.varint(write.deletes.length);
    for (const key of write.deletes) writer.text(key);
    if (write.event !== undefined) writer.bytes(write.event);
  }
  if (identity !== undefined) encodeIdentity(writer, identity);
  if (token !== undefined) encodeToken(writer, token);
}

function decodeWrite(reader: ByteReader): WriteCommand {
  const flags = reader.byte();
  const id = readText(reader);
  const expected = (flags & HAS_VERSION) > 0 ? { expectedVersion: reader.varint() } : {};
  const write: ObjectWrite =
    (flags & MUTATES) > 0
      ? { kind: "mutate", id, ...expected, ...readMutation(reader, flags) }
      : { kind: "delete", id, ...expected };
  const identity = (flags & (IN_SESSION | HAS_KEY)) > 0 ? readIdentity(reader, flags) : undefined;
  const token = (flags & HAS_TOKEN) > 0 ? readToken(reader) : undefined;
  return { kind: "write", write, identity, token };
}

function readMutation(reader: ByteReader, flags: number) {
  const sets: Entry[] = [];
  for (let count = reader.varint(); count > 0 && !reader.failed; count -= 1) {
    const key = readText(reader);
    sets.push({ key, value: reader.bytes(reader.remaining) });
  }
  const deletes: string[] = [];
  for (let count = reader.varint(); count > 0 && !reader.failed; count -= 1) {
    deletes.push(readText(reader));
  }
  return {
    sets,
    deletes,
    create: (flags & CREATES) > 0,
    ...((flags & HAS_EVENT) > 0 ? { event: reader.bytes(reader.remaining) } : {}),
    ...((flags & REFUSES_CRDT) > 0 ? { refuseCrdtMerge: true } : {}),
  };
}

function encodeIdentity(writer: ByteWriter, identity: RequestIdentity): void {
  if (identity.kind === "session") {
    writer.text(identity.session);
    writer.varint(identity.sequence);
    writer.varint(identity.settledBelow);
  } else {
    writer.text(identity.key);
    writer.text(identity.fingerprint);
    writer.varint(identity.slot);
  }
}

function readIdentity(reader: ByteReader, flags: number): RequestIdentity {
  if ((flags & IN_SESSION) > 0) {
    const session = readText(reader);
    const sequence = reader.varint();
    return { kind: "session", session, sequence, settledBelow: reader.varint() };
  }
  const key = readText(reader);
  const fingerprint = readText(reader);
  return { kind: "key", key, fingerprint, slot: reader.varint() };
}

/** Bytes of a token. */
export function encodeToken(writer: ByteWriter, token: ExclusiveToken): void {
  writer.varint(token.term);
  writer.varint(token.sequence);
}

/** The inverse. */
export function readToken(reader: ByteReader): ExclusiveToken {
  const term = reader.varint();
  return { term, sequence: reader.varint() };
}

/** Bytes of an outcome. */
export function encodeOutcome(outcome: PartitionOutcome): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(OUTCOMES.indexOf(outcome.kind));
  switch (outcome.kind) {
    case "done":
      writer.varint(outcome.version);
      writer.byte(outcome.repeated ? 1 : 0);
      break;
    case "version-mismatch":
      writer.varint(outcome.expected);
      writer.varint(outcome.actual);
      break;
    case "crdt-merge":
      writer.text(outcome.key);
      break;
    case "token":
      encodeToken(writer, outcome.token);
      break;
    case "moved":
      writer.varint(outcome.partition);
      break;
    case "move":
      writer.bytes(encodeMoveOutcome(outcome.outcome));
      break;
    case "moving":
    case "session-expired":
    case "request-settled":
    case "key-reused":
    case "window-full":
    case "token-stale":
      break;
    default:
      assertNever(outcome);
  }
  return writer.finish();
}

/** The outcome. Asserts that it is one: we made it. */
export function decodeOutcome(bytes: Uint8Array): PartitionOutcome {
  const reader = new ByteReader(bytes);
  const kind = OUTCOMES[reader.byte()];
  assert(kind !== undefined, "an outcome of a kind that this release knows");
  const outcome = readOutcome(reader, kind);
  assert(!reader.failed && reader.remaining === 0, "an outcome that is whole");
  return outcome;
}

function readOutcome(reader: ByteReader, kind: PartitionOutcome["kind"]): PartitionOutcome {
  switch (kind) {
    case "done": {
      const version = reader.varint();
      return { kind, version, repeated: reader.bool() };
    }
    case "version-mismatch": {
      const expected = reader.varint();
      return { kind, expected, actual: reader.varint() };
    }
    case "crdt-merge":
      return { kind, key: readText(reader) };
    case "token":
      return { kind, token: readToken(reader) };
    case "moved":
      return { kind, partition: reader.varint() };
    case "move": {
      const moved = decodeMoveOutcome(reader.bytes(reader.remaining));
      assert(moved !== undefined, "an outcome of a move that this release knows");
      return { kind, outcome: moved };
    }
    case "moving":
    case "session-expired":
    case "request-settled":
    case "key-reused":
    case "window-full":
    case "token-stale":
      return { kind };
  }
}

function readText(reader: ByteReader): string {
  return reader.text(reader.remaining);
}
