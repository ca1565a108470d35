// An Mst shard: every replica takes writes and they become equal later. Objects are kept whole in
// their canonical form; the tree over them is in memory and is made anew when the shard starts.
// Semantics are workloads/core/merge, the exchange is workloads/core/mst; this file stores, keeps
// time and speaks to the other replicas. Writes, merges and purges of an object are planned one on
// top of the other, durable or not; readers and other replicas see what is durable.
import type { Logger } from "#api/base/index.ts";
import { assert, assertNever } from "#api/base/index.ts";
import type { SessionMark } from "#workloads/core/demand/index.ts";
import type { MergeWrite, ObjectState, Stamp } from "#workloads/core/merge/index.ts";
import {
  applyMergeWrite,
  encodeObject,
  mergeObjects,
  objectVersion,
  purgeObject,
} from "#workloads/core/merge/index.ts";
import type { DurableMark, MstEffect, MstMessage, Now } from "#workloads/core/mst/index.ts";
import {
  decodeMstMessage,
  encodeMstMessage,
  HybridClock,
  MST_TIMES,
  MstReplica,
} from "#workloads/core/mst/index.ts";
import type { ObjectItem, ObjectWrite, Store } from "#workloads/core/store/index.ts";
import { xxh128Text } from "#workloads/platform/hash/index.ts";
import type { GrpcFailure } from "#workloads/platform/index.ts";

import type { Committer } from "../committer.ts";
import { refuse } from "../errors.ts";
import type { StopTimer } from "../raft/ports.ts";
import type { Time } from "../timers.ts";
import { nodeTime } from "../timers.ts";
import { automergeDocuments } from "./documents.ts";
import type { Accepted } from "./mst-objects.ts";
import { MstObjects } from "./mst-objects.ts";
import type { MstCounters } from "./mst-records.ts";
import { MstReads } from "./mst-reads.ts";
import type { MstSettings } from "./mst-settings.ts";
import { firstMark, grows, isContent, mergeWriteOf, storedView } from "./mst-records.ts";
import type {
  Lead,
  PageOf,
  ReadWish,
  ReplicaGroup,
  Shard,
  Standing,
  StoredObject,
  WriteOptions,
  WriteOutcome,
} from "./shard.ts";

/** How often a replica asks the others, at most a third of a staleness bound. */
export const SYNC_INTERVAL_MS = 1_000;
/** After a write or a hint the others are asked this soon. */
const HINT_MS = 20;
/** Objects that are purged in one turn of the event loop. */
const SLICE = 500;

/** One replica of one partition. */
export class MstShard implements Shard {
  readonly partition: number;
  readonly number: number;
  readonly #committer: Committer;
  readonly #log: Logger;
  readonly #node: string;
  readonly #objects: MstObjects;
  readonly #time: Time;
  readonly #startedMs: number;
  /** Writes that wait for the clock's mark to be durable. */
  readonly #waiting: (() => void)[] = [];
  readonly #reads: MstReads;
  /** Stamp time of the last local write that is durable. */
  #writtenTime = 0;
  #settings: MstSettings;
  #group: ReplicaGroup;
  #replica: MstReplica;
  #isLoaded = false;
  #isClosed = false;
  #purge: number | undefined;
  #stopPulling: StopTimer | undefined;
  #stopHint: StopTimer | undefined;

  constructor(options: {
    readonly partition: number;
    readonly number: number;
    readonly store: Store;
    readonly committer: Committer;
    readonly log: Logger;
    /** Incarnation of this member. */
    readonly node: string;
    readonly settings: MstSettings;
    readonly group: ReplicaGroup;
    /** That of the process if not given. */
    readonly time?: Time;
  }) {
    this.partition = options.partition;
    this.number = options.number;
    this.#time = options.time ?? nodeTime;
    this.#startedMs = this.#time.clock.monotonicMs();
    this.#committer = options.committer;
    this.#log = options.log.child({ partition: options.partition, shard: "Mst" });
    this.#node = options.node;
    this.#settings = options.settings;
    this.#group = options.group;
    this.#reads = new MstReads({
      partition: options.partition,
      replica: () => this.#replica,
      pullSoon: () => this.#pullSoon(),
      time: this.#time,
    });
    const { number, store, committer } = options;
    this.#objects = new MstObjects({
      number,
      store,
      committer,
      timers: this.#time.timers,
      first: { index: 0, highWater: 0, mark: firstMark(options.group) },
      follower: {
        objectDurable: (accepted) => this.#objectDurable(accepted),
        countersDurable: (counters, hasLocal) => this.#countersDurable(counters, hasLocal),
      },
    });
    this.#replica = this.#makeReplica(this.#objects.counters);
    this.#objects.load(() => {
      this.#isLoaded = true;
    });
    this.configure(options.settings, options.group);
  }

  get objects(): number {
    return this.#objects.count;
  }

  get appliedIndex(): number {
    return this.#objects.durableIndex;
  }

  get standing(): Standing {
    if (!this.#isLoaded) return { kind: "starting", message: "reading what is stored" };
    if (this.#replica.mark.joined) return { kind: "ready", unheard: this.#replica.unheard };
    return { kind: "starting", message: "learning from the other replicas" };
  }

  get lagMs(): number {
    return Math.round(this.#replica.ageMs(this.#time.clock.monotonicMs(), this.#startedMs));
  }

  /** Slots of Mst partitions do not move. */
  readonly slots = undefined;
  /** Every replica takes writes. */
  readonly lead: Lead = { kind: "here" };

  get mark(): SessionMark {
    return { incarnation: this.#node, index: this.#writtenTime };
  }

  /** Serves by this class and among these replicas from now on. */
  configure(settings: MstSettings, group: ReplicaGroup): void {
    this.#settings = settings;
    this.#group = group;
    this.#run(this.#replica.setGeneration(Number(group.generation), group.members));
    this.#stopPulling?.();
    if (this.#isClosed) return;
    const bound = settings.stalenessBoundMs ?? Number.POSITIVE_INFINITY;
    const intervalMs = Math.max(50, Math.min(SYNC_INTERVAL_MS, bound / 3));
    this.#stopPulling = this.#time.timers.every(intervalMs, () => this.#tick());
    this.#pullSoon();
  }

  whenReadable(wish: ReadWish, done: (failure: GrpcFailure | undefined) => void): void {
    const { standing } = this;
    if (standing.kind === "starting") {
      done(refuse("SHARD_NOT_READY", `partition ${this.partition}: ${standing.message}`));
      return;
    }
    if (wish.strong && this.#others().length > 0) {
      done(refuse("UNSUPPORTED", "Strong reads over several replicas need a Raft partition"));
      return;
    }
    this.#reads.whenReadable(wish, done);
  }

  openSession(_session: string, done: (failure: GrpcFailure | undefined) => void): void {
    done(refuse("UNSUPPORTED", "client sessions are kept by Raft shards"));
  }

  closeSession(_session: string, done: (failure: GrpcFailure | undefined) => void): void {
    done(undefined);
  }

  issueToken(_id: string, done: (failure: GrpcFailure) => void): void {
    done(refuse("UNSUPPORTED", "exclusive calls need a partition with one writer, not Mst"));
  }

  write(write: ObjectWrite, options: WriteOptions, done: (outcome: WriteOutcome) => void): void {
    const failure = this.#refusalOf(write, options);
    if (failure !== undefined) {
      done({ kind: "refused", failure });
      return;
    }
    const issued = this.#replica.clock.issue(this.#time.clock.nowMs());
    if (issued.kind === "reserve") {
      this.#waiting.push(() => this.write(write, options, done));
      this.#reserve(issued.highWater);
      return;
    }
    const { mayGrow, view } = options;
    this.#write({ write, mayGrow, view, stamp: issued.stamp }, done);
  }

  get(id: string): StoredObject | undefined {
    const state = this.#objects.stored(id);
    const view = state === undefined ? undefined : storedView(state);
    return view === undefined ? undefined : { ...view, digest: this.#digestOf(id) };
  }

  getValue(id: string, key: string): ReturnType<Shard["getValue"]> {
    const state = this.#objects.stored(id);
    if (state === undefined) return { value: undefined, version: undefined };
    const value = storedView(state)?.entries.find((entry) => entry.key === key)?.value;
    return { value, version: state.modified.time, digest: this.#digestOf(id) };
  }

  listValues(id: string, page: PageOf): ReturnType<Shard["listValues"]> {
    return this.#objects.listValues(id, page);
  }

  listObjects(page: PageOf): readonly ObjectItem[] {
    return this.#objects.listObjects(page);
  }

  receive(from: string, payload: Uint8Array, answer: (payload: Uint8Array) => void): void {
    const message = decodeMstMessage(payload);
    if (message === undefined) throw refuse("INVALID_REQUEST", "malformed message of a replica");
    if (!this.#isLoaded) throw refuse("SHARD_NOT_READY", "reading what is stored");
    const isDifferent = message.kind === "root" && message.digest !== this.#replica.root;
    this.#run(this.#replica.receive(from, message, this.#now()), answer);
    // It asks because it has changed or is new; what it has we want, too.
    if (isDifferent || this.#replica.unheard.includes(from)) this.#pullSoon();
  }

  close(): void {
    this.#isClosed = true;
    this.#objects.close();
    this.#stopPulling?.();
    this.#stopHint?.();
  }

  #refusalOf(write: ObjectWrite, options: WriteOptions): GrpcFailure | undefined {
    const { standing } = this;
    if (standing.kind === "starting") {
      return refuse("SHARD_NOT_READY", `partition ${this.partition}: ${standing.message}`);
    }
    if (options.identity !== undefined) {
      const text = "a repeated request can come to another Mst replica, which would not know it";
      return refuse("UNSUPPORTED", text);
    }
    if (this.#replica.skew.isSkewed()) {
      const ms = Math.round(this.#replica.skew.medianMs());
      return refuse("CLOCK_SKEW", `this member's clock is ${-ms} ms ahead of the other replicas'`);
    }
    if (write.expectedVersion === undefined || this.#others().length === 0) return undefined;
    if (this.#settings.casLocal) return undefined;
    const message = "a version check over several Mst replicas holds on none; set cas: Local";
    return refuse("CAS_NOT_LOCAL", message);
  }

  #write(
    work: {
      readonly write: ObjectWrite;
      readonly mayGrow: boolean;
      readonly view: boolean;
      readonly stamp: Stamp;
    },
    done: (outcome: WriteOutcome) => void,
  ): void {
    const { write, stamp } = work;
    const end = (outcome: WriteOutcome): void => {
      this.#replica.clock.settled(stamp);
      done(outcome);
    };
    const stored = this.#objects.newest(write.id);
    const actual = objectVersion(stored);
    const expected = write.expectedVersion;
    const digest = write.expectedDigest;
    const isOther = digest !== undefined && !isContent(stored, digest);
    if (expected !== undefined && (expected !== actual || isOther)) {
      end({ kind: "version-mismatch", expected, actual });
      return;
    }
    if (write.kind === "mutate" && !work.mayGrow && grows(write)) {
      end({ kind: "growth-refused" });
      return;
    }
    const merge: MergeWrite = mergeWriteOf(write, this.#settings.kinds);
    const outcome = applyMergeWrite(stored, merge, stamp, automergeDocuments);
    switch (outcome.kind) {
      case "written":
        this.#objects.accept({ id: write.id, state: outcome.state, stamp });
        break;
      case "unchanged":
        this.#replica.clock.settled(stamp);
        break;
      case "invalid": {
        const text = `entry "${outcome.key}": ${outcome.why}`;
        end({ kind: "refused", failure: refuse("INVALID_REQUEST", text) });
        return;
      }
      case "clock-behind": {
        const text = "the object was written by a member whose clock is ahead; try again later";
        end({ kind: "refused", failure: refuse("CLOCK_SKEW", text) });
        return;
      }
      default:
        assertNever(outcome);
    }
    const state = this.#objects.newest(write.id);
    const version = objectVersion(state);
    const object = work.view && state !== undefined ? storedView(state) : undefined;
    this.#committer.whenDurable(() => done({ kind: "done", version, object }));
  }

  /** The tree has the digest of what is durable. */
  #digestOf(id: string): Uint8Array | undefined {
    const digest = this.#replica.digestOf(id);
    return digest === undefined ? undefined : Buffer.from(digest, "latin1");
  }

  #reserve(highWater: number): void {
    if (highWater > this.#objects.counters.highWater) this.#objects.commit({ highWater });
  }

  #tick(): void {
    if (!this.#isLoaded) return;
    this.#run(this.#replica.tick(this.#now()));
    this.#pullAll();
  }

  #pullSoon(): void {
    if (this.#isClosed || this.#others().length === 0) return;
    this.#stopHint ??= this.#time.timers.after(HINT_MS, () => {
      this.#stopHint = undefined;
      if (this.#isLoaded) this.#pullAll();
    });
  }

  #pullAll(): void {
    for (const other of this.#others()) this.#run(this.#replica.pull(other, this.#now()));
  }

  #others(): readonly string[] {
    return this.#group.members.filter((member) => member !== this.#node);
  }

  #run(effects: readonly MstEffect[], answer?: (payload: Uint8Array) => void): void {
    for (const effect of effects) this.#do(effect, answer);
  }

  #do(effect: MstEffect, answer: ((payload: Uint8Array) => void) | undefined): void {
    switch (effect.kind) {
      case "send":
        this.#send(effect.to, effect.message, answer);
        return;
      case "merge": {
        for (const { id, state } of effect.objects) this.#merge(id, state);
        const { from } = effect;
        this.#committer.whenDurable(() => {
          this.#run(this.#replica.merged(from, this.#now()));
          this.#reads.wake();
        });
        return;
      }
      case "persist":
        this.#objects.commit({ mark: effect.mark });
        return;
      case "reserve":
        this.#reserve(effect.highWater);
        return;
      case "purge":
        this.#beginPurge(effect.cut);
        return;
      case "pull-failed":
        this.#log.debug("pull failed", { from: effect.from, reason: effect.reason });
        return;
      case "resync":
        this.#resync();
        return;
      default:
        assertNever(effect);
    }
  }

  /** Requests go out over the link, answers back over the call that they answer. */
  #send(
    to: string,
    message: MstMessage,
    answer: ((payload: Uint8Array) => void) | undefined,
  ): void {
    const payload = encodeMstMessage(message);
    if (message.kind !== "root" && message.kind !== "fetch") {
      assert(answer !== undefined, "an answer is to a request");
      answer(payload);
      return;
    }
    this.#group.send(to, payload, (reply) => {
      if (this.#isClosed) return;
      if (reply === undefined) {
        this.#run(this.#replica.lost(to, message.pull));
        return;
      }
      const decodedReply = decodeMstMessage(reply);
      if (decodedReply === undefined) {
        this.#log.warn("malformed answer of a replica", { from: to });
        return;
      }
      this.#run(this.#replica.receive(to, decodedReply, this.#now()));
      this.#reads.wake();
    });
  }

  #merge(id: string, incoming: ObjectState): void {
    const stored = this.#objects.newest(id);
    const state =
      stored === undefined ? incoming : mergeObjects(stored, incoming, automergeDocuments);
    if (stored !== undefined && Buffer.compare(encodeObject(stored), encodeObject(state)) === 0) {
      return;
    }
    this.#objects.accept({ id, state, stamp: undefined });
  }

  #beginPurge(cut: number): void {
    const isRunning = this.#purge !== undefined;
    this.#purge = cut;
    if (!isRunning) this.#purgeSlice();
  }

  #purgeSlice(): void {
    const cut = this.#purge;
    if (cut === undefined || this.#isClosed) return;
    const due = this.#objects.due(cut, SLICE);
    for (const id of due) {
      const newest = this.#objects.newest(id);
      const state = newest === undefined ? undefined : purgeObject(newest, cut);
      if (state !== newest) this.#objects.accept({ id, state, stamp: undefined });
    }
    this.#committer.whenDurable(() => {
      if (due.length > 0) {
        this.#purgeSlice();
        return;
      }
      this.#purge = undefined;
      this.#run(this.#replica.purged(cut));
    });
  }

  /** Everything goes: the others hold what is still alive of it. */
  #resync(): void {
    this.#log.warn("this replica missed deletions that are purged: learning everything anew");
    const mark: DurableMark = { ack: 0, cut: 0, joined: false };
    for (const id of this.#objects.ids()) {
      this.#objects.accept({ id, state: undefined, stamp: undefined });
    }
    this.#purge = undefined;
    this.#objects.commit({ mark }, () => {
      this.#replica = this.#makeReplica(this.#objects.counters);
      this.configure(this.#settings, this.#group);
    });
  }

  #objectDurable({ id, state, stamp }: Accepted): void {
    this.#replica.applied(id, state);
    if (stamp === undefined) return;
    this.#replica.clock.settled(stamp);
    this.#writtenTime = Math.max(this.#writtenTime, stamp.time);
  }

  #countersDurable(counters: MstCounters, hasLocalWrites: boolean): void {
    this.#replica.clock.reserved(counters.highWater);
    this.#replica.persisted(counters.mark);
    for (const waiting of this.#waiting.splice(0)) waiting();
    if (hasLocalWrites) this.#pullSoon();
  }

  #now(): Now {
    const { clock } = this.#time;
    return { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  }

  #makeReplica(counters: MstCounters): MstReplica {
    return new MstReplica({
      clock: new HybridClock({ node: this.#node, highWater: counters.highWater }),
      digest: xxh128Text,
      documents: automergeDocuments,
      bytesOf: (id) => this.#objects.bytes(id),
      mark: counters.mark,
      times: MST_TIMES,
    });
  }
}
