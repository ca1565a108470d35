// Failures of calls to the API server. A status that a caller branches on (404 on a read) is an
// outcome of the typed client instead; everything else ends here.

import type { Retry } from "#api/base/index.ts";
import { PlatformError } from "#api/base/index.ts";

/** Codes of this unit. */
export type KubeErrorCode =
  | "KUBE_BAD_REQUEST"
  | "KUBE_UNAUTHORIZED"
  | "KUBE_FORBIDDEN"
  | "KUBE_NOT_FOUND"
  | "KUBE_ALREADY_EXISTS"
  | "KUBE_CONFLICT"
  | "KUBE_GONE"
  | "KUBE_INVALID"
  | "KUBE_THROTTLED"
  | "KUBE_UNAVAILABLE"
  | "KUBE_TRANSPORT"
  | "KUBE_CIRCUIT_OPEN"
  | "KUBE_NOT_LEADER";

/** One cause in a Status, as the API server reports each field at fault. */
export interface StatusCause {
  readonly field: string;
  readonly reason: string;
  readonly message: string;
}

/** The API server answered with an error status. `message` never holds values of Secrets. */
export class ApiError extends PlatformError {
  override readonly name = "ApiError";
  readonly code: KubeErrorCode;
  readonly status: number;
  /** `reason` of the Status, such as `AlreadyExists`; empty if there was none. */
  readonly reason: string;
  readonly causes: readonly StatusCause[];

  constructor(options: {
    readonly status: number;
    readonly body: unknown;
    readonly what: string;
    readonly retryAfterMs?: number;
  }) {
    const parsed = parseStatus(options.body);
    super(`${options.what}: ${options.status} ${parsed.message}`.trimEnd(), {
      retry: retryOf(options.status, options.retryAfterMs ?? parsed.retryAfterMs),
    });
    this.status = options.status;
    this.reason = parsed.reason;
    this.causes = parsed.causes;
    this.code = codeOf(options.status, parsed.reason);
  }

  /** The server looked at the document and will refuse it again: edit it or its admission rules. */
  get isRefusal(): boolean {
    return this.status === 400 || this.status === 422 || this.status === 403;
  }
}

/** No answer: connection refused or lost, timeout, abort, or an answer that is not the protocol. */
export class TransportError extends PlatformError {
  override readonly name: string = "TransportError";
  readonly code: "KUBE_TRANSPORT" | "KUBE_CIRCUIT_OPEN" = "KUBE_TRANSPORT";
  /** True if the caller's own signal ended it. */
  readonly aborted: boolean;

  constructor(
    message: string,
    options: { readonly cause?: unknown; readonly aborted?: boolean; readonly retry?: Retry } = {},
  ) {
    const { cause, aborted = false } = options;
    super(message, { retry: options.retry ?? { kind: aborted ? "never" : "backoff" }, cause });
    this.aborted = aborted;
  }
}

/** This cluster has not answered lately, so nothing was sent; ask again after a while. */
export class CircuitOpenError extends TransportError {
  override readonly name = "CircuitOpenError";
  override readonly code = "KUBE_CIRCUIT_OPEN" satisfies KubeErrorCode;
  readonly cluster: string;

  constructor(cluster: string, delayMs: number) {
    super(`cluster ${cluster} does not answer`, { retry: { kind: "after", delayMs } });
    this.cluster = cluster;
  }
}

/** The write fence is down: this process may not be the leader any more. Nothing was sent. */
export class NotLeaderError extends PlatformError {
  override readonly name = "NotLeaderError";
  readonly code = "KUBE_NOT_LEADER" satisfies KubeErrorCode;
}

/** True for an {@link ApiError} with this status. */
export function isStatus(error: unknown, status: number): error is ApiError {
  return error instanceof ApiError && error.status === status;
}

interface ParsedStatus {
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly StatusCause[];
  readonly retryAfterMs?: number;
}

/** Reads a `metav1.Status` from whatever came; never throws. */
export function parseStatus(body: unknown): ParsedStatus {
  if (typeof body !== "object" || body === null) {
    return { reason: "", message: typeof body === "string" ? body.slice(0, 500) : "", causes: [] };
  }
  // Untrusted JSON: every field is checked before it is used.
  const status = body as Record<string, unknown>;
  const details = (
    typeof status["details"] === "object" && status["details"] !== null ? status["details"] : {}
  ) as Record<string, unknown>;
  const seconds = details["retryAfterSeconds"];
  return {
    reason: text(status["reason"]),
    message: text(status["message"]),
    causes: (Array.isArray(details["causes"]) ? details["causes"] : []).map(parseCause),
    ...(typeof seconds === "number" && seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
  };
}

function parseCause(raw: unknown): StatusCause {
  const cause = (typeof raw === "object" && raw !== null ? raw : {}) as Record<string, unknown>;
  return {
    field: text(cause["field"]),
    reason: text(cause["reason"]),
    message: text(cause["message"]),
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function retryOf(status: number, retryAfterMs: number | undefined): Retry {
  if (status === 429 || status === 503 || status === 504) {
    return retryAfterMs === undefined
      ? { kind: "backoff" }
      : { kind: "after", delayMs: retryAfterMs };
  }
  return status === 409 || status === 401 || status >= 500
    ? { kind: "backoff" }
    : { kind: "never" };
}

function codeOf(status: number, reason: string): KubeErrorCode {
  switch (status) {
    case 401:
      return "KUBE_UNAUTHORIZED";
    case 403:
      return "KUBE_FORBIDDEN";
    case 404:
      return "KUBE_NOT_FOUND";
    case 409:
      return reason === "AlreadyExists" ? "KUBE_ALREADY_EXISTS" : "KUBE_CONFLICT";
    case 410:
      return "KUBE_GONE";
    case 422:
      return "KUBE_INVALID";
    case 429:
      return "KUBE_THROTTLED";
    default:
      return status >= 500 ? "KUBE_UNAVAILABLE" : "KUBE_BAD_REQUEST";
  }
}
