// The edge of a group: what may happen to it and what follows. Inputs are stepped one by one, the
// effects of a whole turn are taken together (`RaftGroup.take`), so that a turn costs one write and
// one message per peer whatever came in. The duties of the driver are in the types below.
import type { Message, RefusalReason } from "./messages.ts";
import type {
  Entry,
  EntryKind,
  HardState,
  LogBase,
  LogIndex,
  MemberId,
  Snapshot,
  SnapshotHandle,
  Term,
} from "./types.ts";

/** One write, numbered upwards from 1 within a group. */
export type PersistId = number;
/** The driver's own number of a proposal or a read; rises within one run of a replica. */
export type RequestId = number;

/** One addition or removal. Adding a voter as a learner demotes it. */
export type MemberChange =
  | { readonly kind: "add-voter"; readonly member: MemberId }
  | { readonly kind: "add-learner"; readonly member: MemberId }
  | { readonly kind: "remove"; readonly member: MemberId };

/**
 * A change of members. `auto` goes through a joint configuration, left automatically, when more
 * than one voter changes; `joint` always does; `joint-explicit` stays joint until a change with no
 * `changes`, which leaves it, is proposed.
 */
export interface ConfigChange {
  readonly transition: "auto" | "joint" | "joint-explicit";
  readonly changes: readonly MemberChange[];
}

/** What may happen to a group. */
export type Input =
  /**
   * One tick of the clock has passed. `nowMs` is monotonic. `isBeat` says whether leaders heartbeat
   * on this tick, so that all groups of a node do it on the same one; without it each counts alone.
   */
  | { readonly kind: "tick"; readonly nowMs: number; readonly isBeat?: boolean }
  /** The event loop stood still: leases are void. */
  | { readonly kind: "lag" }
  | { readonly kind: "receive"; readonly message: Message }
  /** Everything of this write and those before is durable, and the LogView shows it. */
  | { readonly kind: "persisted"; readonly id: PersistId }
  /** Entries up to `index` have been applied. */
  | { readonly kind: "applied"; readonly index: LogIndex }
  | {
      readonly kind: "propose";
      readonly id: RequestId;
      readonly data: Uint8Array;
      /** `command` if not given; the other kinds are the core's own. */
      readonly entryKind?: EntryKind;
    }
  | { readonly kind: "change"; readonly id: RequestId; readonly change: ConfigChange }
  /** A linearizable read: `quorum` asks a majority, `lease` trusts the leader's clock. */
  | { readonly kind: "read"; readonly id: RequestId; readonly mode: "quorum" | "lease" }
  /** Hand leadership to `target`; on a follower the wish is passed to the leader. */
  | { readonly kind: "transfer"; readonly target: MemberId }
  /** Campaign now, whatever the timer says. */
  | { readonly kind: "campaign" }
  /** The snapshot asked for has been delivered, or not. Exactly once per request. */
  | {
      readonly kind: "snapshot-sent";
      readonly to: MemberId;
      readonly index: LogIndex;
      readonly delivered: boolean;
    }
  /** Messages to this member were probably lost. */
  | { readonly kind: "unreachable"; readonly member: MemberId }
  /** Node-level liveness: nothing of this member reaches us; or something does again. */
  | { readonly kind: "peer-down"; readonly member: MemberId }
  | { readonly kind: "peer-up"; readonly member: MemberId }
  /** Entries up to `index`, which is applied and durable, are no longer needed. */
  | { readonly kind: "compact"; readonly index: LogIndex }
  /** Election timeouts of this replica are longer by this many ticks; 0 for a preferred leader. */
  | { readonly kind: "election-delay"; readonly ticks: number }
  /** The digest of the state after applying `index`, a multiple of DIGEST_INTERVAL_ENTRIES. */
  | { readonly kind: "digest"; readonly index: LogIndex; readonly digest: Uint8Array };

/**
 * One write, to be done in order of `id`; several may be in flight. After a crash all of a write is
 * there or nothing of it: entries without the commit index that came with them would break the rule
 * that a member knows the last change of members but one to be committed. In it, in this order:
 * `snapshot` replaces log and state (after the applies handed out before have ended or been
 * dropped); `entries` replace everything in the log from the first one's index on; `hard` replaces
 * the hard state; `base` is the new beginning of the log, entries up to it may be removed.
 * Answer with `persisted` once it is durable, never if it failed: then the replica must end.
 */
export interface Persist {
  readonly id: PersistId;
  readonly hard: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly base: LogBase | undefined;
  /** False if nothing here needs an fsync of its own; `persisted` still only follows its order. */
  readonly sync: boolean;
  /** To be sent once this write and all before it are durable, never earlier. */
  readonly then: readonly Message[];
}

/** What became of a proposal or change. */
export type ProposalOutcome =
  /** It is an entry; it happened if the entry applied at `index` has this `term`, else never. */
  | {
      readonly kind: "appended";
      readonly id: RequestId;
      readonly index: LogIndex;
      readonly term: Term;
    }
  | {
      readonly kind: "refused";
      readonly id: RequestId;
      readonly reason: RefusalReason;
      readonly leader: MemberId | undefined;
    }
  /** It was forwarded and nothing came back: it may or may not become an entry. */
  | { readonly kind: "unknown"; readonly id: RequestId };

/** What became of a read. */
export type ReadOutcome =
  /**
   * The applied state now reflects everything acknowledged before the read was asked for. With
   * `leaseUntilMs`, only if the monotonic clock is still below it after the state was read.
   */
  | {
      readonly kind: "ready";
      readonly id: RequestId;
      readonly index: LogIndex;
      readonly leaseUntilMs: number | undefined;
    }
  | {
      readonly kind: "refused";
      readonly id: RequestId;
      readonly reason: "not-leader" | "overloaded";
      readonly leader: MemberId | undefined;
    };

/**
 * `to` needs a snapshot of at least `minIndex`. The driver takes one at an index it has applied
 * (`RaftGroup.baseAt`), streams the bytes, then delivers the message `snapshot` with this `term` to
 * the peer, and answers `snapshot-sent`.
 */
export interface SnapshotRequest {
  readonly to: MemberId;
  readonly term: Term;
  readonly minIndex: LogIndex;
}

/** What a replica is in its group. */
export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

/**
 * Why a replica cannot go on: `level`, the group uses what this release does not know; `damaged`,
 * an entry of the log cannot be read: cut the log there and open it again as damaged.
 */
export type HaltReason = "level" | "damaged";

/** Told when any of it changed. */
export interface RoleChange {
  readonly role: Role;
  readonly term: Term;
  readonly leader: MemberId | undefined;
}

/** Worth a line in a log or a count in a metric; nothing depends on it. */
export type Trace =
  | { readonly kind: "config"; readonly index: LogIndex; readonly config: LogBase["config"] }
  | { readonly kind: "level"; readonly index: LogIndex; readonly level: number }
  | {
      readonly kind: "ignored";
      readonly message: Message["kind"];
      readonly from: MemberId;
      readonly reason: string;
    }
  | { readonly kind: "stepped-down"; readonly reason: "no-quorum" | "removed" }
  | { readonly kind: "suspect"; readonly suspect: boolean; readonly epoch: number }
  | { readonly kind: "quiesced" }
  | { readonly kind: "woke" };

/**
 * What follows from the inputs since the last `take`. Lists are owned by the receiver.
 * - `send` may go at once, in any order; `persist.then` may not.
 * - `apply` in order, at any pace; each is committed and durable here. Answer with `applied`.
 * - `discard`: snapshots that were delivered and are not needed.
 * - `diverged`: the state here differs from the leader's at this index; quarantine and rebuild.
 * - `halted`: this replica cannot go on; nothing will ever follow again.
 */
export interface Effects {
  readonly persist: Persist | undefined;
  readonly send: readonly Message[];
  readonly apply: readonly Entry[];
  readonly proposals: readonly ProposalOutcome[];
  readonly reads: readonly ReadOutcome[];
  readonly snapshots: readonly SnapshotRequest[];
  readonly discard: readonly SnapshotHandle[];
  readonly role: RoleChange | undefined;
  readonly diverged: LogIndex | undefined;
  readonly halted: HaltReason | undefined;
  readonly traces: readonly Trace[];
}
