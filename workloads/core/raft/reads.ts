// Linearizable reads on their way. At the leader: asked for, then waiting for a majority to answer
// a heartbeat round sent afterwards, then for the applied index. At a follower: asked of the leader
// in batches, then waiting for the applied index. One round and one message per turn, however many
// reads. Source: Raft dissertation, section 6.4.
import type { ReadOutcome, RequestId } from "./effects.ts";
import type { LogIndex, MemberId } from "./types.ts";

/** Who waits: a read of this replica, or a batch of a follower. */
export type Reader =
  | { readonly kind: "local"; readonly id: RequestId }
  | { readonly kind: "remote"; readonly member: MemberId; readonly batch: number };

interface Round {
  readonly round: number;
  readonly index: LogIndex;
  readonly readers: readonly Reader[];
}

interface Granted {
  readonly id: RequestId;
  readonly index: LogIndex;
  readonly leaseUntilMs: number | undefined;
}

interface Batch {
  readonly ids: readonly RequestId[];
  ticks: number;
}

/** Changed in place by its group alone. */
export class ReadQueue {
  /** Asked for since the last round or batch. */
  private asked: Reader[] = [];
  private rounds: Round[] = [];
  private readonly batches = new Map<number, Batch>();
  private nextBatch: number;
  private granted: Granted[] = [];
  /** Reads of this replica that have no outcome yet. */
  count = 0;

  /** Batches count from `run` on, so that no answer to an earlier run of this member fits. */
  constructor(run: number) {
    this.nextBatch = run;
  }

  get hasAsked(): boolean {
    return this.asked.length > 0;
  }

  get isIdle(): boolean {
    return this.count === 0 && this.asked.length === 0 && this.rounds.length === 0;
  }

  ask(reader: Reader): void {
    if (reader.kind === "local") this.count += 1;
    this.asked.push(reader);
  }

  /** Leader: what was asked for waits for `round`; the answer will be `index`. */
  startRound(round: number, index: LogIndex): void {
    this.rounds.push({ round, index, readers: this.asked });
    this.asked = [];
  }

  /** Leader: a majority answered `round`. Local reads are granted, remote ones returned. */
  confirm(round: number): readonly { readonly reader: Reader; readonly index: LogIndex }[] {
    const remote: { readonly reader: Reader; readonly index: LogIndex }[] = [];
    while (this.rounds.length > 0 && (this.rounds[0]?.round ?? 0) <= round) {
      const done = this.rounds.shift();
      for (const reader of done?.readers ?? []) {
        const index = done?.index ?? 0;
        if (reader.kind === "remote") remote.push({ reader, index });
        else this.granted.push({ id: reader.id, index, leaseUntilMs: undefined });
      }
    }
    return remote;
  }

  /** Leader: a local read is granted by the lease. */
  grant(id: RequestId, index: LogIndex, leaseUntilMs: number): void {
    this.count += 1;
    this.granted.push({ id, index, leaseUntilMs });
  }

  /** Follower: the number of a batch of everything asked for. */
  startBatch(): number {
    const batch = this.nextBatch;
    this.nextBatch += 1;
    const ids = this.asked.flatMap((reader) => (reader.kind === "local" ? [reader.id] : []));
    this.asked = [];
    this.batches.set(batch, { ids, ticks: 0 });
    return batch;
  }

  /** Follower: the leader's answer; an answer nobody waits for is ignored. */
  answer(batch: number, index: LogIndex): void {
    for (const id of this.batches.get(batch)?.ids ?? []) {
      this.granted.push({ id, index, leaseUntilMs: undefined });
    }
    this.batches.delete(batch);
  }

  /** Follower: a tick; the reads of batches without an answer for `ticksMax`. */
  tick(ticksMax: number): readonly RequestId[] {
    const lost: RequestId[] = [];
    for (const [batch, waiting] of this.batches) {
      waiting.ticks += 1;
      if (waiting.ticks < ticksMax) continue;
      lost.push(...waiting.ids);
      this.batches.delete(batch);
    }
    this.count -= lost.length;
    return lost;
  }

  /** Reads whose index has been applied. */
  takeReady(applied: LogIndex): readonly ReadOutcome[] {
    if (this.granted.length === 0) return [];
    const ready = this.granted.filter((read) => read.index <= applied);
    if (ready.length === 0) return [];
    this.granted = this.granted.filter((read) => read.index > applied);
    this.count -= ready.length;
    return ready.map((read) => ({ kind: "ready", ...read }));
  }

  /** Everything not granted yet is over; the local reads among it. */
  abort(): readonly RequestId[] {
    const readers = [...this.rounds.flatMap((round) => round.readers), ...this.asked];
    const ids = readers.flatMap((reader) => (reader.kind === "local" ? [reader.id] : []));
    for (const batch of this.batches.values()) ids.push(...batch.ids);
    this.asked = [];
    this.rounds = [];
    this.batches.clear();
    this.count -= ids.length;
    return ids;
  }
}
