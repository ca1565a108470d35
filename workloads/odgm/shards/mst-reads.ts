// Reads of one Mst replica: whether what a read has to see is here, and the wait for it.
import type { MstReplica } from "#workloads/core/mst/index.ts";
import type { GrpcFailure } from "#workloads/platform/index.ts";

import { refuse } from "../errors.ts";
import type { Time } from "../timers.ts";
import type { ReadWish } from "./shard.ts";

/** A read waits this long at most for what other replicas have. */
const WAIT_MS = 500;

interface Missing {
  readonly failure: GrpcFailure;
  /** Another pull may bring it. */
  readonly mayCome: boolean;
}

/** The reads of one shard. */
export class MstReads {
  readonly #partition: number;
  readonly #replica: () => MstReplica;
  readonly #pullSoon: () => void;
  readonly #time: Time;
  readonly #waiting = new Set<() => void>();

  /** `pullSoon` asks the other replicas in a moment, however often it is called until then. */
  constructor(options: {
    readonly partition: number;
    readonly replica: () => MstReplica;
    readonly pullSoon: () => void;
    readonly time: Time;
  }) {
    this.#partition = options.partition;
    this.#replica = options.replica;
    this.#pullSoon = options.pullSoon;
    this.#time = options.time;
  }

  /** Calls back once: when all is here, or with a failure when it is not in time. */
  whenReadable(wish: ReadWish, done: (failure: GrpcFailure | undefined) => void): void {
    const first = this.#missingFor(wish);
    if (first?.mayCome !== true) {
      done(first?.failure);
      return;
    }
    const end = (failure: GrpcFailure | undefined): void => {
      stop();
      this.#waiting.delete(look);
      done(failure);
    };
    const look = (): void => {
      const missing = this.#missingFor(wish);
      if (missing?.mayCome === true) this.#pullSoon();
      else end(missing?.failure);
    };
    const late = (): void => end(this.#missingFor(wish)?.failure);
    const stop = this.#time.timers.after(Math.min(wish.waitMs, WAIT_MS), late);
    this.#waiting.add(look);
    this.#pullSoon();
  }

  /** Another replica has answered: something may have come. */
  wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  #missingFor(wish: ReadWish): Missing | undefined {
    for (const { incarnation, index } of wish.marks) {
      const has = this.#replica().hasFrom(incarnation, index);
      if (has === undefined) {
        const text = "the replica that took the session's write is no member any more";
        return { failure: refuse("SESSION_LOST", text), mayCome: false };
      }
      if (has) continue;
      const text = `partition ${this.#partition}: the session's writes have not come here yet`;
      return { failure: refuse("REPLICA_BEHIND", text), mayCome: true };
    }
    const { boundMs } = wish;
    const nowMs = this.#time.clock.monotonicMs();
    if (boundMs === undefined || this.#replica().isFresh(boundMs, nowMs)) return undefined;
    const text = `partition ${this.#partition}: another replica was not heard for ${boundMs} ms`;
    return { failure: refuse("STALE", text), mayCome: true };
  }
}
