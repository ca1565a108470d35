// The nouns of the Raft core: members, groups, entries, and what a replica must never forget.
// Terms and indexes are plain numbers below 2^53; the codec refuses anything beyond. Nothing here
// knows bytes on disk or on the wire (codec.ts), nor how a group decides (group.ts).
import type { Brand } from "#api/base/index.ts";

/**
 * One member, the same in every group it takes part in: environment, ordinal and incarnation in one
 * opaque string. A pod whose disk was replaced is another member, because what its old disk had
 * promised is gone. At most {@link MEMBER_ID_BYTES_MAX} bytes of UTF-8; order is that of strings.
 */
export type MemberId = Brand<string, "MemberId">;
/** Longest {@link MemberId}, in bytes of UTF-8. */
export const MEMBER_ID_BYTES_MAX = 255;

/** Names a group within one environment: an unsigned 32-bit number, the shard's key prefix. */
export type GroupId = Brand<number, "GroupId">;

/** Counts elections; 0 before the first. Below 2^53. */
export type Term = number;
/** Position in the log; the first entry has index 1, 0 is "before everything". Below 2^53. */
export type LogIndex = number;

/**
 * What an entry is for. `command` belongs to the application, the rest to the core: `empty` opens a
 * term, `config` changes the members, `level` raises the feature level, `digest` carries the digest
 * of the leader's applied state. All kinds are handed out for applying, because the applied index
 * counts them; the application skips what is not its own.
 */
export type EntryKind = "command" | "empty" | "config" | "level" | "digest";

/** One position of the log. `data` is never changed by anybody once the entry exists. */
export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** What an entry costs beside its data wherever bytes are counted. */
export const ENTRY_OVERHEAD_BYTES = 16;

/** The bytes an entry counts for in every limit. */
export function entryBytes(entry: Entry): number {
  return entry.data.byteLength + ENTRY_OVERHEAD_BYTES;
}

/** The bytes these entries count for. */
export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

/**
 * What must survive a restart beside the log.
 * `commit` is a hint and may lag: it is written along with what has to be written anyway.
 * `logEpoch` counts how often this member lost part of its log; every acknowledgement carries it,
 * so that a leader never counts one that was given for entries since lost.
 * While `suspect` the member neither votes nor leads.
 */
export interface HardState {
  readonly term: Term;
  readonly vote: MemberId | undefined;
  readonly commit: LogIndex;
  readonly logEpoch: number;
  readonly suspect: boolean;
}

/** The hard state of a member that never took part in anything. */
export const EMPTY_HARD_STATE: HardState = {
  term: 0,
  vote: undefined,
  commit: 0,
  logEpoch: 0,
  suspect: false,
};

/**
 * The members of a group; every list sorted, without repetition. In a joint configuration
 * `outgoing` is not empty and a decision needs a majority of `voters` and one of `outgoing`.
 * `learnersNext` are outgoing voters that become learners when the joint configuration is left;
 * with `autoLeave` the leader leaves it by itself.
 */
export interface Configuration {
  readonly voters: readonly MemberId[];
  readonly outgoing: readonly MemberId[];
  readonly learners: readonly MemberId[];
  readonly learnersNext: readonly MemberId[];
  readonly autoLeave: boolean;
}

/**
 * The state of the log at its beginning or at a snapshot: the last entry that is covered, and what
 * the configuration and feature level were after it.
 */
export interface LogBase {
  readonly index: LogIndex;
  readonly term: Term;
  readonly config: Configuration;
  readonly level: number;
}

/** Names a snapshot's bytes; means something to the driver alone. At most 255 bytes of UTF-8. */
export type SnapshotHandle = Brand<string, "SnapshotHandle">;

/** A snapshot: its place in the log and where the driver finds the bytes. */
export interface Snapshot {
  readonly base: LogBase;
  readonly handle: SnapshotHandle;
}

/**
 * Feature level of this release: the highest whose entry types, commands and apply rules it knows.
 * 2 brought digests of the state, 3 the commands of slot moves.
 */
export const FEATURE_LEVEL = 3;
/** Level that every group starts with. */
export const FEATURE_LEVEL_FIRST = 1;
/** The level from which an entry of this kind may be proposed. */
export const ENTRY_KIND_LEVELS: Readonly<Record<EntryKind, number>> = {
  command: 1,
  empty: 1,
  config: 1,
  level: 1,
  digest: 2,
};

/** After this many entries every replica takes the digest of its state. */
export const DIGEST_INTERVAL_ENTRIES = 10_000;

const NOBODY: Configuration = {
  voters: [],
  outgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** A configuration of voters, and learners if given, in any order. */
export function makeConfiguration(
  voters: readonly MemberId[],
  learners: readonly MemberId[] = [],
): Configuration {
  return { ...NOBODY, voters: [...voters].sort(), learners: [...learners].sort() };
}

/**
 * Where the log of a member begins that joins a group which exists: it knows nobody and waits for
 * the leader's snapshot.
 */
export function joiningBase(): LogBase {
  return { index: 0, term: 0, config: NOBODY, level: FEATURE_LEVEL_FIRST };
}

/**
 * Where the log of every founding member begins; all must be given the same configuration. The log
 * begins after index 1, so that a member which joins later cannot be fed the entries without the
 * configuration they rest on.
 */
export function foundingBase(config: Configuration, level = FEATURE_LEVEL_FIRST): LogBase {
  return { index: 1, term: 0, config, level };
}
