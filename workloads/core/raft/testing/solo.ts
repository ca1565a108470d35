// One replica with a disk that is as fast as asked, for tests that look at what it says.
import { utf8Encode } from "#api/base/index.ts";

import type {
  Entry,
  HardState,
  Input,
  LogBase,
  MemberId,
  Message,
  MessageOf,
  Persist,
  ProposalOutcome,
  RaftSettings,
  ReadOutcome,
} from "../index.ts";
import {
  DEFAULT_SETTINGS,
  EMPTY_HARD_STATE,
  foundingBase,
  makeConfiguration,
  MemoryLog,
  RaftGroup,
} from "../index.ts";

/** Short names of members. */
export const [N1, N2, N3, N4, N5] = ["n1", "n2", "n3", "n4", "n5"] as unknown as [
  MemberId,
  MemberId,
  MemberId,
  MemberId,
  MemberId,
];

/** Ten ticks of election timeout at least, one of heartbeat; no pre-vote, no checkQuorum. */
export const PLAIN: RaftSettings = {
  ...DEFAULT_SETTINGS,
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: false,
  checkQuorum: false,
  supports: 1,
};

/** A message without what is the same everywhere. */
export type Said<Kind extends Message["kind"]> = Omit<MessageOf<Kind>, "from" | "to" | "kind">;

/** The standing of a member that has nothing to tell. */
export const SOUND = { logEpoch: 0, suspect: false, supports: 1 };
/** A vote that knows nothing of commits. */
export const NO_COMMIT = { commitIndex: 0, commitTerm: 0 };

/** A replica n1. Everything it says is kept until it is taken with {@link Solo.said}. */
export class Solo {
  readonly log: MemoryLog;
  readonly group: RaftGroup;
  readonly applied: Entry[] = [];
  readonly proposals: ProposalOutcome[] = [];
  readonly reads: ReadOutcome[] = [];
  readonly writes: Persist[] = [];
  private messages: Message[] = [];
  private nextId = 1;
  private readonly isSlow: boolean;

  constructor(
    options: {
      readonly voters?: readonly MemberId[];
      readonly base?: LogBase;
      readonly terms?: readonly number[];
      readonly hard?: Partial<HardState>;
      readonly settings?: Partial<RaftSettings>;
      readonly random?: () => number;
      /** Writes wait for {@link Solo.finishWrite}. */
      readonly slow?: boolean;
      readonly damaged?: boolean;
    } = {},
  ) {
    const base = options.base ?? foundingBase(makeConfiguration(options.voters ?? [N1, N2, N3]));
    const terms = options.terms ?? [];
    const hard = { ...EMPTY_HARD_STATE, term: terms.at(-1) ?? 0, ...options.hard };
    this.log = new MemoryLog(base, hard);
    if (terms.length > 0) this.log.write(seedWrite(base, terms));
    this.isSlow = options.slow ?? false;
    this.group = new RaftGroup({
      self: N1,
      settings: { ...PLAIN, ...options.settings },
      rng: { next: options.random ?? (() => 0), bytes: (count) => new Uint8Array(count) },
      view: this.log,
      hard,
      applied: 0,
      damaged: options.damaged ?? false,
    });
    this.work();
  }

  get status(): ReturnType<RaftGroup["status"]> {
    return this.group.status();
  }

  /** Terms of the durable log, from its first entry on. */
  get terms(): readonly number[] {
    const first = this.log.base().index + 1;
    const entries = this.log.entries(first, this.log.lastIndex(), Number.MAX_SAFE_INTEGER) ?? [];
    return entries.map((entry) => entry.term);
  }

  step(input: Input): this {
    this.group.step(input);
    this.work();
    return this;
  }

  tick(count = 1, nowMs = 0): this {
    for (let at = 0; at < count; at += 1) this.step({ kind: "tick", nowMs });
    return this;
  }

  /** Proposes these; the ids count from 1. */
  propose(...datas: readonly string[]): this {
    for (const data of datas) {
      this.group.step({ kind: "propose", id: this.nextId, data: utf8Encode(data) });
      this.nextId += 1;
    }
    this.work();
    return this;
  }

  /** Something arrives. */
  hear<Kind extends Message["kind"]>(from: MemberId, kind: Kind, said: Said<Kind>): this {
    // The parts of one kind, put together again.
    const message = { from, to: N1, kind, ...said } as unknown as Message;
    return this.step({ kind: "receive", message });
  }

  /** n1 becomes leader of the next term with the vote of n2, and its opening entry is everywhere. */
  lead(others: readonly MemberId[] = [N2, N3]): this {
    this.step({ kind: "campaign" });
    const { term } = this.status;
    for (const other of others) {
      this.hear(other, "vote-reply", { term, granted: true, ...NO_COMMIT });
    }
    for (const other of others) this.acknowledge(other);
    this.said();
    return this;
  }

  /** This member acknowledges everything. */
  acknowledge(from: MemberId, index = this.status.last): this {
    return this.hear(from, "append-ack", { term: this.status.term, index, ...SOUND });
  }

  finishWrite(): this {
    const write = this.writes.shift();
    if (write === undefined) throw new Error("nothing is being written");
    this.log.write(write);
    this.messages.push(...write.then);
    return this.step({ kind: "persisted", id: write.id });
  }

  /** What was said since the last call. */
  said(): readonly Message[] {
    const { messages } = this;
    this.messages = [];
    return messages;
  }

  /** What was said of one kind since the last call of either; the rest is dropped. */
  saidOf<Kind extends Message["kind"]>(kind: Kind): readonly MessageOf<Kind>[] {
    return this.said().filter((message): message is MessageOf<Kind> => message.kind === kind);
  }

  private work(): void {
    for (;;) {
      const effects = this.group.take();
      this.messages.push(...effects.send);
      this.proposals.push(...effects.proposals);
      this.reads.push(...effects.reads);
      this.applied.push(...effects.apply);
      const last = effects.apply.at(-1);
      if (last !== undefined) this.group.step({ kind: "applied", index: last.index });
      if (effects.persist !== undefined) this.writes.push(effects.persist);
      if (effects.persist !== undefined && !this.isSlow) this.writeAll();
      if (last === undefined && (effects.persist === undefined || this.isSlow)) return;
    }
  }

  private writeAll(): void {
    for (const write of this.writes.splice(0)) {
      this.log.write(write);
      this.messages.push(...write.then);
      this.group.step({ kind: "persisted", id: write.id });
    }
  }
}

function seedWrite(base: LogBase, terms: readonly number[]): Persist {
  const entries = makeEntries(base.index + 1, terms);
  const none = { hard: undefined, snapshot: undefined, base: undefined };
  return { id: 0, entries, sync: true, then: [], ...none };
}

/** Commands with these terms, from this index on. */
export function makeEntries(first: number, terms: readonly number[]): readonly Entry[] {
  return terms.map((term, at) => ({
    index: first + at,
    term,
    kind: "command",
    data: utf8Encode(`${term}.${first + at}`),
  }));
}
