// Durable forms of the meta group.
//
//   command   | u8 version 1 | u8 kind: 1 next, 2 adopt | u64 expected | u64 generation | content |
//   state     | u8 version 1 | u64 generation | content |
//   outcome   | u8 version 1 | u8 kind: 1 committed, 2 conflict | u64 number |
//
// Numbers are big-endian. A version that is not known is refused: it was written by a later
// release.
import { assert } from "#api/base/index.ts";

import type { MetaCommand, MetaOutcome, MetaState } from "./state.ts";

const VERSION = 1;
const COMMAND_KINDS = { next: 1, adopt: 2 } as const;
const OUTCOME_KINDS = { committed: 1, conflict: 2 } as const;
const COMMAND_HEAD = 18;
const STATE_HEAD = 9;
const OUTCOME_BYTES = 10;

/** See the head of this file. */
export function encodeCommand(command: MetaCommand): Uint8Array {
  const bytes = headed(COMMAND_HEAD, command.content);
  const view = viewOf(bytes);
  bytes[1] = COMMAND_KINDS[command.kind];
  view.setBigUint64(2, command.expected);
  view.setBigUint64(10, command.generation);
  return bytes;
}

/** The inverse; undefined if it is not one that this release knows. */
export function decodeCommand(bytes: Uint8Array): MetaCommand | undefined {
  if (bytes.byteLength < COMMAND_HEAD || bytes[0] !== VERSION) return undefined;
  const view = viewOf(bytes);
  const kind = bytes[1] === COMMAND_KINDS.next ? "next" : "adopt";
  if (bytes[1] !== COMMAND_KINDS[kind]) return undefined;
  return {
    kind,
    expected: view.getBigUint64(2),
    generation: view.getBigUint64(10),
    content: bytes.slice(COMMAND_HEAD),
  };
}

/** See the head of this file. */
export function encodeState(state: MetaState): Uint8Array {
  const bytes = headed(STATE_HEAD, state.content);
  viewOf(bytes).setBigUint64(1, state.generation);
  return bytes;
}

/** The inverse; undefined if it is not one that this release knows. */
export function decodeState(bytes: Uint8Array): MetaState | undefined {
  if (bytes.byteLength < STATE_HEAD || bytes[0] !== VERSION) return undefined;
  return { generation: viewOf(bytes).getBigUint64(1), content: bytes.slice(STATE_HEAD) };
}

/** See the head of this file. */
export function encodeOutcome(outcome: MetaOutcome): Uint8Array {
  const bytes = headed(OUTCOME_BYTES, new Uint8Array(0));
  bytes[1] = OUTCOME_KINDS[outcome.kind];
  const number = outcome.kind === "committed" ? outcome.generation : outcome.current;
  viewOf(bytes).setBigUint64(2, number);
  return bytes;
}

/** The inverse. It never leaves the process that encoded it: anything else is a bug. */
export function decodeOutcome(bytes: Uint8Array): MetaOutcome {
  assert(bytes.byteLength === OUTCOME_BYTES && bytes[0] === VERSION, "an outcome of this release");
  const number = viewOf(bytes).getBigUint64(2);
  if (bytes[1] === OUTCOME_KINDS.committed) return { kind: "committed", generation: number };
  return { kind: "conflict", current: number };
}

function headed(head: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head + content.byteLength);
  bytes[0] = VERSION;
  bytes.set(content, head);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
