// What a leader knows about one other member's log and how much it may send.
//
//   probe      where the logs agree is not known: one append per heartbeat or answer
//   replicate  they agree: appends follow each other without waiting, within the limits
//   snapshot   the entries needed are gone: nothing until the snapshot's fate is known
//
// Invariant: match < next. Source: etcd-io/raft design.md, "Progress".
import type { LogIndex, MemberId } from "./types.ts";

/** See the picture above. */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** Appends without an answer, oldest first; bounded in number and in bytes. */
class Inflights {
  private readonly messagesMax: number;
  private readonly bytesMax: number;
  private readonly lasts: LogIndex[] = [];
  private readonly sizes: number[] = [];
  private bytes = 0;

  constructor(messagesMax: number, bytesMax: number) {
    this.messagesMax = messagesMax;
    this.bytesMax = bytesMax;
  }

  get count(): number {
    return this.lasts.length;
  }

  get full(): boolean {
    return this.lasts.length >= this.messagesMax || this.bytes >= this.bytesMax;
  }

  add(last: LogIndex, bytes: number): void {
    this.lasts.push(last);
    this.sizes.push(bytes);
    this.bytes += bytes;
  }

  /** Everything up to `index` has been answered. */
  free(index: LogIndex): void {
    let count = 0;
    while (count < this.lasts.length && (this.lasts[count] ?? 0) <= index) {
      this.bytes -= this.sizes[count] ?? 0;
      count += 1;
    }
    if (count === 0) return;
    this.lasts.splice(0, count);
    this.sizes.splice(0, count);
  }

  clear(): void {
    this.lasts.length = 0;
    this.sizes.length = 0;
    this.bytes = 0;
  }
}

/** Changed in place by the leader alone. */
export class Progress {
  readonly member: MemberId;
  isLearner: boolean;
  state: ProgressState = "probe";
  /** Highest index known to be durable there and equal to ours. */
  match: LogIndex = 0;
  /** The next entry to send. */
  next: LogIndex;
  /** Highest commit index on its way there. */
  sentCommit: LogIndex = 0;
  /** Index of the delivered snapshot whose acknowledgement is awaited; 0 if none. */
  pendingSnapshot: LogIndex = 0;
  /** Something was heard of it since the last check of the quorum. */
  isActive = false;
  /** Nothing may be sent before the next answer. */
  isPaused = false;
  /** An append must be sent even if it is empty. */
  mustSend = false;
  /** Highest heartbeat round it answered. */
  round = 0;
  /** Standing told by its answers; 0 if nothing was heard yet. */
  supports = 0;
  logEpoch = 0;
  isSuspect = false;
  /** Our last index when we first heard of `logEpoch`. */
  refetchTarget: LogIndex = 0;
  /** Proposals it forwarded in its current run; those below `settledBelow` are forgotten. */
  private readonly seen = new Set<number>();
  private run = 0;
  settledBelow = 0;
  readonly inflights: Inflights;

  constructor(options: {
    readonly member: MemberId;
    readonly isLearner: boolean;
    readonly next: LogIndex;
    readonly inflightMessagesMax: number;
    readonly inflightBytesMax: number;
  }) {
    this.member = options.member;
    this.isLearner = options.isLearner;
    this.next = options.next;
    this.inflights = new Inflights(options.inflightMessagesMax, options.inflightBytesMax);
  }

  becomeProbe(): void {
    const pending = this.state === "snapshot" ? this.pendingSnapshot : 0;
    this.enter("probe");
    this.next = Math.max(this.match, pending) + 1;
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.enter("replicate");
    this.next = this.match + 1;
  }

  becomeSnapshot(): void {
    this.enter("snapshot");
  }

  private enter(state: ProgressState): void {
    this.state = state;
    this.isPaused = state === "snapshot";
    this.pendingSnapshot = 0;
    this.inflights.clear();
  }

  /** An append with these entries (none: last = next - 1) is on its way. */
  sent(last: LogIndex, bytes: number): void {
    if (this.state === "probe") {
      this.isPaused = true;
      return;
    }
    if (last >= this.next) {
      this.next = last + 1;
      this.inflights.add(last, bytes);
    }
    this.isPaused = this.inflights.full;
  }

  /** Takes an acknowledgement; false if it tells nothing new. */
  acknowledge(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    if (this.state !== "snapshot") this.isPaused = false;
    return true;
  }

  /** Takes a rejection of an append at `prevIndex`; false if it is stale. */
  reject(prevIndex: LogIndex, matchHint: LogIndex): boolean {
    if (this.state === "replicate") {
      if (prevIndex <= this.match) return false;
      this.becomeProbe();
      return true;
    }
    if (this.state === "snapshot" || this.next - 1 !== prevIndex) return false;
    this.next = Math.max(Math.min(prevIndex, matchHint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.isPaused = false;
    return true;
  }

  /** True if telling this commit index could move the member's own. */
  wantsCommit(commit: LogIndex): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The proposals already taken of this run of the member; add to it. */
  seenIn(run: number, settledBelow: number): Set<number> {
    if (run !== this.run) {
      this.run = run;
      this.seen.clear();
      this.settledBelow = 0;
    }
    if (settledBelow > this.settledBelow) {
      this.settledBelow = settledBelow;
      for (const id of this.seen) if (id < settledBelow) this.seen.delete(id);
    }
    return this.seen;
  }

  /** The member lost part of its log: nothing it acknowledged before counts any more. */
  restartFrom(logEpoch: number, lastIndex: LogIndex): void {
    this.logEpoch = logEpoch;
    this.refetchTarget = lastIndex;
    this.match = 0;
    this.sentCommit = 0;
    this.enter("probe");
    this.next = lastIndex + 1;
  }
}
