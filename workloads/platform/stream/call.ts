// A call over a link as its caller sees it.
import type { Logger } from "#api/base/index.ts";
import type { Method } from "#api/gen/oaas-stream_pb.ts";

import type { GrpcTarget } from "../grpc/index.ts";
import type { CallExtras, WireReply } from "./codec.ts";

/** Which stream: `control` for what must not wait behind bytes, `bulk` for everything else. */
export type Lane = "control" | "bulk";

/** One call. The request bytes must not change until the call has ended. */
export interface StreamCall extends CallExtras {
  readonly method: Method;
  readonly request: Uint8Array;
  /** Milliseconds until DEADLINE_EXCEEDED; at least 1. */
  readonly timeoutMs: number;
  /** Generation by which the caller has routed; absent = not routed. */
  readonly generation?: bigint;
  /** The receiver must answer it itself. */
  readonly forwarded?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** By default messages between replicas are control and calls are bulk. */
  readonly lane?: Lane;
}

/**
 * Gets every reply of a call in order. A reply with `more` is followed by others; one without ends
 * the call, and its `response` is empty if it ends a stream. Never called after that.
 */
export type OnReply = (reply: WireReply) => void;

/** What the client is told. */
export interface StreamClientOptions {
  readonly target: GrpcTarget;
  readonly service: "Link" | "DataStream";
  readonly log: Logger;
  /**
   * Bytes that may wait to be sent on each stream; beyond, calls fail with LINK_BUSY. 16 MiB by
   * default.
   */
  readonly queueBytesMax?: number;
}
