// The leader's lease. A member that answered a heartbeat grants no vote for an election timeout; so
// from the sending of a heartbeat that a majority answered no other leader can exist for that long,
// less what the clocks may drift apart. Source: Raft dissertation, section 6.4.1.
import type { RaftSettings } from "./settings.ts";
import { leaseMs } from "./settings.ts";

/** Rounds remembered while they wait for their majority. */
const ROUNDS_MAX = 64;

/** Changed in place by the leader alone. */
export class Lease {
  private readonly enabled: boolean;
  private readonly lengthMs: number;
  private sent: { readonly round: number; readonly atMs: number }[] = [];
  private end = Number.NEGATIVE_INFINITY;
  private refused = false;

  constructor(settings: RaftSettings) {
    this.enabled = settings.leaseReads;
    this.lengthMs = leaseMs(settings);
  }

  /** The monotonic time until which this member is certainly the only leader, if it is now. */
  untilMs(nowMs: number): number | undefined {
    return this.end > nowMs ? this.end : undefined;
  }

  /** Heartbeats of `round` leave; `atMs` is the time or one before it. */
  roundSent(round: number, atMs: number): void {
    if (!this.enabled || this.refused) return;
    this.sent.push({ round, atMs });
    if (this.sent.length > ROUNDS_MAX) this.sent.shift();
  }

  /** A majority has answered `round`. */
  roundConfirmed(round: number): void {
    if (this.sent.length === 0) return;
    for (const each of this.sent) {
      if (each.round <= round) this.end = Math.max(this.end, each.atMs + this.lengthMs);
    }
    this.sent = this.sent.filter((each) => each.round > round);
  }

  /** Nothing sent so far grants a lease: the clock or the majority is not what it was. */
  void(): void {
    this.sent = [];
    this.end = Number.NEGATIVE_INFINITY;
  }

  /**
   * No lease any more in this term: a member was asked to campaign at once, and the request may
   * reach it at any time.
   */
  refuse(): void {
    this.void();
    this.refused = true;
  }

  /** A new term begins. */
  restart(): void {
    this.void();
    this.refused = false;
  }
}
