// What moves ask of a partition, and what comes of it, as bytes: the source's own commands, and the
// parts that it sends to the target. Written by one release and applied by others: a form once
// released keeps its number.
import { assertNever } from "#api/base/index.ts";
import { ByteReader, ByteWriter } from "#workloads/core/raft/index.ts";

import type { OutgoingMove, OutgoingState, PartHead } from "./ledger.ts";
import { readSpans, writeSpans } from "./ledger.ts";

/** A change of the target's records. Keys are without the shard's number before them. */
export type PartChange =
  /** Nothing is left of the object. */
  | { readonly kind: "wipe"; readonly id: string }
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  /** More bytes of a value that was too large for one part. */
  | { readonly kind: "append"; readonly key: Uint8Array; readonly value: Uint8Array };

/** What is asked. */
export type MoveCommand =
  /** Source: a new attempt. */
  | ({ readonly kind: "begin" } & Pick<OutgoingMove, "id" | "to" | "spans">)
  /** Source: MoveSlots of the design; no write to the slots comes after it. */
  | { readonly kind: "cut-over"; readonly id: number; readonly chain: number }
  /** Source: the target has said that it serves. */
  | { readonly kind: "activated"; readonly id: number }
  /** Source: deletes a slice of what was given away. */
  | { readonly kind: "clean"; readonly id: number }
  /** Target. */
  | ({ readonly kind: "take"; readonly changes: readonly PartChange[] } & PartHead)
  /** Target: so many parts are everything. `term`: of the source's newest exclusive token. */
  | {
      readonly kind: "arrive";
      readonly id: number;
      readonly chain: number;
      readonly parts: number;
      readonly term: number;
    };

/** What came of it. */
export type MoveOutcome =
  | { readonly kind: "begun"; readonly chain: number; readonly state: OutgoingState }
  | { readonly kind: "done" }
  /** Clean: there is more. */
  | { readonly kind: "more" }
  /** The chain is not the newest, or parts of it are missing: begin anew. */
  | { readonly kind: "superseded" }
  /** The target serves the slots already. */
  | { readonly kind: "arrived" };

const COMMANDS = [
  "begin",
  "cut-over",
  "activated",
  "clean",
  "take",
  "arrive",
] as const satisfies readonly MoveCommand["kind"][];
const OUTCOMES = [
  "begun",
  "done",
  "more",
  "superseded",
  "arrived",
] as const satisfies readonly MoveOutcome["kind"][];
const CHANGES = ["wipe", "put", "append"] as const satisfies readonly PartChange["kind"][];
const STATES: readonly OutgoingState[] = ["copying", "cut-over", "activated", "cleaned"];

/** Bytes of a command. */
export function encodeMoveCommand(command: MoveCommand): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(COMMANDS.indexOf(command.kind));
  switch (command.kind) {
    case "begin":
      writer.varint(command.id);
      writer.varint(command.to);
      writeSpans(writer, command.spans);
      break;
    case "cut-over":
      writer.varint(command.id);
      writer.varint(command.chain);
      break;
    case "activated":
    case "clean":
      writer.varint(command.id);
      break;
    case "take":
      for (const number of [command.id, command.from]) writer.varint(number);
      writeSpans(writer, command.spans);
      for (const number of [command.chain, command.part]) writer.varint(number);
      writer.varint(command.changes.length);
      for (const change of command.changes) writeChange(writer, change);
      break;
    case "arrive":
      for (const number of [command.id, command.chain, command.parts, command.term]) {
        writer.varint(number);
      }
      break;
    default:
      assertNever(command);
  }
  return writer.finish();
}

function writeChange(writer: ByteWriter, change: PartChange): void {
  writer.byte(CHANGES.indexOf(change.kind));
  if (change.kind === "wipe") {
    writer.text(change.id);
    return;
  }
  writer.bytes(change.key);
  writer.bytes(change.value);
}

/** The command, its values views into the bytes; undefined if the bytes are none. */
export function decodeMoveCommand(bytes: Uint8Array): MoveCommand | undefined {
  const reader = new ByteReader(bytes);
  const kind = COMMANDS[reader.byte()];
  if (kind === undefined) return undefined;
  const command = readCommand(reader, kind);
  return reader.failed || reader.remaining > 0 ? undefined : command;
}

function readCommand(reader: ByteReader, kind: MoveCommand["kind"]): MoveCommand {
  switch (kind) {
    case "begin": {
      const [id, to] = [reader.varint(), reader.varint()];
      return { kind, id, to, spans: readSpans(reader) };
    }
    case "cut-over":
      return { kind, id: reader.varint(), chain: reader.varint() };
    case "activated":
    case "clean":
      return { kind, id: reader.varint() };
    case "take": {
      const [id, from] = [reader.varint(), reader.varint()];
      const spans = readSpans(reader);
      const [chain, part] = [reader.varint(), reader.varint()];
      const changes: PartChange[] = [];
      for (let count = reader.varint(); count > 0 && !reader.failed; count -= 1) {
        changes.push(readChange(reader));
      }
      return { kind, id, from, spans, chain, part, changes };
    }
    case "arrive": {
      const [id, chain] = [reader.varint(), reader.varint()];
      return { kind, id, chain, parts: reader.varint(), term: reader.varint() };
    }
  }
}

function readChange(reader: ByteReader): PartChange {
  const kind = CHANGES[reader.byte()];
  if (kind === undefined) reader.fail();
  if (kind === undefined || kind === "wipe") {
    return { kind: "wipe", id: reader.text(reader.remaining) };
  }
  const key = reader.bytes(reader.remaining);
  return { kind, key, value: reader.bytes(reader.remaining) };
}

/** Bytes of an outcome. */
export function encodeMoveOutcome(outcome: MoveOutcome): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(OUTCOMES.indexOf(outcome.kind));
  if (outcome.kind === "begun") {
    writer.varint(outcome.chain);
    writer.byte(STATES.indexOf(outcome.state));
  }
  return writer.finish();
}

/** The inverse; undefined if the bytes are none. */
export function decodeMoveOutcome(bytes: Uint8Array): MoveOutcome | undefined {
  const reader = new ByteReader(bytes);
  const kind = OUTCOMES[reader.byte()];
  if (kind === undefined) return undefined;
  if (kind !== "begun") return reader.failed || reader.remaining > 0 ? undefined : { kind };
  const chain = reader.varint();
  const state = STATES[reader.byte()];
  if (state === undefined || reader.failed || reader.remaining > 0) return undefined;
  return { kind, chain, state };
}
