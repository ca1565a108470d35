// Every way in which a REST call can fail, as one value: HTTP status, machine code, text. The
// tables turn gRPC codes, machine reasons and function statuses into it. Codes are upstream's where
// it has one (oaas-rs oprc-gateway error.rs); `INVALID_PROTOBUF` is spelt as a word here.

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

/** A failed REST call. `retryAfterSeconds` and `allow` become headers of that name. */
export interface RestFault {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
  /** Methods of a known path, for 405. */
  readonly allow?: string;
}

/** A failed call as gRPC says it; `reason` is the trailer `oaas-reason`, empty if there is none. */
export interface CallFault {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
}

/** Makes a fault; `extra` carries the header values. */
export function restFault(
  status: number,
  code: string,
  message: string,
  extra: Pick<RestFault, "retryAfterSeconds" | "allow"> = {},
): RestFault {
  return { status, code, message, ...extra };
}

/** Body of a failed call: upstream's `{"error":{"code","message"}}`. */
export function renderFault(fault: RestFault): string {
  return JSON.stringify({ error: { code: fault.code, message: fault.message } });
}

const RETRY_SOON_SECONDS = 1;

interface Row {
  readonly status: number;
  readonly code: string;
  readonly retry?: true;
}

/** By machine reason; more precise than the gRPC code and therefore asked first. */
const BY_REASON: Readonly<Record<string, Row>> = {
  NO_CLASS: { status: 404, code: "NO_CLASS" },
  NO_OBJECT: { status: 404, code: "NO_OBJECT" },
  NO_FUNCTION: { status: 404, code: "NO_FUNCTION" },
  NO_PARTITION: { status: 404, code: "NO_PARTITION" },
  NO_ENTRY: { status: 404, code: "NO_ENTRY" },
  INVALID_OBJECT_ID: { status: 400, code: "INVALID_OBJECT_ID" },
  PARTITION_REQUIRED: { status: 400, code: "PARTITION_REQUIRED" },
  OBJECT_REQUIRED: { status: 400, code: "OBJECT_REQUIRED" },
  ACCESS_DENIED: { status: 403, code: "ACCESS_DENIED" },
  WRONG_PARTITION: { status: 409, code: "WRONG_PARTITION" },
  VERSION_MISMATCH: { status: 412, code: "VERSION_MISMATCH" },
  CLASS_DISABLED: { status: 503, code: "CLASS_DISABLED", retry: true },
  FUNCTION_DISABLED: { status: 503, code: "FUNCTION_DISABLED", retry: true },
  NO_ROUTES: { status: 503, code: "NO_ROUTES", retry: true },
  INVALID_REQUEST: { status: 400, code: "INVALID_REQUEST" },
  INVALID_KEY: { status: 400, code: "KEY_ERROR" },
  INVALID_CURSOR: { status: 400, code: "INVALID_CURSOR" },
  NO_GENERATION: { status: 503, code: "NO_GENERATION", retry: true },
  SHUTTING_DOWN: { status: 503, code: "SHUTTING_DOWN", retry: true },
  STORE_FOREIGN: { status: 503, code: "STORE_FOREIGN", retry: true },
  STORE_REFUSED: { status: 503, code: "STORE_REFUSED", retry: true },
  STORE_SUSPECT: { status: 503, code: "STORE_SUSPECT", retry: true },
  STORE_EMPTY: { status: 503, code: "STORE_EMPTY", retry: true },
  SHARD_NOT_READY: { status: 503, code: "SHARD_NOT_READY", retry: true },
  STORAGE_FULL: { status: 507, code: "STORAGE_FULL" },
  OVERLOADED: { status: 503, code: "OVERLOADED", retry: true },
  LINK_DOWN: { status: 502, code: "UNAVAILABLE", retry: true },
  LINK_LOST: { status: 502, code: "UNAVAILABLE", retry: true },
  LINK_BUSY: { status: 503, code: "OVERLOADED", retry: true },
  FUNCTION_UNAVAILABLE: { status: 502, code: "FUNCTION_UNAVAILABLE", retry: true },
  // A gRPC status of the function itself; upstream's contract takes it for an application error.
  FUNCTION_STATUS: { status: 422, code: "APP_ERROR" },
  NO_QUERYABLE: { status: 404, code: "NO_QUERYABLE" },
};

/**
 * By gRPC code. NOT_FOUND, INVALID_ARGUMENT, DEADLINE_EXCEEDED, UNAVAILABLE and "other" as
 * upstream.
 */
const BY_CODE: Readonly<Record<number, Row>> = {
  [GrpcCode.cancelled]: { status: 499, code: "CANCELLED" },
  [GrpcCode.invalidArgument]: { status: 400, code: "INVALID_ARGUMENT" },
  [GrpcCode.deadlineExceeded]: { status: 504, code: "TIMEOUT" },
  [GrpcCode.notFound]: { status: 404, code: "NO_OBJECT" },
  [GrpcCode.alreadyExists]: { status: 409, code: "ALREADY_EXISTS" },
  [GrpcCode.permissionDenied]: { status: 403, code: "ACCESS_DENIED" },
  [GrpcCode.resourceExhausted]: { status: 429, code: "RESOURCE_EXHAUSTED", retry: true },
  [GrpcCode.failedPrecondition]: { status: 409, code: "FAILED_PRECONDITION" },
  [GrpcCode.aborted]: { status: 409, code: "ABORTED" },
  [GrpcCode.outOfRange]: { status: 400, code: "OUT_OF_RANGE" },
  [GrpcCode.unimplemented]: { status: 501, code: "UNIMPLEMENTED" },
  [GrpcCode.unavailable]: { status: 502, code: "UNAVAILABLE", retry: true },
  [GrpcCode.unauthenticated]: { status: 401, code: "UNAUTHENTICATED" },
};

/**
 * The REST answer for a failed call. Unknown reasons fall back to the code, unknown codes to 502.
 */
export function restFromCall(fault: CallFault): RestFault {
  const row = BY_REASON[fault.reason] ?? BY_CODE[fault.code] ?? { status: 502, code: "GRPC_ERROR" };
  return restFault(
    row.status,
    row.code,
    fault.message,
    row.retry === true ? { retryAfterSeconds: RETRY_SOON_SECONDS } : {},
  );
}

/** HTTP status of a function's answer (oprc.ResponseStatus). */
export function restFromResponseStatus(status: number): {
  readonly status: number;
  readonly code: string;
} {
  switch (status) {
    case 0:
      return { status: 200, code: "OKAY" };
    case 1:
      return { status: 400, code: "INVALID_REQUEST" };
    case 2:
      return { status: 422, code: "APP_ERROR" };
    case 3:
      return { status: 502, code: "SYSTEM_ERROR" };
    default:
      return { status: 502, code: "UNKNOWN_STATUS" };
  }
}
