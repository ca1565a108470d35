// One stream of a link, from the calling side: many calls in flight, a deadline for each. The
// stream opens with the first call and again after a loss; a call is never sent twice.
import type { Client, ClientDuplexStream } from "@grpc/grpc-js";
import { connectivityState, Metadata, status } from "@grpc/grpc-js";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import { DataStream, Link, Method } from "#api/gen/oaas-stream_pb.ts";

import { methodPath, openChannel, same } from "../grpc/index.ts";
import type { OnReply, StreamCall, StreamClientOptions } from "./call.ts";
import type { WireCall, WireReply } from "./codec.ts";
import { callBytes, decodeReplies, encodeCalls } from "./codec.ts";
import { Outbox } from "./outbox.ts";
import { Assemblies, piecesOf, WHOLE_BYTES_MAX } from "./pieces.ts";

/** Bytes that may wait to be sent, unless told otherwise. */
const QUEUE_BYTES_MAX = 16 * 1024 * 1024;

interface Pending {
  readonly onReply: OnReply;
  readonly deadlineAtMs: number;
  sent: boolean;
}

/** A connection that takes longer to make is not waited for; it may come up for the next call. */
const CONNECT_MS = 1_000;
/**
 * After so long another connection is tried, to where the name points by then. grpc-js has no such
 * limit, and the kernel's own is two minutes; each one given up keeps a socket until then.
 */
const RECONNECT_MS = 3_000;
/** A connection is given up when it has been silent for both of these together. */
const PING_OPTIONS = { "grpc.keepalive_time_ms": 2_000, "grpc.keepalive_timeout_ms": 5_000 };
/** Whoever is not connected after so long is better asked last ... */
const AWAY_AFTER_MS = 250;
/** ... and so is who was lost just now, whatever its connection says. */
const LOST_MS = 500;
const SWEEP_MS = 25;
const EMPTY = new Uint8Array(0);

/** One stream; its failures are those of `StreamClient`. */
export class StreamLane {
  readonly #connect: () => Client;
  readonly #path: string;
  readonly #log: Logger;
  readonly #queueBytesMax: number;
  readonly #pending = new Map<number, Pending>();
  readonly #outbox: Outbox<WireCall>;
  #channel: Client;
  /** Since when there has been no connection though one was wanted. */
  #unconnectedSinceMs: number | undefined;
  /** When a stream was lost last. */
  #lostAtMs = Number.NEGATIVE_INFINITY;
  #channelMadeAtMs = performance.now();
  #stream: ClientDuplexStream<Buffer, Buffer> | undefined;
  #assemblies = new Assemblies();
  #nextId = 1;
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: StreamClientOptions) {
    const { target } = options;
    // No pool: one lane's connection neither waits for another's nor is stuck with it.
    const own = { ...PING_OPTIONS, "grpc.use_local_subchannel_pool": 1 };
    this.#connect = () => openChannel({ ...target, options: { ...own, ...target.options } });
    this.#channel = this.#connect();
    const service = options.service === "Link" ? Link : DataStream;
    this.#path = methodPath(service.method.exchange);
    this.#log = options.log;
    this.#queueBytesMax = options.queueBytesMax ?? QUEUE_BYTES_MAX;
    this.#outbox = new Outbox({
      encode: (calls) => {
        // Before its last piece a call cannot begin.
        for (const call of calls) if (call.partial !== true) this.#markSent(call.id);
        return encodeCalls(calls.filter((call) => this.#isWanted(call)));
      },
      sizeOf: callBytes,
    });
  }

  /** Calls that have not ended. */
  get inflight(): number {
    return this.#pending.size;
  }

  /** See `StreamClient.isAway`. */
  get isAway(): boolean {
    const sinceMs = this.#unconnectedSinceMs;
    if (sinceMs === undefined) return false;
    if (this.#stream === undefined) return !this.#isBack();
    return performance.now() - sinceMs > AWAY_AFTER_MS;
  }

  /** Whoever asks makes it connect: no call has to wait to find out that the peer is back. */
  #isBack(): boolean {
    if (this.#closed) return false;
    this.#renewChannel();
    const state = this.#channel.getChannel().getConnectivityState(true);
    if (performance.now() - this.#lostAtMs < LOST_MS) return false;
    if (state === connectivityState.READY) this.#unconnectedSinceMs = undefined;
    return state === connectivityState.READY;
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
    this.#enqueue(id, call);
    this.#open();
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    return () => this.#abandon(id, failure(id, status.CANCELLED, "CANCELLED", "cancelled"));
  }

  /** Ends the stream; calls in flight end with LINK_LOST or LINK_DOWN. */
  close(): void {
    this.#closed = true;
    const stream = this.#stream;
    this.#lose("the link was closed");
    stream?.cancel();
    this.#channel.close();
  }

  /** All but the last piece of a large request have nothing but their bytes. */
  #enqueue(id: number, call: StreamCall): void {
    const pieces = piecesOf(call.request);
    for (const request of pieces.slice(0, -1)) {
      this.#outbox.add({ ...bareCall(id, call.method), request, partial: true });
    }
    this.#outbox.add({
      id,
      method: call.method,
      request: pieces.at(-1) ?? EMPTY,
      deadlineMs: Math.max(1, Math.round(call.timeoutMs)),
      generation: call.generation ?? 0n,
      forwarded: call.forwarded ?? false,
      headers: call.headers ?? {},
      identity: call.identity,
      demand: call.demand,
      wantsHint: call.wantsHint,
      token: call.token,
    });
  }

  /** Nothing is handed to a stream before there is a connection: what fails was surely not sent. */
  #open(): void {
    if (this.#stream !== undefined) return;
    this.#unconnectedSinceMs ??= performance.now();
    const stream = this.#channel.makeBidiStreamRequest(this.#path, same, same, new Metadata());
    this.#stream = stream;
    stream.on("data", (frame: Buffer) => this.#receive(stream, frame));
    stream.on("error", (cause) => {
      if (this.#stream === stream) this.#lose(errorMessage(cause));
    });
    stream.on("end", () => {
      if (this.#stream === stream) this.#lose("the peer ended the stream");
    });
    this.#whenConnected(Date.now() + CONNECT_MS, (isConnected) => {
      if (isConnected) this.#unconnectedSinceMs = undefined;
      if (this.#stream !== stream) return;
      if (isConnected) {
        this.#outbox.attach(stream);
        return;
      }
      stream.cancel();
      this.#lose(`no connection within ${CONNECT_MS} ms`);
      this.#renewChannel();
    });
  }

  /** A channel that fails to connect ends the stream itself, and says why. */
  #whenConnected(untilMs: number, done: (isConnected: boolean) => void): void {
    const channel = this.#channel.getChannel();
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY || state === connectivityState.SHUTDOWN) {
      done(state === connectivityState.READY);
      return;
    }
    channel.watchConnectivityState(state, untilMs, (error) => {
      if (error === undefined || error === null) this.#whenConnected(untilMs, done);
      else done(false);
    });
  }

  /** Only between streams: they end with their channel. */
  #renewChannel(): void {
    const now = performance.now();
    const triedSinceMs = Math.max(this.#unconnectedSinceMs ?? now, this.#channelMadeAtMs);
    if (this.#closed || now - triedSinceMs < RECONNECT_MS) return;
    this.#channelMadeAtMs = now;
    this.#channel.close();
    this.#channel = this.#connect();
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
    for (const reply of replies) this.#take(reply);
  }

  #take(reply: WireReply): void {
    const { id, partial, more } = reply;
    const pending = this.#pending.get(id);
    if (pending === undefined) {
      // It was given up meanwhile.
      this.#assemblies.drop(id);
      return;
    }
    const assembled = this.#assemblies.take(id, reply.response, partial === true);
    if (assembled.kind === "partial") return;
    if (assembled.kind === "too-large") {
      const text = `the response is over ${WHOLE_BYTES_MAX} bytes`;
      this.#abandon(id, failure(id, status.RESOURCE_EXHAUSTED, "RESPONSE_TOO_LARGE", text));
      return;
    }
    if (!more) this.#end(id);
    pending.onReply({ ...reply, response: assembled.bytes });
  }

  #lose(why: string): void {
    this.#stream = undefined;
    this.#lostAtMs = performance.now();
    this.#unconnectedSinceMs ??= this.#lostAtMs;
    this.#outbox.attach(undefined);
    this.#outbox.takeAll();
    const lost = [...this.#pending];
    this.#pending.clear();
    this.#assemblies = new Assemblies();
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
      this.#abandon(
        id,
        pending.sent
          ? failure(id, status.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer in time")
          : failure(id, status.UNAVAILABLE, "LINK_DOWN", "no connection in time"),
      );
    }
  }

  #abandon(id: number, reply: WireReply): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#end(id);
    this.#outbox.add(bareCall(id, Method.CANCEL));
    pending.onReply(reply);
  }

  #end(id: number): void {
    this.#pending.delete(id);
    this.#assemblies.drop(id);
    if (this.#pending.size === 0) this.#stopSweeping();
  }

  #stopSweeping(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** What was given up before it left is not sent any more. */
  #isWanted({ id, method }: WireCall): boolean {
    return method === Method.CANCEL || this.#pending.has(id);
  }

  #markSent(id: number): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) pending.sent = true;
  }
}

function bareCall(id: number, method: Method): WireCall {
  const routed = { deadlineMs: 0, generation: 0n, forwarded: false, headers: {} };
  return { id, method, request: EMPTY, ...routed };
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
