// The calling side of a link to one peer: a control and a bulk stream, each opened with its first
// call and over a connection of its own, so that neither waits behind what the other has queued
// anywhere on the way. Used towards members (oaas.Link, mTLS) and towards a standalone odgm
// (oaas.DataStream).
import { status } from "@grpc/grpc-js";

import { Method } from "#api/gen/oaas-stream_pb.ts";

import { GrpcFailure } from "../grpc/index.ts";
import type { OnReply, StreamCall, StreamClientOptions } from "./call.ts";
import type { WireReply } from "./codec.ts";
import { StreamLane } from "./lane.ts";

/**
 * Failures that this side makes up: UNAVAILABLE LINK_DOWN (surely not sent), UNAVAILABLE
 * LINK_LOST (sent, outcome unknown), RESOURCE_EXHAUSTED LINK_BUSY (not sent), DEADLINE_EXCEEDED
 * (sent, outcome unknown) and CANCELLED. A deadline that passes before a call was sent is
 * LINK_DOWN.
 */
export class StreamClient {
  readonly #options: StreamClientOptions;
  #control: StreamLane | undefined;
  #bulk: StreamLane | undefined;
  #closed = false;

  constructor(options: StreamClientOptions) {
    this.#options = options;
  }

  /** Calls that have not ended. */
  get inflight(): number {
    return (this.#control?.inflight ?? 0) + (this.#bulk?.inflight ?? 0);
  }

  /**
   * The peer of calls was lost or is not connected, and a call to it would wait: whoever has a
   * choice asks somebody else. Asking for this makes it connect, so its return is noticed.
   */
  get isAway(): boolean {
    return this.#bulk?.isAway ?? false;
  }

  /** Starts a call; returns what cancels it (the last reply is then CANCELLED). */
  call(call: StreamCall, onReply: OnReply): () => void {
    return this.#lane(call).call(call, onReply);
  }

  /**
   * The responses of a call: one of a unary method, any number of a streaming one. Throws
   * {@link GrpcFailure}.
   */
  request(call: StreamCall, signal?: AbortSignal): Promise<readonly Uint8Array[]> {
    return new Promise((resolve, reject) => {
      const responses: Uint8Array[] = [];
      const cancel = this.call(call, (reply) => {
        if (reply.code !== status.OK) {
          signal?.removeEventListener("abort", cancelNow);
          reject(replyFailure(reply));
          return;
        }
        responses.push(reply.response);
        if (reply.more) return;
        signal?.removeEventListener("abort", cancelNow);
        resolve(isEmptyListing(call.method, responses) ? [] : responses);
      });
      const cancelNow = (): void => cancel();
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener("abort", cancelNow, { once: true });
    });
  }

  /** Ends the streams; calls in flight end with LINK_LOST or LINK_DOWN. */
  close(): void {
    this.#closed = true;
    this.#control?.close();
    this.#bulk?.close();
  }

  #lane({ lane, method }: StreamCall): StreamLane {
    if ((lane ?? (method === Method.GROUP ? "control" : "bulk")) === "control") {
      return (this.#control ??= this.#open());
    }
    return (this.#bulk ??= this.#open());
  }

  #open(): StreamLane {
    const lane = new StreamLane(this.#options);
    if (this.#closed) lane.close();
    return lane;
  }
}

/** The failure that a reply with a code other than OK stands for. */
export function replyFailure(reply: WireReply): GrpcFailure {
  const code = reply.code in status ? (reply.code as status) : status.UNKNOWN;
  const wrong = reply.reason === "WRONG_PARTITION";
  return new GrpcFailure(code, reply.reason === "" ? status[code] : reply.reason, reply.message, {
    ...(wrong ? { rightPartition: reply.rightPartition, generation: reply.generation } : {}),
    leader: reply.leader,
  });
}

/** Do these replies stand for no item? A listing without items ends with one empty reply. */
export function isEmptyListing(method: Method, responses: readonly Uint8Array[]): boolean {
  const listing = method === Method.LIST_OBJECTS || method === Method.LIST_VALUES;
  return listing && responses.length === 1 && responses[0]?.byteLength === 0;
}
