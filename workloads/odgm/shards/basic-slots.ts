// The slots of a Basic shard: commands of moves run one after the other, each durable before the
// next one begins, so that each reads in the store what the ones before have done.
import type {
  MoveCommand,
  MoveOutcome,
  RecordReader,
  RecordWriter,
  SlotLedger,
  SlotMark,
} from "#workloads/core/moves/index.ts";
import { SlotMoves } from "#workloads/core/moves/index.ts";
import type { StoreWrite } from "#workloads/core/store/index.ts";
import { systemClock } from "#workloads/platform/clock/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import { isRememberedKey, REMEMBERED_MS, rememberedSlot } from "./remembered.ts";
import type { ShardSlots, SlotWatcher } from "./slots.ts";

/** The shard, as far as its slots need it. */
export interface BasicSlotHost {
  /** With the next commit, as one operation. */
  add(writes: readonly Omit<StoreWrite, "index">[]): void;
  whenDurable(done: () => void): void;
  /** The last term in which tokens were given out. */
  tokenTerm(): number;
  /** So many objects more are served, and tokens have this term at least. Before {@link add}. */
  arrived(objects: number, term: number): void;
}

/** See the top of the file. */
export class BasicSlots implements ShardSlots {
  /** There is one replica. */
  readonly mayMove = true;
  readonly reader: RecordReader;
  watcher: SlotWatcher | undefined;
  readonly #host: BasicSlotHost;
  readonly #moves: SlotMoves;
  readonly #queue: (() => void)[] = [];
  /** What the command that runs has changed. */
  #staged: Omit<StoreWrite, "index">[] = [];

  constructor(reader: RecordReader, host: BasicSlotHost) {
    this.reader = reader;
    this.#host = host;
    this.#moves = new SlotMoves(xxh3, {
      adopt: (key, value) => this.#adopt(key, value),
      beside: () => [],
    });
    this.#moves.load(reader);
  }

  get ledger(): SlotLedger {
    return this.#moves.ledger;
  }

  get tokenTerm(): number {
    return this.#host.tokenTerm();
  }

  slotOfRecord(this: void, key: Uint8Array, value: Uint8Array): number | undefined {
    return isRememberedKey(key) ? rememberedSlot(value) : undefined;
  }

  markOf(id: string): SlotMark {
    return this.#moves.markOf(id);
  }

  watch(watcher: SlotWatcher | undefined): void {
    this.watcher = watcher;
  }

  whenSettled(done: () => void): void {
    this.#host.whenDurable(done);
  }

  run(command: MoveCommand, done: (outcome: MoveOutcome) => void): void {
    this.#queue.push(() => {
      const outcome = this.#run(command);
      this.#host.whenDurable(() => {
        this.#queue.shift();
        done(outcome);
        this.#queue[0]?.();
      });
    });
    if (this.#queue.length === 1) this.#queue[0]?.();
  }

  #run(command: MoveCommand): MoveOutcome {
    const { reader } = this;
    this.#staged = [];
    const newest = new Map<string, Uint8Array | undefined>();
    const writer: RecordWriter = {
      number: reader.number,
      get: (key) => {
        const name = key.join();
        if (!newest.has(name)) return reader.get(key);
        const value = newest.get(name);
        return value === undefined ? undefined : { value, index: 0 };
      },
      // No command looks in a range for what it has changed itself.
      scan: (range) => reader.scan(range),
      set: (key, value) => {
        newest.set(key.join(), value);
        this.#staged.push({ key, value });
      },
    };
    const { outcome, objects } = this.#moves.run(command, writer);
    this.#host.arrived(objects, command.kind === "arrive" ? command.term : 0);
    if (this.#staged.length > 0) this.#host.add(this.#staged);
    return outcome;
  }

  /** Remembered for a day from now, which is not less than the source would have. */
  #adopt(key: Uint8Array, value: Uint8Array): boolean {
    const expiresAtMs = systemClock.nowMs() + REMEMBERED_MS;
    this.#staged.push({ key, value, expiresAtMs });
    return true;
  }
}
