// Every way in which a REST call can fail, as one value: HTTP status, machine code, text. The
// tables turn gRPC codes, machine reasons and function statuses into it. Codes are upstream's where
// it has one (oaas-rs oprc-gateway error.rs); `INVALID_PROTOBUF` is spelt as a word here. Machine
// reasons have their rows in api/workload/reasons.ts.
import { GrpcCode, reasonRow } from "#api/workload/reasons.ts";

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
  const row = rowOfReason(fault.reason) ??
    BY_CODE[fault.code] ?? { status: 502, code: "GRPC_ERROR" };
  return restFault(
    row.status,
    row.code,
    fault.message,
    row.retry === true ? { retryAfterSeconds: RETRY_SOON_SECONDS } : {},
  );
}

/** By machine reason; more precise than the gRPC code and therefore asked first. */
function rowOfReason(reason: string): Row | undefined {
  const row = reasonRow(reason);
  if (row === undefined) return undefined;
  const { http, rest, later } = row;
  return { status: http, code: rest ?? reason, ...(later === true ? { retry: true } : {}) };
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
