// What a user of Raft groups sees: a state machine over keys of the store, and the group that feeds
// it. Partitions are one user, the meta group of a collection the other.
import type {
  Configuration,
  GroupId,
  LogIndex,
  MemberId,
  RaftSettings,
  RefusalReason,
  Role,
  Term,
} from "#workloads/core/raft/index.ts";
import { DIGEST_INTERVAL_ENTRIES } from "#workloads/core/raft/index.ts";
import type { StoreItem, StoreRange, StoreValue } from "#workloads/core/store/index.ts";

/**
 * The number of the meta group of a member's collection. Numbers of partitions are below; every
 * group uses its number and its number + 2^31 as prefixes of keys.
 */
export const META_GROUP = 0x7fff_fffe as GroupId;

/**
 * The applied state of a group: everything committed that was applied here, durable or not. Keys
 * are those of workloads/core/store with `number` as the shard. It changes when a snapshot of
 * another member replaces the state, so keys are made anew for every use.
 */
export interface GroupReader {
  readonly number: number;
  /** Throws STORE_DAMAGED. */
  get(key: Uint8Array): StoreValue | undefined;
  /** In byte order; must be consumed in the turn in which it was asked for. */
  scan(range: StoreRange): Iterable<StoreItem>;
}

/** The state while a command is applied. */
export interface GroupWriter extends GroupReader {
  /** undefined removes the key. The bytes must not change afterwards. */
  set(key: Uint8Array, value: Uint8Array | undefined): void;
}

/** One command of the log, the same on every replica. */
export interface GroupCommand {
  readonly index: LogIndex;
  readonly term: Term;
  /** Position among the commands of its entry, from 0. */
  readonly position: number;
  /** Wall clock of the leader when it proposed; may go back from one leader to the next. */
  readonly timeMs: number;
  readonly data: Uint8Array;
}

/**
 * A deterministic state machine. It may keep in memory what it can make again from the state and
 * from what it sealed.
 */
export interface GroupMachine {
  /**
   * Applies a command: reads and changes the state, answers what came of it. The answer is told to
   * who proposed the command, if that was here; it is not kept. Must not throw and must not look at
   * anything but its arguments and what it made of earlier commands.
   */
  apply(command: GroupCommand, state: GroupWriter): Uint8Array;
  /** A few bytes that are kept with the state, such as counters; asked for before each commit. */
  seal(): Uint8Array;
  /**
   * The state was read from the store, or a snapshot of another member has replaced it. `sealed` is
   * what {@link seal} gave last, empty for an empty state.
   */
  load(state: GroupReader, sealed: Uint8Array): void;
}

/** What became of a command. */
export type CommandOutcome =
  /** It was applied here just now: the state is that after the command, and not yet another one. */
  | { readonly kind: "applied"; readonly index: LogIndex; readonly result: Uint8Array }
  /** It is surely not done and never will be; `leader` is who might do it. */
  | {
      readonly kind: "refused";
      readonly reason: RefusalReason | "no-leader" | "closed" | "failed";
      readonly leader: MemberId | undefined;
    }
  /** Leadership was lost: it may be done or not, now or later. */
  | { readonly kind: "unknown" };

/** What became of a read. */
export type ReadReady =
  /** The state shows everything that was acknowledged before the read was asked for. Look now. */
  | {
      readonly kind: "ready";
      /**
       * If given, to be asked after the state was read: false if the answer may be old after all.
       */
      readonly stillHolds: (() => boolean) | undefined;
    }
  | {
      readonly kind: "refused";
      readonly reason: "no-leader" | "not-leader" | "overloaded" | "closed" | "failed";
      readonly leader: MemberId | undefined;
    };

/** What a group shall look like. */
export interface WantedGroup {
  /** Grows; told back as {@link GroupView.reachedGeneration}. */
  readonly generation: bigint;
  /** Voters; the first one shall lead. */
  readonly members: readonly MemberId[];
}

/** A member as the leader sees it. */
export interface GroupMemberView {
  readonly member: MemberId;
  readonly isLearner: boolean;
  /** Committed entries that it is not known to have. */
  readonly lagEntries: number;
  /** Heard of within an election timeout. */
  readonly isActive: boolean;
  /** Active, and has everything that was committed about a second ago. */
  readonly isCaughtUp: boolean;
  /** Waits for a snapshot to arrive. */
  readonly isInSnapshot: boolean;
}

/**
 * Whether this replica takes part. `joining`: it knows nothing yet. `rebuilding`: its log or state
 * was damaged or differed, and it learns everything anew. `failed`: it cannot go on.
 */
export type GroupStanding = "ready" | "joining" | "rebuilding" | "failed";

/** One replica at one moment. */
export interface GroupView {
  readonly self: MemberId;
  readonly role: Role;
  readonly term: Term;
  readonly leader: MemberId | undefined;
  /** The committed configuration. */
  readonly config: Configuration;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  /** Everything up to here is in the state on disk. */
  readonly durableIndex: LogIndex;
  readonly firstIndex: LogIndex;
  readonly level: number;
  readonly standing: GroupStanding;
  /** Why, unless it is ready. */
  readonly message: string;
  /** Keys and values of the state, in bytes. */
  readonly stateBytes: number;
  /** At the leader all members but itself; elsewhere empty. */
  readonly members: readonly GroupMemberView[];
  /**
   * At the leader: the newest generation whose wanted members are exactly the voters, which a
   * majority of them knows; else 0.
   */
  readonly reachedGeneration: bigint;
}

/** How a group behaves; the same on all members but for what says otherwise. */
export interface GroupSettings {
  /** Numbers of the core that differ from its defaults. */
  readonly raft: Partial<RaftSettings>;
  /** Entries of the log beyond which it is cut; a part of them is kept for members that lag. */
  readonly logEntriesMax: number;
  /** Bytes of the log beyond which it is cut. */
  readonly logBytesMax: number;
  /** Every replica compares its state with the leader's after so many entries. */
  readonly digestEntries: number;
}

/** What {@link GroupSettings} are if nothing is said: 5 s without anything to do and it sleeps. */
export const DEFAULT_GROUP_SETTINGS: GroupSettings = {
  raft: {
    quiesceTicks: 100,
    forwardProposals: false,
    applyBytesMax: 256 << 10,
    lazyCommit: true,
  },
  logEntriesMax: 10_000,
  logBytesMax: 32 << 20,
  digestEntries: DIGEST_INTERVAL_ENTRIES,
};

/** How a group is opened. */
export interface GroupOptions {
  readonly group: GroupId;
  /** For log lines. */
  readonly name: string;
  readonly machine: GroupMachine;
  readonly wanted: WantedGroup;
  /**
   * The voters with which the group was founded. If this member is one of them and its store never
   * held the group, it begins with these and an empty state; if it is not, it waits for a snapshot.
   */
  readonly founders: readonly MemberId[];
  readonly settings?: Partial<GroupSettings>;
  /** Role, leader, term, configuration or standing changed. */
  readonly onChange?: () => void;
  /** The state is that after this entry; a snapshot that was taken over counts. */
  readonly onApplied?: (index: LogIndex) => void;
}

/** One replica, as its user holds it. */
export interface Group {
  readonly id: GroupId;
  /** To be read when a read is ready, or after a command of ours was applied. */
  readonly state: GroupReader;
  /** The leader as far as known here. */
  readonly leader: MemberId | undefined;
  /** The state is that after this entry. */
  readonly appliedIndex: LogIndex;
  /** Feature level that every member has, as far as known here; only rises. 0: not known yet. */
  readonly level: number;
  /** What keeps it from taking part, unless it is ready. */
  readonly standing: GroupStanding;
  readonly standingMessage: string;
  /** False if the group, as far as known here, has no part for this member. */
  readonly takesPart: boolean;
  /** True once it leads and has committed something in its term. */
  readonly isLeading: boolean;
  /** False at a leader where what makes the data larger would need a disk that is full. */
  readonly hasRoom: boolean;
  /**
   * Asks for a command to be logged. `done` is called once, in a later turn than this one or in
   * this. Commands of one turn go into one entry; they are applied in the order in which they were
   * proposed. At most 1 MiB.
   */
  propose(data: Uint8Array, done: (outcome: CommandOutcome) => void): void;
  /** A linearizable read; `lease` needs {@link RaftSettings.leaseReads}, else it is a quorum's. */
  read(mode: "quorum" | "lease", done: (outcome: ReadReady) => void): void;
  /**
   * A read met damage in the state: it is learned anew from the others, or the group fails here.
   */
  stateDamaged(why: string): void;
  /** The leader brings the configuration there by itself, one change at a time. */
  setWanted(wanted: WantedGroup): void;
  view(): GroupView;
  /**
   * Ends the replica here and deletes what it holds, for a member that takes no part. What it has
   * promised stays known, so that it can join again.
   */
  remove(): void;
  /** Ends the replica here; the group goes on elsewhere, and here when it is opened again. */
  close(): void;
}
