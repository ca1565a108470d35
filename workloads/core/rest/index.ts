// Public face of the pure half of the REST gateway.
export { GrpcCode } from "#api/workload/reasons.ts";
export { renderFault, restFault, restFromCall, restFromResponseStatus } from "./fault.ts";
export type { CallFault, RestFault } from "./fault.ts";
export {
  INVOCATION_HEADER,
  isHeaderValue,
  optionsFromHeaders,
  OPTION_PREFIX,
  parseBodyFormat,
  parseTimeoutMs,
  payloadContentType,
  REPEATED_HEADER,
  RESULT_PREFIX,
  resultHeaders,
  STATUS_HEADER,
  TIMEOUT_HEADER,
  TIMEOUT_MS_MAX,
} from "./headers.ts";
export type { BodyFormat, HeaderSource, TimeoutRequest } from "./headers.ts";
export { OBJECT_ID_LENGTH_MAX, parseObjectId, parseObjectIdPrefix, parsePartition } from "./ids.ts";
export {
  decodeBatch,
  decodeObjData,
  decodeValData,
  renderJson,
  renderObjData,
  valDataToJson,
} from "./json.ts";
export type { Base64, JsonDecoded, JsonOut } from "./json.ts";
export {
  decodeCursor,
  encodeCursor,
  formatEtag,
  isUnchanged,
  LIST_LIMIT_MAX,
  parseEtag,
  parseListQuery,
  parsePrecondition,
  parseQuery,
} from "./query.ts";
export type { EntityTag, ListQuery, Parsed, Precondition } from "./query.ts";
export { matchRoute, UNKNOWN_TEMPLATE } from "./routes.ts";
export type { RestRoute, RestScope, RestVerb, RouteMatch } from "./routes.ts";
export { scanTarget, withPartition } from "./target.ts";
export type { CallTarget } from "./target.ts";
