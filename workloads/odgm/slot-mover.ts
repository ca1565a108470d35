// Carries out the moves that a generation names, for the partitions that this member leads: copies
// slots to the leader of the target, gives them up, sees them served there, deletes what is left.
// One move of a partition after the other. All that matters is in the states of the two partitions
// (workloads/core/moves); whoever leads next begins a new attempt from what is there.
import type { Logger } from "#api/base/index.ts";
import { assertNever, errorMessage } from "#api/base/index.ts";
import type { SlotMove } from "#api/gen/oaas-admin_pb.ts";
import { SlotMoveProgress, SlotMoveState } from "#api/gen/oaas-admin_pb.ts";
import type { MoveCommand, MoveOutcome, PartChange } from "#workloads/core/moves/index.ts";
import { SlotCopy, slotSet } from "#workloads/core/moves/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";
import { GrpcFailure } from "#workloads/platform/index.ts";

import { refuse } from "./errors.ts";
import type { MoveCollection, MoveTargetHost } from "./move-target.ts";
import { MoveTarget } from "./move-target.ts";
import type { StopTimer, Timers } from "./raft/ports.ts";
import type { Shard } from "./shards/shard.ts";
import type { ShardSlots } from "./shards/slots.ts";

/** Moves are looked at this often while there are any, and whenever something has changed. */
const LOOK_MS = 250;
/** Changes behind a copy at which it counts as complete, and at which the slots are given up. */
const CHANGES_FEW = 64;
/** After so many rounds the slots are given up with whatever is left: writers are too fast. */
const ROUNDS_MAX = 100;
/** Between two rounds of a copy that is complete. */
const ROUND_MS = 50;
/** Between two slices that are deleted: others want the log, too. */
const CLEAN_MS = 2;

/** Moves whose copy is complete, by the shard that they leave. */
const copied = new WeakMap<Shard, ReadonlySet<number>>();

/** How far the moves away from this shard are, as its replica knows. */
export function moveProgressOf(
  shard: Shard,
): readonly { readonly id: number; readonly progress: SlotMoveProgress }[] {
  return (shard.slots?.ledger.outgoing ?? []).map(({ id, state }) => {
    switch (state) {
      case "copying": {
        const isCopied = shard.lead.kind === "here" && copied.get(shard)?.has(id) === true;
        return { id, progress: isCopied ? SlotMoveProgress.COPIED : SlotMoveProgress.COPYING };
      }
      case "cut-over":
        return { id, progress: SlotMoveProgress.CUT_OVER };
      case "activated":
        return { id, progress: SlotMoveProgress.ACTIVATED };
      case "cleaned":
        return { id, progress: SlotMoveProgress.CLEANED };
      default:
        return assertNever(state);
    }
  });
}

/** The member, as far as moves need it. */
export interface MoverHost extends MoveTargetHost {
  readonly collections: readonly MoveCollection[];
  /** Says that {@link moveProgressOf} answers something new. */
  noteChange(): void;
  /** Calls back whenever generations, leaders or moves may be others; returns what ends it. */
  watch(callback: () => void): () => void;
}

/** See the top of the file. */
export class SlotMover {
  readonly #member: MoverHost;
  readonly #log: Logger;
  readonly #timers: Timers;
  readonly #running = new Map<Shard, Moving>();
  readonly #unwatch: () => void;
  #stop: StopTimer | undefined;
  #isClosed = false;

  constructor(member: MoverHost, log: Logger, timers: Timers) {
    this.#member = member;
    this.#log = log;
    this.#timers = timers;
    this.#unwatch = member.watch(() => this.#look());
    this.#look();
  }

  /** Ends what is under way; the moves go on with whoever leads then. */
  close(): void {
    this.#isClosed = true;
    this.#unwatch();
    this.#stop?.();
    for (const moving of this.#running.values()) moving.stop();
  }

  #look(): void {
    if (this.#isClosed) return;
    const moves = this.#member.collections.flatMap((collection) =>
      collection.spec.moves.map((move) => ({ collection, move })),
    );
    for (const { collection, move } of moves) this.#consider(collection, move);
    if (moves.length === 0) return;
    this.#stop ??= this.#timers.after(LOOK_MS, () => {
      this.#stop = undefined;
      this.#look();
    });
  }

  #consider(collection: MoveCollection, move: SlotMove): void {
    const shard = collection.shards.find(({ partition }) => partition === move.from);
    if (shard?.slots === undefined || shard.lead.kind !== "here" || this.#running.has(shard))
      return;
    // A replica of the release before could not read what the move would log.
    if (!shard.slots.mayMove) return;
    const known = shard.slots.ledger.outgoing.find(({ id }) => id === Number(move.id));
    if (known?.state === "cleaned") return;
    const log = this.#log.child({ move: String(move.id), from: move.from, to: move.to });
    const { slots } = shard;
    const parts = { member: this.#member, timers: this.#timers, collection, shard, slots, log };
    const moving = new Moving(parts, move);
    this.#running.set(shard, moving);
    void moving.run().finally(() => this.#running.delete(shard));
  }
}

/** A reason to begin anew, sooner or later. */
class Interrupted extends Error {}

interface MovingParts {
  readonly member: MoverHost;
  readonly timers: Timers;
  readonly collection: MoveCollection;
  readonly shard: Shard;
  readonly slots: ShardSlots;
  readonly log: Logger;
}

/** One attempt of one move. */
class Moving {
  readonly #parts: MovingParts;
  readonly #move: SlotMove;
  readonly #id: number;
  readonly #target: MoveTarget;
  readonly #copy: SlotCopy;
  #isStopped = false;
  #chain = 0;
  #sent = 0;
  #isArrived = false;

  constructor(parts: MovingParts, move: SlotMove) {
    this.#parts = parts;
    this.#move = move;
    this.#id = Number(move.id);
    const { member, timers, collection, slots } = parts;
    const check = (): void => this.#check();
    this.#target = new MoveTarget({ member, timers, collection, partition: move.to, check });
    this.#copy = new SlotCopy(xxh3, slotSet(move.slots), slots.slotOfRecord);
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Ends when the move is over, or cannot go on here. Never rejects. */
  async run(): Promise<void> {
    const { slots, log, shard, member } = this.#parts;
    try {
      await this.#run();
    } catch (cause: unknown) {
      if (!(cause instanceof Interrupted) && !(cause instanceof GrpcFailure)) {
        log.error("a move of slots failed", { error: errorMessage(cause) });
      } else {
        log.info("a move of slots is begun anew", { reason: cause.message });
      }
    } finally {
      slots.watch(undefined);
      copied.delete(shard);
      member.noteChange();
    }
  }

  async #run(): Promise<void> {
    const { slots, log } = this.#parts;
    // From before the first part on; see SlotCopy.
    slots.watch({
      objectWritten: (id) => this.#copy.changed(id),
      recordWritten: (key) => this.#copy.recordChanged(key),
    });
    const { to } = this.#move;
    const begun = await this.#here({ kind: "begin", id: this.#id, to, spans: this.#move.slots });
    if (begun.kind !== "begun") throw new Interrupted("the move could not be begun");
    this.#chain = begun.chain;
    if (begun.state === "copying" || begun.state === "cut-over") {
      log.info("slots are copied", { chain: begun.chain, state: begun.state });
      await this.#drain();
      if (begun.state === "copying") await this.#giveUp();
      await this.#handOver();
    }
    slots.watch(undefined);
    await this.#clean();
    log.info("slots have moved", { chain: this.#chain, parts: this.#sent });
  }

  /** Keeps the copy up to date until the generation allows it, then gives the slots up. */
  async #giveUp(): Promise<void> {
    const { shard, member } = this.#parts;
    for (let round = 0; ; round += 1) {
      await this.#catchUp();
      const isFew = this.#copy.changes < CHANGES_FEW;
      if (isFew && copied.get(shard) === undefined) {
        copied.set(shard, new Set([this.#id]));
        member.noteChange();
      }
      const mayEnd = this.#stateWanted() !== SlotMoveState.COPYING;
      if (mayEnd && (isFew || round > ROUNDS_MAX)) break;
      if (!mayEnd) round = 0;
      await this.#pause(mayEnd ? 1 : ROUND_MS);
      this.#check();
    }
    const outcome = await this.#here({ kind: "cut-over", id: this.#id, chain: this.#chain });
    if (outcome.kind !== "done") throw new Interrupted("another attempt has begun");
  }

  /** What is left, and then the target serves. Nothing of the slots changes here any more. */
  async #handOver(): Promise<void> {
    const { slots } = this.#parts;
    await this.#catchUp();
    for (const part of this.#copy.last(slots.reader)) await this.#send(part);
    const command = {
      kind: "arrive",
      id: this.#id,
      chain: this.#chain,
      parts: this.#sent,
    } as const;
    if (!this.#isArrived) {
      const outcome = await this.#target.run({ ...command, term: slots.tokenTerm });
      if (outcome.kind !== "arrived") throw new Interrupted("the target has seen a newer attempt");
    }
    await this.#here({ kind: "activated", id: this.#id });
  }

  async #clean(): Promise<void> {
    for (;;) {
      const { kind } = await this.#here({ kind: "clean", id: this.#id });
      if (kind !== "more") return;
      await this.#pause(CLEAN_MS);
    }
  }

  async #catchUp(): Promise<void> {
    this.#copy.gather();
    await new Promise<void>((resolve) => this.#parts.slots.whenSettled(resolve));
    await this.#drain();
  }

  /** Everything that is known to be sent. */
  async #drain(): Promise<void> {
    for (;;) {
      this.#check();
      const { parts, more } = this.#copy.next(this.#parts.slots.reader);
      for (const part of parts) await this.#send(part);
      if (!more) return;
      if (parts.length === 0) await this.#turn();
    }
  }

  async #send(changes: readonly PartChange[]): Promise<void> {
    if (this.#isArrived) return;
    const { from, slots: spans } = this.#move;
    const part = this.#sent + 1;
    const head = { id: this.#id, from, spans, chain: this.#chain, part };
    const { kind } = await this.#target.run({ kind: "take", ...head, changes });
    if (kind === "arrived") this.#isArrived = true;
    else if (kind !== "done") throw new Interrupted("the target has seen a newer attempt");
    this.#sent = part;
  }

  #here(command: MoveCommand): Promise<MoveOutcome> {
    this.#check();
    return new Promise((resolve, reject) => {
      this.#parts.slots.run(command, (outcome) => {
        if (outcome instanceof GrpcFailure) reject(outcome);
        else resolve(outcome);
      });
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.timers.after(ms, resolve));
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#parts.timers.endOfTurn(resolve));
  }

  #stateWanted(): SlotMoveState {
    const { spec } = this.#parts.collection;
    return spec.moves.find(({ id }) => id === this.#move.id)?.state ?? SlotMoveState.COPYING;
  }

  #check(): void {
    const { shard, collection } = this.#parts;
    if (this.#isStopped) throw refuse("SHUTTING_DOWN", "this member is shutting down");
    if (shard.lead.kind !== "here" || !collection.shards.includes(shard)) {
      throw new Interrupted("another member leads the partition");
    }
  }
}
