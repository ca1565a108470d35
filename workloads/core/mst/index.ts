// Public face of the Merkle search tree and its exchange. Pure.
export { decodeMstMessage, encodeMstMessage } from "./codec.ts";
export { AckTable } from "./acks.ts";
export type { DurableMark, IncomingObject, MstEffect, PullFailure } from "./effects.ts";
export { CLOCK_BOUND_MS, ClockSkew, HybridClock, RESERVE_AHEAD_MS } from "./hlc.ts";
export type { IssueOutcome } from "./hlc.ts";
export type {
  FetchReply,
  FetchRequest,
  Header,
  MstMessage,
  ObjectPiece,
  RefusalReason,
  Refused,
  RootReply,
  RootRequest,
  Want,
} from "./messages.ts";
export { OBJECT_BYTES_MAX, RANGES_MAX, REPLY_BYTES_MAX, WANTS_MAX } from "./messages.ts";
export { MST_TIMES, MstReplica } from "./replica.ts";
export type { MstTimes, Now } from "./replica.ts";
export { EMPTY_DIGEST, MerkleSearchTree } from "./tree.ts";
export type { Digest, Digester, KeyRange, PageView } from "./tree.ts";
