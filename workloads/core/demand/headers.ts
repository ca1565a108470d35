// How a call over REST or gRPC says what comes beside its request: HTTP headers, or gRPC metadata
// of the same names.
import type { Reason } from "#api/workload/reasons.ts";

import type { ReadDemand } from "./demand.ts";
import { CONSISTENCIES, demandOf, isConsistency, NO_DEMAND } from "./demand.ts";
import type { HeldToken } from "./identity.ts";
import { IDEMPOTENCY_KEY_BYTES_MAX, isIdempotencyKey, parseExclusiveToken } from "./identity.ts";
import type { PlacedMark } from "./session-token.ts";
import { decodeSessionToken } from "./session-token.ts";

/** Makes a write or invocation safe to repeat (draft-ietf-httpapi-idempotency-key-header). */
export const IDEMPOTENCY_HEADER = "idempotency-key";
/** More than the class says, for one read: one of {@link CONSISTENCIES}. */
export const CONSISTENCY_HEADER = "x-oprc-consistency";
/** The bound of a read that asks for BoundedStaleness, in milliseconds. */
export const STALENESS_HEADER = "x-oprc-max-staleness-ms";
/** The session token: on the answer of a write, and handed back with reads. Empty begins one. */
export const SESSION_HEADER = "x-oprc-session";
/** What a function of concurrency Exclusive is given, and gives back with its writes. */
export const EXCLUSIVE_HEADER = "x-oprc-exclusive";

/** What the headers of a call say. */
export interface CallHeaders {
  readonly idempotencyKey: string | undefined;
  /** Without the marks, which are `session`. */
  readonly demand: ReadDemand;
  /** undefined = the caller keeps no session. */
  readonly session: readonly PlacedMark[] | undefined;
  readonly token: HeldToken | undefined;
}

/** The headers, or which of them is wrong. */
export type CallHeadersResult =
  | { readonly kind: "ok"; readonly headers: CallHeaders }
  | { readonly kind: "invalid"; readonly reason: Reason; readonly message: string };

const NOTHING: CallHeadersResult = {
  kind: "ok",
  headers: { idempotencyKey: undefined, demand: NO_DEMAND, session: undefined, token: undefined },
};

/** Reads them; `get` answers a header's value by its lower-case name. Never throws. */
export function readCallHeaders(get: (name: string) => string | undefined): CallHeadersResult {
  const key = get(IDEMPOTENCY_HEADER);
  const consistency = get(CONSISTENCY_HEADER);
  const staleness = get(STALENESS_HEADER);
  const sessionText = get(SESSION_HEADER);
  const tokenText = get(EXCLUSIVE_HEADER);
  const given = key ?? consistency ?? staleness ?? sessionText ?? tokenText;
  if (given === undefined) return NOTHING;
  if (key !== undefined && !isIdempotencyKey(key)) {
    const want = `1 to ${IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters`;
    return invalid("INVALID_IDEMPOTENCY_KEY", `${IDEMPOTENCY_HEADER} must be ${want}`);
  }
  const demand = readDemand(consistency, staleness);
  if (typeof demand === "string") return invalid("INVALID_CONSISTENCY", demand);
  const session = sessionText === undefined ? undefined : decodeSessionToken(sessionText);
  if (sessionText !== undefined && session === undefined) {
    return invalid("INVALID_SESSION_TOKEN", `${SESSION_HEADER} is no session token`);
  }
  const token = tokenText === undefined ? undefined : parseExclusiveToken(tokenText);
  if (tokenText !== undefined && token === undefined) {
    return invalid("INVALID_REQUEST", `${EXCLUSIVE_HEADER} is no token of an exclusive call`);
  }
  return { kind: "ok", headers: { idempotencyKey: key, demand, session, token } };
}

function readDemand(
  consistency: string | undefined,
  staleness: string | undefined,
): ReadDemand | string {
  if (consistency !== undefined && !isConsistency(consistency)) {
    return `${CONSISTENCY_HEADER} must be one of ${CONSISTENCIES.join(", ")}`;
  }
  if (staleness === undefined) return demandOf(consistency, undefined);
  if (!/^\d{1,9}$/.test(staleness) || Number(staleness) < 1) {
    return `${STALENESS_HEADER} must be a number of at least 1`;
  }
  // A bound alone asks for just that.
  return demandOf(consistency ?? "BoundedStaleness", Number(staleness));
}

function invalid(reason: Reason, message: string): CallHeadersResult {
  return { kind: "invalid", reason, message };
}
