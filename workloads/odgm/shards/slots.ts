// What a shard whose slots can move offers to the moves: the state's own knowledge of where slots
// are, commands that change it, and the records to copy.
import { assertNever } from "#api/base/index.ts";
import type {
  MoveCommand,
  MoveOutcome,
  RecordReader,
  RecordSlots,
  SlotLedger,
  SlotMark,
} from "#workloads/core/moves/index.ts";
import type { GrpcFailure } from "#workloads/platform/index.ts";

import { refuse } from "../errors.ts";

/** Hears of every change as it is decided, before it can be read. */
export interface SlotWatcher {
  objectWritten(id: string): void;
  /** A record of the shard itself, such as a remembered request. */
  recordWritten(key: Uint8Array): void;
}

/** The slots of one shard. */
export interface ShardSlots {
  /** Commands may be run: every replica is known to be of a release that can read them. */
  readonly mayMove: boolean;
  /** As of what is applied here. */
  readonly ledger: SlotLedger;
  /** What can be read now. */
  readonly reader: RecordReader;
  /** With which slot records of the shard itself go. */
  readonly slotOfRecord: RecordSlots;
  /** Term of the newest exclusive token that was given out here; 0 if tokens go as records. */
  readonly tokenTerm: number;
  /** Where the object is, as far as known here. */
  markOf(id: string): SlotMark;
  /**
   * Runs the command where writes are decided; `done` is called once, when it is durable.
   * SHARD_NOT_READY while slots may not move.
   */
  run(command: MoveCommand, done: (outcome: MoveOutcome | GrpcFailure) => void): void;
  /** Who hears of changes from now on. */
  watch(watcher: SlotWatcher | undefined): void;
  /** Calls back once everything that watchers have heard of can be read. */
  whenSettled(done: () => void): void;
}

/** Why an object with this mark is not served here; undefined if it is. */
export function refusalOfMark(mark: SlotMark, partition: number): GrpcFailure | undefined {
  switch (mark.kind) {
    case "plain":
    case "owned":
      return undefined;
    case "incoming":
      return stillMoving(partition);
    case "gone":
      return refuse(
        "WRONG_PARTITION",
        `the object has moved from partition ${partition} to partition ${mark.partition}`,
        { rightPartition: mark.partition },
      );
    default:
      return assertNever(mark);
  }
}

/** The slot comes, and is served here in a moment. */
export function stillMoving(partition: number): GrpcFailure {
  return refuse("SLOT_MOVING", `the object is still on its way to partition ${partition}`);
}

/** Which objects of a listing are served here: those that nobody else serves. */
export function hasHere(
  slots: Pick<ShardSlots, "ledger" | "markOf">,
  has: ((id: string) => boolean) | undefined,
): ((id: string) => boolean) | undefined {
  if (slots.ledger.isPlain) return has;
  return (id) => {
    const { kind } = slots.markOf(id);
    return (kind === "plain" || kind === "owned") && has?.(id) !== false;
  };
}
