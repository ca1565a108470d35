// Public face: one replica of one group, a node of many groups, the wire and durable forms, and
// exactly-once sessions; all without I/O.
export { ByteReader, ByteWriter } from "./bytes.ts";
export {
  CODEC_VERSION,
  decodeFrame,
  decodeRecord,
  encodeFrame,
  encodeRecord,
  GROUP_ID_MAX,
} from "./codec.ts";
export type { Decoded, DurableRecord, Frame, GroupMessage, RejectReason } from "./codec.ts";
export type {
  ConfigChange,
  Effects,
  HaltReason,
  Input,
  MemberChange,
  Persist,
  PersistId,
  ProposalOutcome,
  ReadOutcome,
  RequestId,
  Role,
  RoleChange,
  SnapshotRequest,
  Trace,
} from "./effects.ts";
export { RaftGroup, snapshotMessage } from "./group.ts";
export type { GroupStart } from "./group.ts";
export type { LogView } from "./log.ts";
export { MemoryLog } from "./memory-log.ts";
export { changeConfiguration, isJoint, isVoter, membersOf } from "./membership.ts";
export type { ChangeResult } from "./membership.ts";
export type {
  ForwardedProposal,
  ForwardOutcome,
  KnownCommit,
  Message,
  MessageOf,
  Refetch,
  RefusalReason,
  Standing,
} from "./messages.ts";
export { LAG_MS_MAX, RaftNode } from "./node.ts";
export type { GroupEffects, NodeEffects, NodePersist, NodeStart, Outbox } from "./node.ts";
export { isQuorum } from "./quorum.ts";
export { DEFAULT_SESSION_SETTINGS, isIdentity, SessionTable } from "./sessions.ts";
export type {
  KeyRecord,
  RequestIdentity,
  RequestOutcome,
  SessionHeader,
  SessionIdentity,
  SessionJournal,
  SessionRecords,
  SessionSettings,
} from "./sessions.ts";
export { assertSettings, DEFAULT_SETTINGS, leaseMs } from "./settings.ts";
export type { RaftSettings } from "./settings.ts";
export type { GroupStatus, MemberStatus } from "./status.ts";
export {
  DIGEST_INTERVAL_ENTRIES,
  EMPTY_HARD_STATE,
  entriesBytes,
  ENTRY_KIND_LEVELS,
  ENTRY_OVERHEAD_BYTES,
  entryBytes,
  FEATURE_LEVEL,
  FEATURE_LEVEL_FIRST,
  foundingBase,
  joiningBase,
  makeConfiguration,
  MEMBER_ID_BYTES_MAX,
} from "./types.ts";
export type {
  Configuration,
  Entry,
  EntryKind,
  GroupId,
  HardState,
  LogBase,
  LogIndex,
  MemberId,
  Snapshot,
  SnapshotHandle,
  Term,
} from "./types.ts";
