// Public face of what comes with a call beside its request.
export { CONSISTENCIES, demandOf, isConsistency, NO_DEMAND, strongerDemand } from "./demand.ts";
export type { Consistency, ReadDemand } from "./demand.ts";
export {
  IDEMPOTENCY_KEY_BYTES_MAX,
  isIdempotencyKey,
  isOlderToken,
  parseExclusiveToken,
  renderExclusiveToken,
  requestFingerprintInput,
} from "./identity.ts";
export type { CallIdentity, ExclusiveToken, HeldToken } from "./identity.ts";
export {
  decodeSessionToken,
  encodeSessionToken,
  MARKS_MAX,
  mergeMarks,
  TOKEN_LENGTH_MAX,
} from "./session-token.ts";
export type { PlacedMark, SessionMark } from "./session-token.ts";
export {
  CONSISTENCY_HEADER,
  EXCLUSIVE_HEADER,
  IDEMPOTENCY_HEADER,
  readCallHeaders,
  SESSION_HEADER,
  STALENESS_HEADER,
} from "./headers.ts";
export type { CallHeaders, CallHeadersResult } from "./headers.ts";
