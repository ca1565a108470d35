// The calling side of a link: one stream to one peer, many calls in flight, a deadline for each.
// Used towards members (oaas.Link, mTLS) and towards a standalone odgm (oaas.DataStream). The
// stream opens with the first call and again after a loss; a call is never sent twice.
import type { Client, ClientDuplexStream } from "@grpc/grpc-js";
import { Metadata, status } from "@grpc/grpc-js";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import { DataStream, Link, Method } from "#api/gen/oaas-stream_pb.ts";

import type { GrpcTarget } from "../grpc/index.ts";
import { GrpcFailure, methodPath, openChannel, same } from "../grpc/index.ts";
import type { CallExtras, WireCall, WireReply } from "./codec.ts";
import { decodeReplies, encodeCalls } from "./codec.ts";
import { Outbox } from "./outbox.ts";

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
  /** Bytes that may wait to be sent; beyond, calls fail with LINK_BUSY. 16 MiB by default. */
  readonly queueBytesMax?: number;
}

interface Pending {
  readonly onReply: OnReply;
  readonly deadlineAtMs: number;
  sent: boolean;
}

const SWEEP_MS = 25;
const EMPTY = new Uint8Array(0);

/**
 * Failures that this side makes up: UNAVAILABLE LINK_DOWN (surely not sent), UNAVAILABLE
 * LINK_LOST (sent, outcome unknown), RESOURCE_EXHAUSTED LINK_BUSY (not sent), DEADLINE_EXCEEDED
 * and CANCELLED.
 */
export class StreamClient {
  readonly #channel: Client;
  readonly #path: string;
  readonly #log: Logger;
  readonly #queueBytesMax: number;
  readonly #pending = new Map<number, Pending>();
  readonly #outbox: Outbox<WireCall>;
  #stream: ClientDuplexStream<Buffer, Buffer> | undefined;
  #nextId = 1;
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: StreamClientOptions) {
    this.#channel = openChannel(options.target);
    const service = options.service === "Link" ? Link : DataStream;
    this.#path = methodPath(service.method.exchange);
    this.#log = options.log;
    this.#queueBytesMax = options.queueBytesMax ?? 16 * 1024 * 1024;
    this.#outbox = new Outbox({
      encode: (calls) => {
        for (const call of calls) this.#markSent(call.id);
        return encodeCalls(calls);
      },
      sizeOf: (call) => call.request.byteLength,
    });
  }

  /** Calls that have not ended. */
  get inflight(): number {
    return this.#pending.size;
  }

  /** Starts a call; returns what cancels it (the last reply is then CANCELLED). */
  call(call: StreamCall, onReply: OnReply): () => void {
    const id = this.#nextId++;
    if (this.#closed) {
      onReply(failure(id, status.UNAVAILABLE, "LINK_DOWN", "the link is closed"));
      return () => undefined;
    }
    if (this.#outbox.queuedBytes > this.#queueBytesMax) {
      onReply(failure(id, status.RESOURCE_EXHAUSTED, "LINK_BUSY", "too much waits to be sent"));
      return () => undefined;
    }
    const deadlineAtMs = performance.now() + call.timeoutMs;
    this.#pending.set(id, { onReply, deadlineAtMs, sent: false });
    this.#outbox.add({
      id,
      method: call.method,
      request: call.request,
      deadlineMs: Math.max(1, Math.round(call.timeoutMs)),
      generation: call.generation ?? 0n,
      forwarded: call.forwarded ?? false,
      headers: call.headers ?? {},
      identity: call.identity,
      demand: call.demand,
      wantsHint: call.wantsHint,
      token: call.token,
    });
    this.#open();
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    return () => this.#abandon(id, failure(id, status.CANCELLED, "CANCELLED", "cancelled"));
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

  /** Ends the stream; calls in flight end with LINK_LOST or LINK_DOWN. */
  close(): void {
    this.#closed = true;
    const stream = this.#stream;
    this.#lose("the link was closed");
    stream?.cancel();
    this.#channel.close();
  }

  #open(): void {
    if (this.#stream !== undefined) return;
    const stream = this.#channel.makeBidiStreamRequest(this.#path, same, same, new Metadata());
    this.#stream = stream;
    stream.on("data", (frame: Buffer) => this.#receive(stream, frame));
    stream.on("error", (cause) => {
      if (this.#stream === stream) this.#lose(errorMessage(cause));
    });
    stream.on("end", () => {
      if (this.#stream === stream) this.#lose("the peer ended the stream");
    });
    this.#outbox.attach(stream);
  }

  #receive(stream: ClientDuplexStream<Buffer, Buffer>, frame: Buffer): void {
    let replies: readonly WireReply[];
    try {
      replies = decodeReplies(frame);
    } catch (cause: unknown) {
      stream.cancel();
      this.#lose(`the peer sent no batch: ${errorMessage(cause)}`);
      return;
    }
    for (const reply of replies) {
      const pending = this.#pending.get(reply.id);
      if (pending === undefined) continue;
      if (!reply.more) this.#end(reply.id);
      pending.onReply(reply);
    }
  }

  #lose(why: string): void {
    this.#stream = undefined;
    this.#outbox.attach(undefined);
    this.#outbox.takeAll();
    const lost = [...this.#pending];
    this.#pending.clear();
    this.#stopSweeping();
    if (lost.length > 0) this.#log.warn("link lost", { calls: lost.length, why });
    for (const [id, pending] of lost) {
      const reason = pending.sent ? "LINK_LOST" : "LINK_DOWN";
      pending.onReply(failure(id, status.UNAVAILABLE, reason, why));
    }
  }

  #sweep(): void {
    const now = performance.now();
    for (const [id, pending] of this.#pending) {
      if (pending.deadlineAtMs > now) continue;
      const text = "no answer in time";
      this.#abandon(id, failure(id, status.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", text));
    }
  }

  #abandon(id: number, reply: WireReply): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#end(id);
    this.#outbox.add({
      id,
      method: Method.CANCEL,
      request: EMPTY,
      deadlineMs: 0,
      generation: 0n,
      forwarded: false,
      headers: {},
    });
    pending.onReply(reply);
  }

  #end(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#stopSweeping();
  }

  #stopSweeping(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #markSent(id: number): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) pending.sent = true;
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

function failure(id: number, code: status, reason: string, message: string): WireReply {
  return {
    id,
    code,
    reason,
    message,
    response: EMPTY,
    more: false,
    rightPartition: 0,
    generation: 0n,
  };
}
