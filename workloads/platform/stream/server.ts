// The answering side of oaas.Link and oaas.DataStream. Reads as long as few calls are in flight and
// the peer takes its replies; a stream that ends cancels what it asked for.
import type { Server, ServerDuplexStream } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";

import { assertNever, errorMessage } from "#api/base/index.ts";
import { DataStream, Link, Method } from "#api/gen/oaas-stream_pb.ts";

import {
  GRPC_MESSAGE_BYTES_MAX,
  GrpcFailure,
  rawDefinition,
  shuttingDown,
  toStatus,
  whenClosing,
} from "../grpc/index.ts";
import type { ReplyExtras, WireCall, WireReply } from "./codec.ts";
import { decodeCalls, encodeReplies, replyBytes } from "./codec.ts";
import { Outbox } from "./outbox.ts";
import { Assemblies, piecesOf } from "./pieces.ts";

/** Ends one call: all responses in order, or a failure. Only the first use counts. */
export interface Responder {
  ok(responses: readonly Uint8Array[], extras?: ReplyExtras): void;
  fail(failure: GrpcFailure): void;
}

/**
 * Answers one call through `respond`, now or later. May return what to run when the caller cancels
 * or goes away. Must not throw.
 */
export type StreamHandler = (call: WireCall, respond: Responder) => (() => void) | undefined;

/** Calls in flight on one stream before reading pauses. */
const INFLIGHT_MAX = 4096;
/** Bytes of their requests before reading pauses. */
const INFLIGHT_BYTES_MAX = 16 * 1024 * 1024;
/** Reply bytes that the peer has not taken before reading pauses. */
const UNSENT_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes of requests whose last piece has not come; a stream with more is ended. */
const PARTIAL_BYTES_MAX = 2 * GRPC_MESSAGE_BYTES_MAX;
/** Deadlines are looked at this often. */
const SWEEP_MS = 25;

interface Running {
  cancel: (() => void) | undefined;
  readonly bytes: number;
  /** Infinity = the caller named no deadline. */
  readonly deadlineAtMs: number;
}

/** Adds the service to a server that does not listen yet. */
export function addExchange(
  server: Server,
  service: "Link" | "DataStream",
  handler: StreamHandler,
): void {
  server.addService(rawDefinition(service === "Link" ? Link : DataStream), {
    exchange: (stream: ServerDuplexStream<Buffer, Buffer>) => {
      const exchange = new Exchange(stream, handler);
      exchange.start();
      const stay = whenClosing(server, () => exchange.drain());
      stream.on("close", stay);
    },
  });
}

class Exchange {
  readonly #stream: ServerDuplexStream<Buffer, Buffer>;
  readonly #handler: StreamHandler;
  readonly #inflight = new Map<number, Running>();
  readonly #assemblies = new Assemblies(GRPC_MESSAGE_BYTES_MAX);
  #inflightBytes = 0;
  #sweeper: NodeJS.Timeout | undefined;
  readonly #outbox: Outbox<WireReply>;
  #ended = false;
  #draining = false;
  #gone = false;

  constructor(stream: ServerDuplexStream<Buffer, Buffer>, handler: StreamHandler) {
    this.#stream = stream;
    this.#handler = handler;
    this.#outbox = new Outbox({
      encode: encodeReplies,
      sizeOf: replyBytes,
      onDrain: () => this.#afterProgress(),
    });
  }

  start(): void {
    this.#outbox.attach(this.#stream);
    this.#stream.on("data", (frame: Buffer) => this.#receive(frame));
    this.#stream.on("end", () => {
      this.#ended = true;
      this.#afterProgress();
    });
    const leave = (): void => this.#leave();
    this.#stream.on("cancelled", leave);
    this.#stream.on("close", leave);
    this.#stream.on("error", leave);
  }

  /** Answers what is in flight, refuses what comes, and ends the stream after the last answer. */
  drain(): void {
    this.#draining = true;
    this.#ended = true;
    this.#afterProgress();
  }

  #receive(frame: Buffer): void {
    let calls: readonly WireCall[];
    try {
      calls = decodeCalls(frame);
    } catch (cause: unknown) {
      const text = `not a CallBatch: ${errorMessage(cause)}`;
      this.#end(new GrpcFailure(status.INVALID_ARGUMENT, "MALFORMED_BATCH", text));
      return;
    }
    for (const call of calls) {
      if (call.method === Method.CANCEL) this.#cancel(call.id);
      else this.#take(call);
    }
    if (this.#assemblies.bytes > PARTIAL_BYTES_MAX) {
      const text = "too many requests are in pieces at once";
      this.#end(new GrpcFailure(status.RESOURCE_EXHAUSTED, "LINK_BUSY", text));
    }
    this.#pauseIfBusy();
  }

  #end(refusal: GrpcFailure): void {
    this.#stream.emit("error", toStatus(refusal));
  }

  #take(call: WireCall): void {
    const assembled = this.#assemblies.take(call.id, call.request, call.partial === true);
    switch (assembled.kind) {
      case "partial":
        return;
      case "whole":
        this.#handle({ ...call, request: assembled.bytes });
        return;
      case "too-large": {
        const text = `the request is over ${GRPC_MESSAGE_BYTES_MAX} bytes`;
        const failure = new GrpcFailure(status.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", text);
        this.#reply(failureReply(call.id, failure));
        return;
      }
      default:
        assertNever(assembled);
    }
  }

  #handle(call: WireCall): void {
    if (this.#inflight.has(call.id)) {
      const text = `call ${call.id} is in flight on this stream`;
      this.#reply(failureReply(call.id, new GrpcFailure(status.ALREADY_EXISTS, "CALL_ID", text)));
      return;
    }
    if (this.#draining) {
      this.#reply(failureReply(call.id, shuttingDown()));
      return;
    }
    const { deadlineMs } = call;
    const deadlineAtMs =
      deadlineMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + deadlineMs;
    const running: Running = { cancel: undefined, bytes: call.request.byteLength, deadlineAtMs };
    this.#inflight.set(call.id, running);
    this.#inflightBytes += running.bytes;
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    running.cancel = this.#handler(call, {
      ok: (responses, extras) => {
        if (this.#finish(call.id)) this.#replyAll(call.id, responses, extras);
      },
      fail: (failure) => {
        if (this.#finish(call.id)) this.#reply(failureReply(call.id, failure));
      },
    });
  }

  #finish(id: number): boolean {
    return this.#remove(id) !== undefined && !this.#gone;
  }

  #remove(id: number): Running | undefined {
    const running = this.#inflight.get(id);
    if (running === undefined) return undefined;
    this.#inflight.delete(id);
    this.#inflightBytes -= running.bytes;
    if (this.#inflight.size === 0) this.#stopSweeping();
    return running;
  }

  /** Ends what the caller has given up by its own deadline. */
  #sweep(): void {
    const nowMs = performance.now();
    for (const [id, { deadlineAtMs }] of this.#inflight) {
      if (deadlineAtMs > nowMs) continue;
      const running = this.#remove(id);
      const failure = new GrpcFailure(
        status.DEADLINE_EXCEEDED,
        "DEADLINE_EXCEEDED",
        "no answer in time",
      );
      this.#reply(failureReply(id, failure));
      running?.cancel?.();
    }
  }

  #stopSweeping(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** What goes beside the responses goes with the last one. */
  #replyAll(id: number, responses: readonly Uint8Array[], extras: ReplyExtras | undefined): void {
    const last = responses.length - 1;
    if (last < 0) this.#replyInPieces({ ...okReply(id, new Uint8Array(0), false), ...extras });
    responses.forEach((response, at) => {
      const reply = okReply(id, response, at < last);
      this.#replyInPieces(at === last && extras !== undefined ? { ...reply, ...extras } : reply);
    });
  }

  #replyInPieces(reply: WireReply): void {
    const pieces = piecesOf(reply.response);
    for (const response of pieces.slice(0, -1)) {
      this.#reply({ ...okReply(reply.id, response, true), partial: true });
    }
    this.#reply({ ...reply, response: pieces.at(-1) ?? reply.response });
  }

  #reply(reply: WireReply): void {
    if (!this.#gone) this.#outbox.add(reply);
  }

  #cancel(id: number): void {
    this.#assemblies.drop(id);
    const running = this.#remove(id);
    if (running === undefined) return;
    running.cancel?.();
    this.#afterProgress();
  }

  #pauseIfBusy(): void {
    if (this.#isBusy()) this.#stream.pause();
  }

  #afterProgress(): void {
    if (this.#gone) return;
    if (this.#stream.isPaused() && !this.#isBusy()) this.#stream.resume();
    if (this.#ended && this.#inflight.size === 0 && this.#outbox.queuedBytes === 0) {
      this.#gone = true;
      this.#stream.end();
    }
  }

  #isBusy(): boolean {
    return (
      this.#inflight.size >= INFLIGHT_MAX ||
      this.#inflightBytes > INFLIGHT_BYTES_MAX ||
      this.#outbox.queuedBytes > UNSENT_BYTES_MAX
    );
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#outbox.attach(undefined);
    this.#outbox.takeAll();
    const open = [...this.#inflight.values()];
    this.#inflight.clear();
    this.#stopSweeping();
    for (const { cancel } of open) cancel?.();
  }
}

function okReply(id: number, response: Uint8Array, more: boolean): WireReply {
  return {
    id,
    code: status.OK,
    message: "",
    response,
    more,
    reason: "",
    rightPartition: 0,
    generation: 0n,
  };
}

function failureReply(id: number, failure: GrpcFailure): WireReply {
  return {
    id,
    code: failure.status,
    message: failure.message,
    response: new Uint8Array(0),
    more: false,
    reason: failure.code,
    rightPartition: failure.rightPartition ?? 0,
    generation: failure.generation ?? 0n,
    ...(failure.leader === undefined ? {} : { leader: failure.leader }),
  };
}
