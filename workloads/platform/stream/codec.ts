// CallBatch and ReplyBatch as the stream sees them: plain records with numbers for ids. The bytes
// of requests and responses are views of the message they came in; they stay valid as long as held.
import { create, fromBinary } from "@bufbuild/protobuf";

import type {
  Call,
  Method,
  ReadDemand as ReadDemandMessage,
  Reply,
  RequestIdentity,
} from "#api/gen/oaas-stream_pb.ts";
import {
  CallBatchSchema,
  CallSchema,
  Consistency,
  ExclusiveTokenSchema,
  LeaderHintSchema,
  ReadDemandSchema,
  ReplyBatchSchema,
  ReplySchema,
  RequestIdentitySchema,
  SessionMarkSchema,
} from "#api/gen/oaas-stream_pb.ts";
import type {
  CallIdentity,
  HeldToken,
  PlacedMark,
  ReadDemand,
  SessionMark,
} from "#workloads/core/demand/index.ts";

import { encodeMessage } from "../grpc/definition.ts";

/** What may come with a call beside its request. */
export interface CallExtras {
  /** Makes a repetition recognisable. */
  readonly identity?: CallIdentity | undefined;
  /** What a read must see beyond what its class says. */
  readonly demand?: ReadDemand | undefined;
  /** NOT_LEADER with a hint is wanted rather than a call that is handed on. */
  readonly wantsHint?: boolean | undefined;
  /** The exclusive call on whose behalf the write is. */
  readonly token?: HeldToken | undefined;
}

/** Who leads a partition. */
export interface LeaderHint {
  /** Id of the member in the generation. */
  readonly member: bigint;
  /** host:port of its link. */
  readonly address: string;
}

/** What may come with a reply beside its response. */
export interface ReplyExtras {
  /** Of a write: a read that demands this mark sees it. Only the mark itself is on the wire. */
  readonly mark?: SessionMark | PlacedMark | undefined;
  /** The answer that the same call had when it ran before. */
  readonly repeated?: boolean | undefined;
}

/** One call on the wire. `id` is below 2^53. */
export interface WireCall extends CallExtras {
  readonly id: number;
  readonly method: Method;
  readonly request: Uint8Array;
  readonly deadlineMs: number;
  readonly generation: bigint;
  readonly forwarded: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** More of the request follows; see pieces.ts. */
  readonly partial?: boolean | undefined;
}

/** One reply on the wire. `code` is gRPC's number. */
export interface WireReply extends ReplyExtras {
  readonly id: number;
  readonly code: number;
  readonly message: string;
  readonly response: Uint8Array;
  readonly more: boolean;
  readonly reason: string;
  readonly rightPartition: number;
  readonly generation: bigint;
  /** With NOT_LEADER. */
  readonly leader?: LeaderHint | undefined;
  /** More of the response follows; see pieces.ts. */
  readonly partial?: boolean | undefined;
}

/** About the bytes that a call takes in a batch. */
export function callBytes({ request, headers, identity, demand }: WireCall): number {
  let bytes = request.byteLength;
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0) + 8;
  if (identity?.kind === "session") bytes += identity.session.length + 32;
  else if (identity !== undefined) bytes += identity.key.length + 8;
  for (const mark of demand?.marks ?? []) bytes += mark.incarnation.length + 16;
  return bytes;
}

/** About the bytes that a reply takes in a batch. */
export function replyBytes({ response, message, mark, leader }: WireReply): number {
  const beside = (mark?.incarnation.length ?? 0) + (leader?.address.length ?? 0);
  return response.byteLength + message.length + beside;
}

/** The encoded oaas.CallBatch. */
export function encodeCalls(calls: readonly WireCall[]): Buffer {
  return encodeMessage(CallBatchSchema, create(CallBatchSchema, { calls: calls.map(messageOf) }));
}

/** The calls of an encoded oaas.CallBatch. Throws if the bytes are none. */
export function decodeCalls(bytes: Uint8Array): readonly WireCall[] {
  return fromBinary(CallBatchSchema, bytes).calls.map(callOf);
}

/** The encoded oaas.ReplyBatch. */
export function encodeReplies(replies: readonly WireReply[]): Buffer {
  const batch = create(ReplyBatchSchema, { replies: replies.map(replyMessageOf) });
  return encodeMessage(ReplyBatchSchema, batch);
}

/** The replies of an encoded oaas.ReplyBatch. Throws if the bytes are none. */
export function decodeReplies(bytes: Uint8Array): readonly WireReply[] {
  return fromBinary(ReplyBatchSchema, bytes).replies.map(replyOf);
}

function messageOf(call: WireCall): Call {
  const { id, method, request, deadlineMs, generation, forwarded } = call;
  const base = { id: BigInt(id), method, request, deadlineMs, generation, forwarded };
  const message = create(CallSchema, { ...base, headers: { ...call.headers } });
  const { identity, demand, token } = call;
  if (call.wantsHint === true) message.wantsHint = true;
  if (call.partial === true) message.partial = true;
  if (identity !== undefined) message.identity = identityMessageOf(identity);
  if (demand !== undefined) message.demand = demandMessageOf(demand);
  if (token !== undefined) {
    const { cls: collection, object } = token;
    const [term, sequence] = [BigInt(token.term), BigInt(token.sequence)];
    message.token = create(ExclusiveTokenSchema, { term, sequence, collection, object });
  }
  return message;
}

function identityMessageOf(identity: CallIdentity): RequestIdentity {
  if (identity.kind === "key") {
    return create(RequestIdentitySchema, { kind: { case: "key", value: { key: identity.key } } });
  }
  const { session, sequence, settledBelow } = identity;
  const value = { session, sequence: BigInt(sequence), settledBelow: BigInt(settledBelow) };
  return create(RequestIdentitySchema, { kind: { case: "session", value } });
}

/** A strong read is younger than any bound. */
function demandMessageOf({ strong, boundMs, marks }: ReadDemand): ReadDemandMessage {
  const consistency = strong
    ? Consistency.STRONG
    : boundMs === undefined
      ? Consistency.UNSPECIFIED
      : Consistency.BOUNDED_STALENESS;
  return create(ReadDemandSchema, {
    consistency,
    stalenessBoundMs: boundMs ?? 0,
    marks: marks.map(({ incarnation, index }) => ({ incarnation, index: BigInt(index) })),
  });
}

function callOf(message: Call): WireCall {
  const { method, request, deadlineMs, generation, forwarded, headers, wantsHint } = message;
  const { identity, demand, token, partial } = message;
  const id = Number(message.id);
  const routed = { deadlineMs, generation, forwarded, headers, wantsHint };
  const call = { id, method, request, partial, ...routed };
  if (identity === undefined && demand === undefined && token === undefined) return call;
  return {
    ...call,
    identity: identityFrom(identity),
    demand: demandFrom(demand),
    token: tokenFrom(token),
  };
}

function tokenFrom(message: Call["token"]): HeldToken | undefined {
  if (message === undefined) return undefined;
  const { term, sequence, collection: cls, object } = message;
  return { term: Number(term), sequence: Number(sequence), cls, object };
}

function identityFrom(message: Call["identity"]): CallIdentity | undefined {
  const kind = message?.kind;
  if (kind?.case === "key") return { kind: "key", key: kind.value.key };
  if (kind?.case !== "session") return undefined;
  const { session, sequence, settledBelow } = kind.value;
  return {
    kind: "session",
    session,
    sequence: Number(sequence),
    settledBelow: Number(settledBelow),
  };
}

function demandFrom(message: Call["demand"]): ReadDemand | undefined {
  if (message === undefined) return undefined;
  const { consistency, stalenessBoundMs, marks } = message;
  const isBounded = consistency === Consistency.BOUNDED_STALENESS && stalenessBoundMs > 0;
  return {
    strong: consistency === Consistency.STRONG,
    boundMs: isBounded ? stalenessBoundMs : undefined,
    marks: marks.map(({ incarnation, index }) => ({ incarnation, index: Number(index) })),
  };
}

function replyMessageOf(reply: WireReply): Reply {
  const { id, code, message: text, response, more, reason, rightPartition, generation } = reply;
  const fields = { code, message: text, response, more, reason, rightPartition, generation };
  const message = create(ReplySchema, { ...fields, id: BigInt(id) });
  const { leader, mark } = reply;
  if (reply.repeated === true) message.repeated = true;
  if (reply.partial === true) message.partial = true;
  if (leader !== undefined) {
    const hint = { member: leader.member, linkAddress: leader.address };
    message.leader = create(LeaderHintSchema, hint);
  }
  if (mark !== undefined) {
    const point = { incarnation: mark.incarnation, index: BigInt(mark.index) };
    message.mark = create(SessionMarkSchema, point);
  }
  return message;
}

function replyOf(message: Reply): WireReply {
  const { code, message: text, response, more, reason, rightPartition, generation } = message;
  const id = Number(message.id);
  const { leader, mark, repeated, partial } = message;
  const failure = { code, message: text, reason, rightPartition, generation };
  const reply = { id, response, more, partial, ...failure };
  if (leader === undefined && mark === undefined && !repeated) return reply;
  return {
    ...reply,
    repeated,
    leader:
      leader === undefined ? undefined : { member: leader.member, address: leader.linkAddress },
    mark:
      mark === undefined ? undefined : { incarnation: mark.incarnation, index: Number(mark.index) },
  };
}
