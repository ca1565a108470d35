// CallBatch and ReplyBatch as the stream sees them: plain records with numbers for ids. The bytes
// of requests and responses are views of the message they came in; they stay valid as long as held.
import { create, fromBinary } from "@bufbuild/protobuf";

import type { Method } from "#api/gen/oaas-stream_pb.ts";
import {
  CallBatchSchema,
  CallSchema,
  ReplyBatchSchema,
  ReplySchema,
} from "#api/gen/oaas-stream_pb.ts";

import { encodeMessage } from "../grpc/definition.ts";

/** One call on the wire. `id` is below 2^53. */
export interface WireCall {
  readonly id: number;
  readonly method: Method;
  readonly request: Uint8Array;
  readonly deadlineMs: number;
  readonly generation: bigint;
  readonly forwarded: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** One reply on the wire. `code` is gRPC's number. */
export interface WireReply {
  readonly id: number;
  readonly code: number;
  readonly message: string;
  readonly response: Uint8Array;
  readonly more: boolean;
  readonly reason: string;
  readonly rightPartition: number;
  readonly generation: bigint;
}

/** The encoded oaas.CallBatch. */
export function encodeCalls(calls: readonly WireCall[]): Buffer {
  const batch = create(CallBatchSchema, {
    calls: calls.map((call) =>
      create(CallSchema, { ...call, id: BigInt(call.id), headers: { ...call.headers } }),
    ),
  });
  return encodeMessage(CallBatchSchema, batch);
}

/** The calls of an encoded oaas.CallBatch. Throws if the bytes are none. */
export function decodeCalls(bytes: Uint8Array): readonly WireCall[] {
  return fromBinary(CallBatchSchema, bytes).calls.map((call) => ({
    ...call,
    id: Number(call.id),
  }));
}

/** The encoded oaas.ReplyBatch. */
export function encodeReplies(replies: readonly WireReply[]): Buffer {
  const batch = create(ReplyBatchSchema, {
    replies: replies.map((reply) => create(ReplySchema, { ...reply, id: BigInt(reply.id) })),
  });
  return encodeMessage(ReplyBatchSchema, batch);
}

/** The replies of an encoded oaas.ReplyBatch. Throws if the bytes are none. */
export function decodeReplies(bytes: Uint8Array): readonly WireReply[] {
  return fromBinary(ReplyBatchSchema, bytes).replies.map((reply) => ({
    ...reply,
    id: Number(reply.id),
  }));
}
