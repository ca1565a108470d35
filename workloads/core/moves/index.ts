// Public face: moving slots from one partition to another.
export {
  decodeMoveCommand,
  decodeMoveOutcome,
  encodeMoveCommand,
  encodeMoveOutcome,
} from "./commands.ts";
export type { MoveCommand, MoveOutcome, PartChange } from "./commands.ts";
export { SlotCopy } from "./copy.ts";
export type { CopyStep, RecordSlots } from "./copy.ts";
export { SlotLedger, slotSet } from "./ledger.ts";
export type {
  IncomingMove,
  OutgoingMove,
  OutgoingState,
  PartHead,
  SlotMark,
  SlotSpan,
} from "./ledger.ts";
export { LEDGER_KIND, ledgerKey, recordKeyOf, SlotMoves } from "./machine.ts";
export type { MoveHost, RecordReader, RecordWriter } from "./machine.ts";
