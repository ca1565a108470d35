// Public face: the Rawstor wire protocol as codec and session machines, without I/O.
export { startClientSession, stepClient } from "./client-session.ts";
export type {
  CallFailure,
  CallToken,
  ClientEffect,
  ClientInput,
  ClientState,
} from "./client-session.ts";
export {
  decodeListPage,
  decodeLocationInfo,
  decodeSpec,
  encodeListPage,
  encodeLocationInfo,
  encodeSpec,
} from "./listing.ts";
export type { ListPage, LocationInfo } from "./listing.ts";
export {
  carriesPayload,
  commandNames,
  commandNumbers,
  errno,
  ID_ZERO,
  parseObjectId,
  PAYLOAD_BYTES_MAX,
  RESPONSE_BYTES,
} from "./protocol.ts";
export type {
  ByteRange,
  CommandName,
  Decoded,
  ObjectId,
  OstCall,
  OstRequest,
  OstResponse,
  RejectReason,
} from "./protocol.ts";
export { encodeRequest, RequestDecoder } from "./request.ts";
export type { EncodedRequest } from "./request.ts";
export { encodeResponse, ResponseDecoder, writeResponseHead } from "./response.ts";
export { startServerSession, stepServer } from "./server-session.ts";
export type {
  ObjectHandle,
  ServerEffect,
  ServerInput,
  ServerLimits,
  ServerState,
  StoreOperation,
  StoreOutcome,
  Ticket,
} from "./server-session.ts";
