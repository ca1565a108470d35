// Public face of links: batched calls over one stream.
export { decodeCalls, decodeReplies, encodeCalls, encodeReplies } from "./codec.ts";
export type { CallExtras, LeaderHint, ReplyExtras, WireCall, WireReply } from "./codec.ts";
export { isEmptyListing, replyFailure, StreamClient } from "./client.ts";
export type { Lane, OnReply, StreamCall, StreamClientOptions } from "./call.ts";
export { addExchange } from "./server.ts";
export type { Responder, StreamHandler } from "./server.ts";
