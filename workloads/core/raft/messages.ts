// What members of one group say to each other. A message is a plain value; which group it belongs
// to and how it becomes bytes is added outside (node.ts, codec.ts). Delivery may lose, repeat and
// reorder messages; the sender is authenticated by the transport, which must refuse a message whose
// `from` is not the peer's.
import type {
  Entry,
  LogBase,
  LogIndex,
  MemberId,
  SnapshotHandle,
  Term,
  EntryKind,
} from "./types.ts";

/** What every message has. `term` is the sender's, or the one it campaigns for. */
export interface Envelope {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: Term;
}

/**
 * A leader's answer to a member with a log epoch: what the member must hold durably before it may
 * vote again. `target` is the leader's last index when it first heard of `epoch`.
 */
export interface Refetch {
  readonly epoch: number;
  readonly target: LogIndex;
}

/** What an answer to a leader tells about the member that answers. */
export interface Standing {
  /** See {@link HardState.logEpoch}. */
  readonly logEpoch: number;
  /** See {@link HardState.suspect}. */
  readonly suspect: boolean;
  /** Highest feature level the member's release knows. */
  readonly supports: number;
}

/**
 * The last entry that who answers knows to be committed. A fact that never ceases to be one: who
 * holds this very entry may take everything up to it as committed. Without it a candidate that has
 * not heard of a committed change of members could wait for ever for the vote of a removed one.
 */
export interface KnownCommit {
  readonly commitIndex: LogIndex;
  readonly commitTerm: Term;
}

/** A proposal on its way to the leader; `id` is unique to its origin and rises. */
export interface ForwardedProposal {
  readonly id: number;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** Why a proposal did not become an entry; nothing happened then and it may be proposed again. */
export type RefusalReason =
  /** No leader here; the outcome names the one known, if any. */
  | "not-leader"
  /** Too many bytes of entries wait for their commit, or too many proposals for the leader. */
  | "overloaded"
  /** The entry is larger than any may be; will never do. */
  | "too-large"
  /** Leadership is being handed to another member. */
  | "transferring"
  /** Not all members know entries of this kind yet. */
  | "level"
  /**
   * A change of members is under way, the leader has not committed anything in its term, or a
   * voter of the next configuration is suspect.
   */
  | "change-pending"
  /** The change of members makes no sense from here; will never do in this configuration. */
  | "change-invalid";

/** What became of a forwarded proposal. */
export interface ForwardOutcome {
  readonly id: number;
  /** Where the entry is, if it became one. */
  readonly index: LogIndex;
  readonly refused: RefusalReason | undefined;
}

/** Everything members say to each other, without the envelope. */
export type MessageBody =
  /** Leader: these entries follow (prevIndex, prevTerm); may be none. */
  | {
      readonly kind: "append";
      readonly prevIndex: LogIndex;
      readonly prevTerm: Term;
      readonly entries: readonly Entry[];
      readonly commit: LogIndex;
      readonly refetch: Refetch | undefined;
    }
  /** My log is durable and equal to yours up to `index`. */
  | ({ readonly kind: "append-ack"; readonly index: LogIndex } & Standing)
  /** My log does not hold (prevIndex, prevTerm); it may match at (hintIndex, hintTerm) or below. */
  | ({
      readonly kind: "append-reject";
      readonly prevIndex: LogIndex;
      readonly hintIndex: LogIndex;
      readonly hintTerm: Term;
    } & Standing)
  /** Leader: I am here. `commit` never exceeds what the receiver acknowledged. */
  | {
      readonly kind: "heartbeat";
      readonly commit: LogIndex;
      readonly round: number;
      readonly refetch: Refetch | undefined;
    }
  | ({ readonly kind: "heartbeat-ack"; readonly round: number } & Standing)
  /** Would you vote for me at `term`? Changes nothing in the receiver. */
  | { readonly kind: "pre-vote"; readonly lastIndex: LogIndex; readonly lastTerm: Term }
  | ({ readonly kind: "pre-vote-reply"; readonly granted: boolean } & KnownCommit)
  /** `transfer`: the leader itself asked the sender to campaign. */
  | {
      readonly kind: "vote";
      readonly lastIndex: LogIndex;
      readonly lastTerm: Term;
      readonly transfer: boolean;
    }
  | ({ readonly kind: "vote-reply"; readonly granted: boolean } & KnownCommit)
  /** Leader's driver, through the bulk stream: the bytes behind `handle` are complete. */
  | { readonly kind: "snapshot"; readonly base: LogBase; readonly handle: SnapshotHandle }
  /** Leader: your log is complete, campaign at once. */
  | { readonly kind: "timeout-now" }
  /** Please hand leadership to `target`. */
  | { readonly kind: "transfer"; readonly target: MemberId }
  /** Answer to a leader of an older term; its term is all there is to it. */
  | { readonly kind: "newer-term" }
  /**
   * Proposals for the leader; those below `settledBelow` have had their outcome. Ids count within
   * one `run` of the sender.
   */
  | {
      readonly kind: "propose";
      readonly run: number;
      readonly proposals: readonly ForwardedProposal[];
      readonly settledBelow: number;
    }
  | { readonly kind: "propose-reply"; readonly outcomes: readonly ForwardOutcome[] }
  /** What is the commit index now? `batch` is the asker's own number. */
  | { readonly kind: "read"; readonly batch: number }
  | { readonly kind: "read-reply"; readonly batch: number; readonly index: LogIndex }
  /** Leader: everything up to `commit`, our last entry, is everywhere; sleep until spoken to. */
  | { readonly kind: "quiesce"; readonly commit: LogIndex };

/** One message. */
export type Message = Envelope & MessageBody;
/** The message of one kind. */
export type MessageOf<Kind extends Message["kind"]> = Extract<Message, { readonly kind: Kind }>;
