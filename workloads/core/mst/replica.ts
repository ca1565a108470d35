// One member of an Mst group, sans-io: a tree over what is durable, pulls from the other members,
// acks, the cut and the clock. The driver stores objects, merges what comes and keeps time.
//
// Order of duties, which the effects rely on:
//   - `applied` is called after an object's new state is durable, never before;
//   - `merge` is answered by `applied` for each object that changed and then `merged`;
//   - `persist` is answered by `persisted` once the record is durable;
//   - `purge` means: remove the tombstones up to the cut from every object, `applied` for each,
//     then `purged`. An interrupted purge is harmless; it is asked for again. Writes, merges and
//     purges of one object are planned one on top of the other: a write that was planned before a
//     purge and is stored after it would bring back what was purged.
import { assert, assertNever } from "#api/base/index.ts";

import type { Documents, ObjectState } from "../merge/index.ts";
import { decodeObject, digestInput, purgeObject, STAMPS_PER_MS } from "../merge/index.ts";
import { AckTable } from "./acks.ts";
import type { DurableMark, IncomingObject, MstEffect, PullFailure } from "./effects.ts";
import type { HybridClock } from "./hlc.ts";
import { ClockSkew } from "./hlc.ts";
import type {
  FetchReply,
  FetchRequest,
  Header,
  MstMessage,
  ObjectPiece,
  RootReply,
  RootRequest,
} from "./messages.ts";
import { REPLY_BYTES_MAX } from "./messages.ts";
import type { PulledObject } from "./pull.ts";
import { PullWalk } from "./pull.ts";
import type { Digest, Digester, KeyRange, PageView } from "./tree.ts";
import { MerkleSearchTree } from "./tree.ts";

/** Wall clock and monotonic clock. */
export interface Now {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** Times that may be set. */
export interface MstTimes {
  /** A pull without a reply for this long has failed. */
  readonly pullTimeoutMs: number;
  /** The cut moves in steps of at least this much, because every step costs a purge. */
  readonly cutStepMs: number;
}

/** Defaults: links answer within seconds; tombstones may wait a minute. */
export const MST_TIMES: MstTimes = { pullTimeoutMs: 10_000, cutStepMs: 60_000 };

interface Pull {
  readonly id: number;
  readonly walk: PullWalk;
  readonly startedMs: number;
  promise: number;
  step: number;
  lastMs: number;
  sentWallMs: number;
  isMerging: boolean;
}

const WHOLE: KeyRange = { low: undefined, high: undefined };

/** One member of the group of one partition. */
export class MstReplica {
  readonly clock: HybridClock;
  readonly skew = new ClockSkew();
  readonly #tree: MerkleSearchTree;
  readonly #digest: Digester;
  readonly #documents: Documents;
  readonly #bytesOf: (id: string) => Uint8Array | undefined;
  readonly #times: MstTimes;
  readonly #acks: AckTable;
  readonly #pulls = new Map<string, Pull>();
  readonly #pulledMs = new Map<string, number>();
  /** Members of which no pull has failed since the last one that was completed. */
  readonly #level = new Set<string>();
  /** Number of the last pull that a member began here; a smaller one comes from its next life. */
  readonly #asked = new Map<string, number>();
  #members: readonly string[] = [];
  #generation = 0;
  #mark: DurableMark;
  /** The newest mark that was asked to be persisted. */
  #wanted: DurableMark;
  #nextPull = 1;
  #purging: number | undefined;

  /**
   * `bytesOf` reads an object's canonical bytes as they are durable. `mark` is the one persisted
   * last; a new member of a running group begins with `{ack: 0, cut: 0, joined: false}`, the first
   * members of a new group with `joined: true`.
   */
  constructor(options: {
    readonly clock: HybridClock;
    readonly digest: Digester;
    readonly documents: Documents;
    readonly bytesOf: (id: string) => Uint8Array | undefined;
    readonly mark: DurableMark;
    readonly times?: MstTimes;
  }) {
    this.clock = options.clock;
    this.#digest = options.digest;
    this.#documents = options.documents;
    this.#bytesOf = options.bytesOf;
    this.#times = options.times ?? MST_TIMES;
    this.#mark = options.mark;
    this.#wanted = options.mark;
    this.#tree = new MerkleSearchTree(options.digest);
    this.#acks = new AckTable({ self: options.clock.node, ack: options.mark.ack });
  }

  /** Objects in the tree, dead ones included. */
  get count(): number {
    return this.#tree.count;
  }

  /** Root of the tree; equal roots at equal cuts are equal contents. */
  get root(): Digest {
    return this.#tree.root;
  }

  /** Durable ack and cut, and whether the member may serve. */
  get mark(): DurableMark {
    return this.#mark;
  }

  /** The digest of an object as it is durable: with its version it tells contents apart. */
  digestOf(id: string): Digest | undefined {
    return this.#tree.get(id);
  }

  /** Begins to serve by a generation. Pulls under way end. */
  setGeneration(generation: number, members: readonly string[]): readonly MstEffect[] {
    assert(generation >= this.#generation, "generations only grow");
    const isSame =
      members.length === this.#members.length &&
      members.every((member) => this.#members.includes(member));
    if (generation === this.#generation && isSame) return [];
    this.#generation = generation;
    this.#members = members;
    // Only what headers tell may count on, or a new member could write below it.
    this.#acks.setMembers(members, this.#mark.ack);
    this.skew.keep(members);
    for (const known of [this.#pulledMs, this.#level, this.#asked]) {
      for (const member of known.keys()) if (!members.includes(member)) known.delete(member);
    }
    return [...this.#pulls.keys()].map((from) => this.#fail(from, "Superseded"));
  }

  /** The object's new state is durable; undefined if nothing is left of it. */
  applied(id: string, state: ObjectState | undefined): void {
    if (state === undefined) this.#tree.delete(id);
    else this.#tree.set(id, this.#digest(digestInput(state, this.#documents)));
  }

  /** Whether for every other member the last completed pull began at most `boundMs` ago. */
  isFresh(boundMs: number, monotonicMs: number): boolean {
    return this.#members.every((member) => {
      if (member === this.clock.node) return true;
      const startedMs = this.#pulledMs.get(member);
      return startedMs !== undefined && monotonicMs - startedMs <= boundMs;
    });
  }

  /**
   * How long ago the oldest of the last completed pulls began, one of each other member; a member
   * that was not pulled from yet counts from `sinceMs`. 0 without others.
   */
  ageMs(monotonicMs: number, sinceMs: number): number {
    const others = this.#members.filter((member) => member !== this.clock.node);
    const ages = others.map((member) => monotonicMs - (this.#pulledMs.get(member) ?? sinceMs));
    return Math.max(0, ...ages);
  }

  /**
   * The other members from which no pull was completed since we started, since the last one failed,
   * or since they began to count their pulls anew, which is when they started again. Whatever such
   * a member acknowledged alone may be nowhere else.
   */
  get unheard(): readonly string[] {
    return this.#members.filter((member) => member !== this.clock.node && !this.#level.has(member));
  }

  /**
   * Whether everything that `member` wrote up to this stamp time is here; undefined if it is no
   * member of the generation, so that nobody can tell.
   */
  hasFrom(member: string, time: number): boolean | undefined {
    if (member === this.clock.node) return true;
    return this.#members.includes(member) ? this.#acks.hasFrom(member, time) : undefined;
  }

  /** Begins to pull from a member, unless a pull from it is under way. */
  pull(from: string, now: Now): readonly MstEffect[] {
    if (this.#pulls.has(from) || from === this.clock.node || !this.#members.includes(from)) {
      return [];
    }
    const id = this.#nextPull;
    this.#nextPull += 1;
    this.#pulls.set(from, {
      id,
      walk: new PullWalk(this.#tree),
      startedMs: now.monotonicMs,
      promise: 0,
      step: 0,
      lastMs: now.monotonicMs,
      sentWallMs: now.wallMs,
      isMerging: false,
    });
    const header = this.#header(now);
    const message: RootRequest = { kind: "root", pull: id, header, digest: this.#tree.root };
    return [{ kind: "send", to: from, message }];
  }

  /** Ends pulls that hang, and moves the cut. */
  tick(now: Now): readonly MstEffect[] {
    const effects: MstEffect[] = [];
    for (const [from, pull] of this.#pulls) {
      const isLate = now.monotonicMs - pull.lastMs > this.#times.pullTimeoutMs;
      if (isLate && !pull.isMerging) effects.push(this.#fail(from, "Timeout"));
    }
    // Without a mark ahead there is nothing to promise, and the cut of the group stands still.
    const highWater = this.clock.wantedReserve(now.wallMs);
    if (highWater !== undefined) effects.push({ kind: "reserve", highWater });
    const cut = this.#acks.cut(this.#mark.ack, this.clock.promise(now.wallMs));
    const step = this.#times.cutStepMs * STAMPS_PER_MS;
    if (this.#mark.joined && cut >= this.#mark.cut + step) effects.push(...this.#wantPurge(cut));
    return effects;
  }

  /** A message of a member; of anybody else it is dropped. */
  receive(from: string, message: MstMessage, now: Now): readonly MstEffect[] {
    if (!this.#members.includes(from)) return [];
    const isAnswer = message.kind !== "root" && message.kind !== "fetch";
    if (message.header.generation !== this.#generation) {
      return isAnswer
        ? this.#failIfCurrent(from, message.pull, "Generation")
        : [this.#refuse(from, message.pull, "Generation", now)];
    }
    const effects = this.#heard(from, message.header);
    if (effects.some(({ kind }) => kind === "resync")) return effects;
    return [...effects, ...this.#dispatch(from, message, now)];
  }

  /** There will be no answer to the request of this pull. */
  lost(to: string, pull: number): readonly MstEffect[] {
    return this.#failIfCurrent(to, pull, "Lost");
  }

  /** What the last `merge` effect from this member brought is durable and applied. */
  merged(from: string, now: Now): readonly MstEffect[] {
    const pull = this.#pulls.get(from);
    if (pull === undefined || !pull.isMerging) return [];
    pull.isMerging = false;
    return this.#advance(from, pull, now);
  }

  /** The record of the last `persist` effect is durable. */
  persisted(mark: DurableMark): void {
    assert(mark.ack >= this.#mark.ack && mark.cut >= this.#mark.cut, "marks only grow");
    this.#mark = mark;
  }

  /** All tombstones up to the cut are gone. */
  purged(cut: number): readonly MstEffect[] {
    if (this.#purging !== cut) return [];
    this.#purging = undefined;
    return [this.#persist({ ...this.#wanted, cut: Math.max(cut, this.#wanted.cut) })];
  }

  #dispatch(from: string, message: MstMessage, now: Now): readonly MstEffect[] {
    switch (message.kind) {
      case "root":
        if (message.pull < (this.#asked.get(from) ?? 0)) this.#level.delete(from);
        this.#asked.set(from, message.pull);
        return [this.#answerRoot(from, message, now)];
      case "fetch":
        return [this.#answerFetch(from, message, now)];
      case "root-reply":
        return this.#rootReply(from, message, now);
      case "fetch-reply":
        return this.#fetchReply(from, message, now);
      case "refused":
        return this.#failIfCurrent(from, message.pull, message.reason);
      default:
        return assertNever(message);
    }
  }

  #heard(from: string, header: Header): readonly MstEffect[] {
    this.#acks.heard(from, header.ack);
    // What it acknowledged it takes for complete: nothing of ours may come below that any more.
    this.clock.advance(header.ack);
    if (header.cut <= this.#mark.cut) return [];
    // Everybody had acknowledged a cut before anybody purged. If we have not, we were not counted.
    if (this.#mark.joined && header.cut > this.#mark.ack) {
      this.#pulls.clear();
      return [{ kind: "resync" }];
    }
    return this.#wantPurge(header.cut);
  }

  #wantPurge(cut: number): readonly MstEffect[] {
    if (this.#purging !== undefined && this.#purging >= cut) return [];
    this.#purging = cut;
    return [{ kind: "purge", cut }];
  }

  #answerRoot(from: string, message: RootRequest, now: Now): MstEffect {
    const digest = this.#tree.root;
    // A member that is joining has written nothing, and what it holds the others hold, too.
    const isSame = digest === message.digest || !this.#mark.joined;
    const reply: RootReply = {
      kind: "root-reply",
      pull: message.pull,
      header: this.#header(now),
      promise: this.clock.promise(now.wallMs),
      digest,
      page: isSame ? undefined : this.#tree.range(WHOLE),
    };
    return { kind: "send", to: from, message: reply };
  }

  #answerFetch(from: string, message: FetchRequest, now: Now): MstEffect {
    if (!this.#mark.joined) return this.#refuse(from, message.pull, "Joining", now);
    let room = REPLY_BYTES_MAX;
    const objects: ObjectPiece[] = [];
    for (const { id, offset } of message.wants) {
      if (room <= 0) break;
      const piece = this.#pieceOf(id, offset, room);
      objects.push(piece);
      room -= piece.bytes.byteLength + id.length + 32;
      if (piece.offset + piece.bytes.byteLength < piece.total) room = 0;
    }
    const pages: (PageView | undefined)[] = [];
    for (const range of message.ranges) {
      if (room <= 0) break;
      const page = this.#tree.range(range);
      pages.push(page);
      room -= page === undefined ? 2 : pageBytes(page);
    }
    const { pull, step } = message;
    const header = this.#header(now);
    return {
      kind: "send",
      to: from,
      message: { kind: "fetch-reply", pull, step, header, pages, objects },
    };
  }

  #pieceOf(id: string, offset: number, room: number): ObjectPiece {
    const digest = this.#tree.get(id);
    const bytes = digest === undefined ? undefined : this.#bytesOf(id);
    if (digest === undefined || bytes === undefined) {
      return { id, digest: "", offset: 0, total: 0, bytes: new Uint8Array(0) };
    }
    const from = offset < bytes.byteLength ? offset : 0;
    const piece = bytes.subarray(from, from + room);
    return { id, digest, offset: from, total: bytes.byteLength, bytes: piece };
  }

  #rootReply(from: string, message: RootReply, now: Now): readonly MstEffect[] {
    const pull = this.#current(from, message.pull);
    if (pull === undefined || pull.step !== 0) return [];
    const middleMs = (pull.sentWallMs + now.wallMs) / 2;
    this.skew.sample(from, message.header.clockMs - middleMs);
    const isStale = message.page !== undefined && message.header.ack < this.#mark.cut;
    if (isStale) return [this.#fail(from, "Stale")];
    pull.promise = message.promise;
    pull.walk.compare(WHOLE, message.page);
    return this.#advance(from, pull, now);
  }

  #fetchReply(from: string, message: FetchReply, now: Now): readonly MstEffect[] {
    const pull = this.#current(from, message.pull);
    if (pull === undefined || pull.step !== message.step || pull.isMerging) return [];
    if (message.header.ack < this.#mark.cut) return [this.#fail(from, "Stale")];
    const taken = pull.walk.take(message);
    if ("malformed" in taken) return [this.#fail(from, "Malformed")];
    const objects = this.#decode(taken, now);
    if (objects === undefined) return [this.#fail(from, "Malformed")];
    if (objects.length === 0) return this.#advance(from, pull, now);
    pull.isMerging = true;
    return [{ kind: "merge", from, objects }];
  }

  /** Without what our cut has purged; undefined if the bytes are no objects. */
  #decode(pulled: readonly PulledObject[], now: Now): readonly IncomingObject[] | undefined {
    const objects: IncomingObject[] = [];
    for (const { id, bytes } of pulled) {
      const decoded = decodeObject(bytes);
      if (decoded === undefined) return undefined;
      this.clock.observe(decoded.modified.time, now.wallMs);
      const state = purgeObject(decoded, Math.max(this.#mark.cut, this.#purging ?? 0));
      if (state !== undefined) objects.push({ id, state });
    }
    return objects;
  }

  #advance(from: string, pull: Pull, now: Now): readonly MstEffect[] {
    const ask = pull.walk.next();
    if (ask === undefined) return this.#finish(from, pull, now);
    pull.step += 1;
    pull.lastMs = now.monotonicMs;
    const message: FetchRequest = {
      kind: "fetch",
      pull: pull.id,
      step: pull.step,
      header: this.#header(now),
      ...ask,
    };
    return [{ kind: "send", to: from, message }];
  }

  #finish(from: string, pull: Pull, now: Now): readonly MstEffect[] {
    this.#pulls.delete(from);
    this.#pulledMs.set(from, pull.startedMs);
    this.#level.add(from);
    this.#acks.pulled(from, pull.promise);
    const effects: MstEffect[] = [];
    const ack = this.#acks.ack();
    const joined = this.#wanted.joined || this.#acks.isComplete();
    // It may write from now on, also after a restart: above all that it has heard acknowledged.
    const highWater = this.clock.wantedReserve(now.wallMs);
    if (joined && !this.#wanted.joined && highWater !== undefined) {
      effects.push({ kind: "reserve", highWater });
    }
    if (ack > this.#wanted.ack || joined !== this.#wanted.joined) {
      effects.push(this.#persist({ ...this.#wanted, ack, joined }));
    }
    return effects;
  }

  #persist(mark: DurableMark): MstEffect {
    this.#wanted = mark;
    return { kind: "persist", mark };
  }

  #current(from: string, id: number): Pull | undefined {
    const pull = this.#pulls.get(from);
    return pull?.id === id ? pull : undefined;
  }

  #failIfCurrent(from: string, id: number, reason: PullFailure): readonly MstEffect[] {
    return this.#current(from, id) === undefined ? [] : [this.#fail(from, reason)];
  }

  #fail(from: string, reason: PullFailure): MstEffect {
    this.#pulls.delete(from);
    if (reason !== "Superseded") this.#level.delete(from);
    return { kind: "pull-failed", from, reason };
  }

  #refuse(to: string, pull: number, reason: "Generation" | "Joining", now: Now): MstEffect {
    const header = this.#header(now);
    return { kind: "send", to, message: { kind: "refused", pull, header, reason } };
  }

  #header(now: Now): Header {
    const { ack, cut } = this.#mark;
    return { generation: this.#generation, ack, cut, clockMs: now.wallMs };
  }
}

function pageBytes(page: PageView): number {
  let size = 16;
  for (const key of page.keys) size += key.length + 36;
  return size;
}
