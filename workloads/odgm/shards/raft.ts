// A Raft shard: one partition, the same on several members. Writes go through the log of its group
// and are decided when they are applied; reads look at the applied state once they may.
import { assertNever, utf8Encode } from "#api/base/index.ts";
import type { Reason } from "#api/workload/reasons.ts";
import type { ExclusiveToken, SessionMark } from "#workloads/core/demand/index.ts";
import type { LogIndex, MemberId } from "#workloads/core/raft/index.ts";
import type { ObjectItem, ObjectWrite } from "#workloads/core/store/index.ts";
import { StoreError } from "#workloads/core/store/index.ts";
import type { GrpcFailure } from "#workloads/platform/index.ts";

import { refuse } from "../errors.ts";
import type {
  CommandOutcome,
  Group,
  GroupOptions,
  GroupView,
  ReadReady,
  WantedGroup,
} from "../raft/group.ts";
import type { Timers } from "../raft/ports.ts";
import { listObjects, listValues, readObject, readValue } from "./objects.ts";
import type { PartitionOutcome } from "./raft-commands.ts";
import { COMMAND_LEVELS, decodeOutcome, encodeCommand } from "./raft-commands.ts";
import { RaftMachine } from "./raft-machine.ts";
import { slotOfRecord } from "./raft-records.ts";
import type { ShardSlots } from "./slots.ts";
import { hasHere, refusalOfMark, stillMoving } from "./slots.ts";
import type {
  Lead,
  PageOf,
  ReadWish,
  Shard,
  Standing,
  StoredObject,
  WhenReadable,
  WriteOptions,
  WriteOutcome,
} from "./shard.ts";

/** What the class and the operator say about it. */
export interface RaftShardSettings {
  readonly wanted: WantedGroup;
  /** Reads trust the leader's clock, within its lease. */
  readonly leaseReads: boolean;
}

/** What a shard is made of. */
export interface RaftShardOptions {
  readonly partition: number;
  readonly number: number;
  readonly self: MemberId;
  /** Names the history of the partition, the same on all replicas. */
  readonly history: string;
  readonly settings: RaftShardSettings;
  readonly timers: Pick<Timers, "after">;
  /** Opens the group for this machine. */
  readonly open: (
    parts: Pick<GroupOptions, "machine" | "onApplied" | "onChange" | "wanted">,
  ) => Group;
  /** Leader or standing changed. */
  readonly onChange: () => void;
}

interface Behind {
  readonly index: LogIndex;
  readonly done: (failure: GrpcFailure | undefined) => void;
  readonly stop: () => void;
}

/** One replica of one partition. */
export class RaftShard implements Shard {
  readonly partition: number;
  readonly number: number;
  /** There are no pulls. */
  readonly lagMs = 0;
  private readonly options: RaftShardOptions;
  private readonly machine = new RaftMachine();
  private readonly group: Group;
  private readonly behind = new Set<Behind>();
  private leaseReads: boolean;
  readonly slots: ShardSlots;

  constructor(options: RaftShardOptions) {
    this.options = options;
    this.partition = options.partition;
    this.number = options.number;
    this.leaseReads = options.settings.leaseReads;
    this.group = options.open({
      machine: this.machine,
      wanted: options.settings.wanted,
      onApplied: (index) => this.caughtUp(index),
      onChange: options.onChange,
    });
    this.slots = this.makeSlots();
  }

  private makeSlots(): ShardSlots {
    const { machine, group } = this;
    return {
      get ledger() {
        return machine.moves.ledger;
      },
      get reader() {
        return group.state;
      },
      get mayMove() {
        return group.level >= COMMAND_LEVELS.move;
      },
      slotOfRecord,
      tokenTerm: 0,
      markOf: (id) => machine.moves.markOf(id),
      run: (command, done) => {
        if (group.level < COMMAND_LEVELS.move) {
          done(this.releaseBefore());
          return;
        }
        group.propose(encodeCommand({ kind: "move", command }), (outcome) => {
          const decided = this.decided(outcome);
          if ("code" in decided) done(decided);
          else if (decided.kind === "move") done(decided.outcome);
        });
      },
      watch: (watcher) => {
        machine.watcher = watcher;
      },
      // What was applied can be read.
      whenSettled: (done) => done(),
    };
  }

  private releaseBefore(): GrpcFailure {
    const text = `partition ${this.partition}: slots move once every replica runs this release`;
    return refuse("SHARD_NOT_READY", text);
  }

  /** Serves by this generation from now on. */
  configure(settings: RaftShardSettings): void {
    this.leaseReads = settings.leaseReads;
    this.group.setWanted(settings.wanted);
  }

  /** False at the leader where writes that could make the data larger are refused. */
  get hasRoom(): boolean {
    return this.group.hasRoom;
  }

  get objects(): number {
    return this.machine.objects;
  }

  get appliedIndex(): number {
    return this.group.appliedIndex;
  }

  get standing(): Standing {
    const { standing, standingMessage, leader } = this.group;
    if (standing !== "ready") return { kind: "starting", message: standingMessage };
    if (leader === undefined) return { kind: "starting", message: "no leader is known" };
    return { kind: "ready" };
  }

  get lead(): Lead {
    const { leader } = this.group;
    if (leader === undefined) return { kind: "nobody" };
    if (leader === this.options.self) return { kind: "here" };
    return { kind: "elsewhere", incarnation: leader };
  }

  get mark(): SessionMark {
    return { incarnation: this.options.history, index: this.group.appliedIndex };
  }

  /** False once its group, as far as known here, has let go of it. */
  get takesPart(): boolean {
    return this.group.takesPart;
  }

  /** The replica, for status and metrics. */
  view(): GroupView {
    return this.group.view();
  }

  whenReadable(wish: ReadWish, done: WhenReadable): void {
    const unfit = this.unfit();
    if (unfit !== undefined) {
      done(unfit);
      return;
    }
    // A bound on the age of what is read is kept by reading what is newest.
    const isStrong = wish.strong || wish.boundMs !== undefined;
    const after = isStrong ? (): void => this.readNewest(done) : (): void => done(undefined);
    this.whenSeen(wish, (failure) => {
      if (failure === undefined) after();
      else done(failure);
    });
  }

  /** Why nothing can be read here at all. */
  private unfit(): GrpcFailure | undefined {
    const { standing, standingMessage } = this.group;
    const text = `partition ${this.partition}: ${standingMessage}`;
    switch (standing) {
      case "ready":
        return undefined;
      case "joining":
        return refuse("SHARD_NOT_READY", text);
      case "rebuilding":
        return refuse("REPLICA_QUARANTINED", text);
      case "failed":
        return refuse("STORE_DAMAGED", text);
      default:
        return assertNever(standing);
    }
  }

  private readNewest(done: WhenReadable): void {
    this.group.read(this.leaseReads ? "lease" : "quorum", (ready) => {
      if (ready.kind === "refused") {
        done(this.readRefusal(ready));
        return;
      }
      if (ready.stillHolds === undefined) done(undefined);
      else done(undefined, ready.stillHolds);
    });
  }

  private readRefusal({ reason }: Extract<ReadReady, { kind: "refused" }>): GrpcFailure {
    const text = `partition ${this.partition}`;
    switch (reason) {
      case "no-leader":
        return refuse("NO_LEADER", `${text} has no leader now`);
      case "not-leader":
        return refuse("NOT_LEADER", `${text} has changed its leader`);
      case "overloaded":
        return refuse("OVERLOADED", `${text}: too many reads wait`);
      case "closed":
        return refuse("SHUTTING_DOWN", `${text} is being closed here`);
      case "failed":
        return refuse("STORE_DAMAGED", `${text}: ${this.group.standingMessage}`);
      default:
        return assertNever(reason);
    }
  }

  /** Waits until the state has got as far as the caller's marks say. */
  private whenSeen(wish: ReadWish, done: (failure: GrpcFailure | undefined) => void): void {
    const { history } = this.options;
    if (wish.marks.some(({ incarnation }) => incarnation !== history)) {
      const text = `partition ${this.partition} began anew since the session wrote to it`;
      done(refuse("SESSION_LOST", text));
      return;
    }
    const index = wish.marks.reduce((most, mark) => Math.max(most, mark.index), 0);
    if (index <= this.group.appliedIndex) {
      done(undefined);
      return;
    }
    const behind: Behind = {
      index,
      done,
      stop: this.options.timers.after(wish.waitMs, () => {
        this.behind.delete(behind);
        const text = `partition ${this.partition}: this replica has not got to entry ${index}`;
        done(refuse("REPLICA_BEHIND", text));
      }),
    };
    this.behind.add(behind);
  }

  private caughtUp(index: LogIndex): void {
    for (const behind of this.behind) {
      if (behind.index > index) continue;
      this.behind.delete(behind);
      behind.stop();
      behind.done(undefined);
    }
  }

  write(write: ObjectWrite, options: WriteOptions, done: (outcome: WriteOutcome) => void): void {
    // Whether the disk here is full says little: a majority has to have room.
    if (!this.hasRoom && mayGrow(write)) {
      done({ kind: "growth-refused" });
      return;
    }
    const { identity, token } = options;
    const command = encodeCommand({ kind: "write", write, identity, token });
    this.group.propose(command, (outcome) => {
      const decided = this.decided(outcome);
      if ("code" in decided) {
        done({ kind: "refused", failure: decided });
        return;
      }
      done(this.writeOutcome(decided, { id: write.id, view: options.view }));
    });
  }

  private writeOutcome(
    outcome: PartitionOutcome,
    asked: { readonly id: string; readonly view: boolean },
  ): WriteOutcome {
    switch (outcome.kind) {
      case "done": {
        // The state is that after this very write; of a repeated one, whatever has come of it
        // since.
        const object = asked.view ? readObject(this.group.state, asked.id) : undefined;
        return { ...outcome, object };
      }
      case "version-mismatch":
      case "crdt-merge":
        return outcome;
      case "moved":
      case "moving":
        return { kind: "refused", failure: this.elsewhere(outcome) };
      case "token":
      case "move":
      case "session-expired":
      case "request-settled":
      case "key-reused":
      case "window-full":
      case "token-stale":
        return { kind: "refused", failure: refusalOf(outcome.kind) };
      default:
        return assertNever(outcome);
    }
  }

  private elsewhere(outcome: Extract<PartitionOutcome, { kind: "moved" | "moving" }>): GrpcFailure {
    const { partition } = this;
    if (outcome.kind === "moving") return stillMoving(partition);
    const gone = { kind: "gone" as const, partition: outcome.partition };
    return refusalOfMark(gone, partition) ?? stillMoving(partition);
  }

  openSession(session: string, done: (failure: GrpcFailure | undefined) => void): void {
    this.session("open-session", session, done);
  }

  closeSession(session: string, done: (failure: GrpcFailure | undefined) => void): void {
    this.session("close-session", session, done);
  }

  private session(
    kind: "open-session" | "close-session",
    session: string,
    done: (failure: GrpcFailure | undefined) => void,
  ): void {
    this.group.propose(encodeCommand({ kind, session }), (outcome) => {
      done(outcome.kind === "applied" ? undefined : this.refusal(outcome));
    });
  }

  issueToken(id: string, done: (result: ExclusiveToken | GrpcFailure) => void): void {
    this.group.propose(encodeCommand({ kind: "token", id }), (outcome) => {
      const decided = this.decided(outcome);
      if ("code" in decided) done(decided);
      else if (decided.kind === "token") done(decided.token);
      else if (decided.kind === "moved" || decided.kind === "moving") done(this.elsewhere(decided));
    });
  }

  private decided(outcome: CommandOutcome): PartitionOutcome | GrpcFailure {
    return outcome.kind === "applied" ? decodeOutcome(outcome.result) : this.refusal(outcome);
  }

  private refusal(outcome: Exclude<CommandOutcome, { kind: "applied" }>): GrpcFailure {
    const text = `partition ${this.partition}`;
    if (outcome.kind === "unknown") {
      return refuse("OUTCOME_UNKNOWN", `${text} lost its leader: the write may be carried out`);
    }
    switch (outcome.reason) {
      case "no-leader":
      case "transferring":
        return refuse("NO_LEADER", `${text} has no leader now`);
      case "not-leader":
        return refuse("NOT_LEADER", `${text} is led by another member`);
      case "overloaded":
        return refuse("OVERLOADED", `${text}: too many writes wait for their commit`);
      case "too-large":
        return refuse("INVALID_REQUEST", "the write is larger than 1 MiB");
      case "closed":
        return refuse("SHUTTING_DOWN", `${text} is being closed here`);
      case "failed":
        return refuse("STORE_DAMAGED", `${text}: ${this.group.standingMessage}`);
      case "level":
      case "change-pending":
      case "change-invalid":
        return refuse("SHARD_NOT_READY", `${text}: ${outcome.reason}`);
      default:
        return assertNever(outcome.reason);
    }
  }

  get(id: string): StoredObject | undefined {
    return this.looking(() => readObject(this.group.state, id));
  }

  getValue(
    id: string,
    key: string,
  ): { readonly value: Uint8Array | undefined; readonly version: number | undefined } {
    return this.looking(() => readValue(this.group.state, id, key));
  }

  listValues(id: string, page: PageOf): ReturnType<Shard["listValues"]> {
    return this.looking(() => listValues(this.group.state, id, page));
  }

  listObjects(page: PageOf): readonly ObjectItem[] {
    const has = hasHere(this.slots, page.has);
    return this.looking(() => listObjects(this.group.state, { ...page, has }));
  }

  /** What others hold need not stay damaged here. */
  private looking<T>(look: () => T): T {
    try {
      return look();
    } catch (cause: unknown) {
      if (cause instanceof StoreError && cause.code === "STORE_DAMAGED") {
        this.group.stateDamaged(cause.message);
      }
      throw cause;
    }
  }

  receive(): void {
    throw refuse("UNSUPPORTED", "replicas of a Raft shard speak through their hosts");
  }

  /** Deletes what is here; see {@link Group.remove}. */
  remove(): void {
    this.failBehind();
    this.group.remove();
  }

  close(): void {
    this.failBehind();
    this.group.close();
  }

  private failBehind(): void {
    for (const { stop, done } of this.behind) {
      stop();
      done(refuse("SHUTTING_DOWN", `partition ${this.partition} is being closed here`));
    }
    this.behind.clear();
  }
}

/** Deletes never do; what it comes to is known only when it is applied. */
function mayGrow(write: ObjectWrite): boolean {
  if (write.kind === "delete") return false;
  return write.sets.length > 0 || write.event !== undefined || write.create;
}

const REASONS: Readonly<
  Record<
    Exclude<
      PartitionOutcome["kind"],
      "done" | "version-mismatch" | "crdt-merge" | "moved" | "moving"
    >,
    readonly [Reason, string]
  >
> = {
  token: ["INTERNAL", "a token came of a write"],
  move: ["INTERNAL", "a move came of a write"],
  "session-expired": ["SESSION_EXPIRED", "the session is not known (any more)"],
  "request-settled": ["REQUEST_SETTLED", "the client has said that it has the answer"],
  "key-reused": ["KEY_REUSED", "the idempotency key came with another request before"],
  "window-full": ["WINDOW_FULL", "too many answers are remembered"],
  "token-stale": ["TOKEN_STALE", "a later exclusive call of the object has begun"],
};

function refusalOf(kind: keyof typeof REASONS): GrpcFailure {
  const [reason, message] = REASONS[kind];
  return refuse(reason, message);
}

/** Names the history of a partition: a group that is founded anew has other founders. */
export function historyOf(founders: readonly string[], hash: (data: Uint8Array) => bigint): string {
  return hash(utf8Encode([...founders].sort().join(" "))).toString(16);
}
