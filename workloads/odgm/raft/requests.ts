// What was asked of one replica and has no outcome yet: commands before they are proposed, while
// they wait to be committed, and when leadership is lost meanwhile; and reads.
import type { Clock, Logger } from "#api/base/index.ts";
import { assert, assertNever, errorMessage } from "#api/base/index.ts";
import type {
  LogIndex,
  MemberId,
  ProposalOutcome,
  ReadOutcome,
  RequestId,
  Term,
} from "#workloads/core/raft/index.ts";

import { encodeCommands } from "./commands.ts";
import type { CommandOutcome, ReadReady } from "./group.ts";
import type { GroupObserver } from "./ports.ts";

/** Commands of one entry: below what one append carries, */
const BATCH_BYTES_MAX = 96 << 10;
/** and so few that an entry is applied, and answered, in about a millisecond. */
const BATCH_COMMANDS_MAX = 32;
/** Commands of a lost leadership get their outcome within this many ticks, or are unknown. */
const LINGER_TICKS = 24;

interface Waiter {
  readonly done: (outcome: CommandOutcome) => void;
  readonly askedAtMs: number;
}

interface Queued extends Waiter {
  readonly data: Uint8Array;
}

interface Waiting {
  readonly term: Term;
  /** Undefined once it was told. */
  readonly waiters: (Waiter | undefined)[];
}

/** A proposal: the commands of a turn, or as many as fit. */
export interface Proposal {
  readonly id: RequestId;
  readonly data: Uint8Array;
}

/** What requests need of the world. */
export interface RequestsWorld {
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: GroupObserver;
  nextRequest(): RequestId;
}

/** See the top of the file. */
export class Requests {
  private readonly world: RequestsWorld;
  private queue: Queued[] = [];
  private readonly proposals = new Map<RequestId, readonly Waiter[]>();
  private readonly waiting = new Map<LogIndex, Waiting>();
  private readonly reads = new Map<RequestId, (outcome: ReadReady) => void>();
  private lostAtTick: number | undefined;
  private ticks = 0;

  constructor(world: RequestsWorld) {
    this.world = world;
  }

  /** A command for the next turn. */
  add(data: Uint8Array, done: (outcome: CommandOutcome) => void): void {
    this.queue.push({ data, done, askedAtMs: this.world.clock.monotonicMs() });
  }

  /** Everything that was added, in order, as few proposals as possible. */
  take(): readonly Proposal[] {
    const { queue } = this;
    this.queue = [];
    const proposals: Proposal[] = [];
    let batch: Queued[] = [];
    let bytes = 0;
    for (const command of queue) {
      const isFull =
        batch.length === BATCH_COMMANDS_MAX || bytes + command.data.byteLength > BATCH_BYTES_MAX;
      if (batch.length > 0 && isFull) {
        proposals.push(this.propose(batch, bytes));
        batch = [];
        bytes = 0;
      }
      batch.push(command);
      bytes += command.data.byteLength;
    }
    if (batch.length > 0) proposals.push(this.propose(batch, bytes));
    return proposals;
  }

  private propose(batch: readonly Queued[], bytes: number): Proposal {
    const { clock, observer } = this.world;
    const commands = batch.map((command) => command.data);
    const data = encodeCommands({ timeMs: clock.nowMs(), commands });
    const id = this.world.nextRequest();
    this.proposals.set(id, batch);
    observer.proposed(batch.length, bytes);
    return { id, data };
  }

  /** A proposal that nobody waits for: what becomes of it is seen elsewhere. */
  addSilent(): RequestId {
    const id = this.world.nextRequest();
    this.proposals.set(id, []);
    return id;
  }

  addRead(done: (outcome: ReadReady) => void): RequestId {
    const id = this.world.nextRequest();
    this.reads.set(id, done);
    return id;
  }

  /** What became of a proposal. */
  proposed(outcome: ProposalOutcome): void {
    const waiters = this.proposals.get(outcome.id);
    assert(waiters !== undefined, "a proposal has one outcome");
    this.proposals.delete(outcome.id);
    switch (outcome.kind) {
      case "appended":
        if (waiters.length === 0) return;
        this.waiting.set(outcome.index, { term: outcome.term, waiters: [...waiters] });
        return;
      case "refused": {
        const { leader } = outcome;
        const reason = named(outcome.reason, leader);
        for (const waiter of waiters) this.tell(waiter, { kind: "refused", reason, leader });
        return;
      }
      case "unknown":
        for (const waiter of waiters) this.tell(waiter, { kind: "unknown" });
        return;
      default:
        assertNever(outcome);
    }
  }

  /** What became of a read. */
  answered(outcome: ReadOutcome): void {
    const done = this.reads.get(outcome.id);
    if (done === undefined) return;
    this.reads.delete(outcome.id);
    if (outcome.kind === "refused") {
      const { leader } = outcome;
      done({ kind: "refused", reason: named(outcome.reason, leader), leader });
      return;
    }
    const { leaseUntilMs } = outcome;
    const isWithin = (): boolean => this.world.clock.monotonicMs() < (leaseUntilMs ?? 0);
    done({ kind: "ready", stillHolds: leaseUntilMs === undefined ? undefined : isWithin });
  }

  /** The command at this place was applied. */
  applied(
    at: { readonly index: LogIndex; readonly term: Term; readonly position: number },
    result: Uint8Array,
  ): void {
    const waiting = this.waiting.get(at.index);
    if (waiting?.term !== at.term) return;
    const waiter = waiting.waiters[at.position];
    waiting.waiters[at.position] = undefined;
    this.tell(waiter, { kind: "applied", index: at.index, result });
  }

  /** All of the entry was applied. Whose entry it is not waits in vain: its own will never be. */
  entryApplied(index: LogIndex, leader: MemberId | undefined): void {
    const waiting = this.waiting.get(index);
    if (waiting === undefined) return;
    this.waiting.delete(index);
    for (const waiter of waiting.waiters) {
      this.tell(waiter, { kind: "refused", reason: "not-leader", leader });
    }
  }

  /** A snapshot took the place of everything up to there. */
  passedOver(index: LogIndex): void {
    for (const [at, { waiters }] of this.waiting) {
      if (at > index) continue;
      this.waiting.delete(at);
      for (const waiter of waiters) this.tell(waiter, { kind: "unknown" });
    }
  }

  /** Who led does not any more: what waits may still come to be, for a while. */
  leaderLost(): void {
    if (this.waiting.size > 0) this.lostAtTick = this.ticks;
  }

  /** True while commands wait whose leadership was lost. */
  get lingers(): boolean {
    return this.lostAtTick !== undefined;
  }

  /** A tick while it lingers. */
  tick(stillLeads: (term: Term) => boolean): void {
    this.ticks += 1;
    if (this.lostAtTick === undefined || this.ticks - this.lostAtTick < LINGER_TICKS) return;
    this.lostAtTick = undefined;
    for (const [index, { term, waiters }] of this.waiting) {
      if (stillLeads(term)) continue;
      this.waiting.delete(index);
      for (const waiter of waiters) this.tell(waiter, { kind: "unknown" });
    }
  }

  /** Nothing of it will get another outcome. */
  end(reason: "closed" | "failed" | "not-leader"): void {
    const refused = { kind: "refused", reason, leader: undefined } as const;
    const commands = this.queue.splice(0);
    const proposed = [...this.proposals.values()].flat();
    const waiting = [...this.waiting.values()].flatMap(({ waiters }) => waiters);
    const reads = [...this.reads.values()];
    this.proposals.clear();
    this.waiting.clear();
    this.reads.clear();
    for (const waiter of commands) this.tell(waiter, refused);
    for (const waiter of [...proposed, ...waiting]) this.tell(waiter, { kind: "unknown" });
    for (const done of reads) done(refused);
  }

  private tell(waiter: Waiter | undefined, outcome: CommandOutcome): void {
    if (waiter === undefined) return;
    const { clock, observer, log } = this.world;
    if (outcome.kind === "applied") {
      observer.commandApplied(clock.monotonicMs() - waiter.askedAtMs);
    }
    try {
      waiter.done(outcome);
    } catch (cause: unknown) {
      // Whoever asked is at fault; the group goes on.
      log.error("the outcome of a command was not taken", { error: errorMessage(cause) });
    }
  }
}

function named<T extends string>(reason: T, leader: MemberId | undefined): T | "no-leader" {
  return reason === "not-leader" && leader === undefined ? "no-leader" : reason;
}
