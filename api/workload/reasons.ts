// Machine reasons of the data plane: why a call was not answered, in one list for whoever says it
// (odgm, links, gateway) and whoever decides by it (odgm when it hands calls on, the gateway when
// it tries again or turns a failure into HTTP). They travel in `Reply.reason` of oaas-stream.proto
// and in the gRPC trailer `oaas-reason`.

/** gRPC status codes (grpc/doc/statuscodes.md). */
export const GrpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/** What a reason means to callers. */
export interface ReasonRow {
  /** gRPC status code. */
  readonly code: (typeof GrpcCode)[keyof typeof GrpcCode];
  /** Status over REST. */
  readonly http: number;
  /** Code in the body over REST, where it is another word than the reason. */
  readonly rest?: string;
  /** REST answers with Retry-After: the same request may well be taken a little later. */
  readonly later?: true;
  /**
   * Nothing of the call was done, and another member, or the same one soon, may take it: any call,
   * a write too, may be sent again. Not set where nothing was done but asking again changes nothing
   * or adds to an overload.
   */
  readonly notDone?: true;
}

const { invalidArgument, notFound, failedPrecondition, aborted, permissionDenied } = GrpcCode;
const { unavailable, unimplemented, resourceExhausted, internal, dataLoss, unknown } = GrpcCode;

/** Every reason. */
export const REASON_ROWS = {
  // The request itself.
  INVALID_REQUEST: { code: invalidArgument, http: 400 },
  INVALID_OBJECT_ID: { code: invalidArgument, http: 400 },
  INVALID_KEY: { code: invalidArgument, http: 400, rest: "KEY_ERROR" },
  INVALID_CURSOR: { code: invalidArgument, http: 400 },
  INVALID_SPEC: { code: invalidArgument, http: 400 },
  INVALID_SESSION_TOKEN: { code: invalidArgument, http: 400 },
  INVALID_CONSISTENCY: { code: invalidArgument, http: 400 },
  INVALID_IDEMPOTENCY_KEY: { code: invalidArgument, http: 400 },
  MALFORMED_REQUEST: { code: invalidArgument, http: 400 },
  MALFORMED_BATCH: { code: invalidArgument, http: 400 },
  PARTITION_REQUIRED: { code: invalidArgument, http: 400 },
  OBJECT_REQUIRED: { code: invalidArgument, http: 400 },
  CALL_ID: { code: GrpcCode.alreadyExists, http: 409 },
  ACCESS_DENIED: { code: permissionDenied, http: 403 },

  // What it asks for is not there, or not served.
  NO_CLASS: { code: notFound, http: 404 },
  NO_PARTITION: { code: notFound, http: 404 },
  NO_OBJECT: { code: notFound, http: 404 },
  NO_ENTRY: { code: notFound, http: 404 },
  NO_FUNCTION: { code: notFound, http: 404 },
  NO_QUERYABLE: { code: notFound, http: 404 },
  UNSUPPORTED: { code: unimplemented, http: 501 },
  CRDT_UNSUPPORTED: { code: unimplemented, http: 501 },
  STRING_KEYS_DISABLED: { code: unimplemented, http: 501 },
  CLASS_DISABLED: { code: unavailable, http: 503, later: true },
  FUNCTION_DISABLED: { code: failedPrecondition, http: 503, later: true },
  FUNCTION_URL: { code: internal, http: 502 },

  // Its condition does not hold.
  VERSION_MISMATCH: { code: aborted, http: 412 },
  CAS_NOT_LOCAL: { code: failedPrecondition, http: 409 },
  /** A write of an exclusive call, or of the holder of a turn, that is not the newest any more. */
  TOKEN_STALE: { code: aborted, http: 409 },
  /** The idempotency key came with another request before. */
  KEY_REUSED: { code: failedPrecondition, http: 422 },
  /** The client session is not known (any more): whether the write ran before cannot be told. */
  SESSION_EXPIRED: { code: failedPrecondition, http: 409 },
  /** The write ran before, and the client has said that it has the answer. */
  REQUEST_SETTLED: { code: failedPrecondition, http: 409 },
  /** What the session token speaks of is gone: another history of the partition is served. */
  SESSION_LOST: { code: failedPrecondition, http: 409 },

  // It came to the wrong place. With WRONG_PARTITION and NOT_LEADER the reply says who is right.
  WRONG_PARTITION: { code: failedPrecondition, http: 409 },
  WRONG_MEMBER: { code: failedPrecondition, http: 409 },
  /** Only to callers that asked for hints; others are handed on to the leader. */
  NOT_LEADER: { code: unavailable, http: 503, later: true, notDone: true },
  /** The group has no leader that is known here: nothing was proposed. */
  NO_LEADER: { code: unavailable, http: 503, later: true, notDone: true },
  INCARNATION_MISMATCH: { code: failedPrecondition, http: 409 },
  GENERATION_CONFLICT: { code: failedPrecondition, http: 409 },
  NOT_META_VOTER: { code: failedPrecondition, http: 409 },
  STORE_FORMATTED: { code: failedPrecondition, http: 409 },

  // The member or shard cannot take it now.
  STORE_EMPTY: { code: unavailable, http: 503, later: true, notDone: true },
  STORE_FOREIGN: { code: unavailable, http: 503, later: true, notDone: true },
  STORE_REFUSED: { code: unavailable, http: 503, later: true, notDone: true },
  NO_GENERATION: { code: unavailable, http: 503, later: true, notDone: true },
  NO_ROUTES: { code: unavailable, http: 503, later: true },
  /** The slot of the object is on its way to this partition; it serves it in a moment. */
  SLOT_MOVING: { code: unavailable, http: 503, later: true, notDone: true },
  SHARD_NOT_READY: { code: unavailable, http: 503, later: true, notDone: true },
  SHUTTING_DOWN: { code: unavailable, http: 503, later: true, notDone: true },
  /** A replica of a bounded class has not heard of another one for longer than the bound. */
  STALE: { code: unavailable, http: 503, later: true, notDone: true },
  /** A replica has not got as far as the session token of the read says, and did not in time. */
  REPLICA_BEHIND: { code: unavailable, http: 503, later: true, notDone: true },
  /** A replica whose state is not that of its group; it is being made anew. */
  REPLICA_QUARANTINED: { code: unavailable, http: 503, later: true, notDone: true },
  CLOCK_SKEW: { code: unavailable, http: 503, later: true, notDone: true },
  MEMBER_UNREACHABLE: { code: unavailable, http: 503, later: true },
  OVERLOADED: { code: resourceExhausted, http: 503, later: true },
  /** Too many unanswered writes of one session, or too many idempotency keys are remembered. */
  WINDOW_FULL: { code: resourceExhausted, http: 503, later: true },
  STORAGE_FULL: { code: resourceExhausted, http: 507 },
  /** A commit has failed: what was on its way to the disk may be there or not. */
  STORE_SUSPECT: { code: unavailable, http: 503, later: true },
  STORE_DAMAGED: { code: dataLoss, http: 502 },
  INTERNAL: { code: internal, http: 502, rest: "GRPC_ERROR" },

  // The way there. LINK_DOWN and LINK_BUSY: surely not sent. LINK_LOST: sent, outcome unknown.
  LINK_DOWN: { code: unavailable, http: 502, rest: "UNAVAILABLE", later: true, notDone: true },
  LINK_BUSY: { code: resourceExhausted, http: 503, rest: "OVERLOADED", later: true },
  LINK_LOST: { code: unavailable, http: 502, rest: "UNAVAILABLE", later: true },
  INVALID_LINK: { code: unavailable, http: 502, rest: "UNAVAILABLE", later: true },
  /**
   * A write was handed over and nobody can say whether it was carried out. Not UNAVAILABLE, which
   * clients take as leave to send again, and without Retry-After for the same reason.
   */
  OUTCOME_UNKNOWN: { code: unknown, http: 502 },

  // Functions.
  FUNCTION_UNAVAILABLE: { code: unavailable, http: 502, later: true },
  /** The function's own gRPC status; upstream's contract takes it for an application error. */
  FUNCTION_STATUS: { code: unknown, http: 422, rest: "APP_ERROR" },
} as const satisfies Readonly<Record<string, ReasonRow>>;

/** One of {@link REASON_ROWS}. */
export type Reason = keyof typeof REASON_ROWS;

/** The row of a reason that came over the wire; undefined if it is none of ours. */
export function reasonRow(reason: string): ReasonRow | undefined {
  return Object.hasOwn(REASON_ROWS, reason) ? REASON_ROWS[reason as Reason] : undefined;
}

/** Whether a failure with this reason says that nothing was done and that asking again may help. */
export function isNotDone(reason: string): boolean {
  return reasonRow(reason)?.notDone === true;
}
