// gRPC on raw HTTP/2 streams (grpc/doc/PROTOCOL-HTTP2.md): messages pass through as bytes, half the
// cost of a general server. Unary and server-streaming methods get one message and answer through a
// CallSink; reflection, which talks both ways, gets every message. Compression is not accepted.
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";

import type { CallHeadersResult } from "#workloads/core/demand/index.ts";
import { readCallHeaders, SESSION_HEADER } from "#workloads/core/demand/index.ts";
import type { CallFault } from "#workloads/core/rest/index.ts";
import { GrpcCode, REPEATED_HEADER, TIMEOUT_MS_MAX } from "#workloads/core/rest/index.ts";
import { REASON_TRAILER } from "#workloads/platform/grpc/index.ts";

import type { CallSink, ReplyAbout } from "../calls/call.ts";
import { frameMessage, MessageReader } from "./message-reader.ts";

/** One call as a method sees it: answer through the sink, at most once to its end. */
export interface GrpcServerCall extends CallSink {
  /** Milliseconds that the caller waits; undefined = it did not say. */
  readonly timeoutMs: number | undefined;
  /** What the caller says beside the request, in its metadata. */
  readonly said: CallHeadersResult;
  /** Ends with OK after the messages so far. */
  finish(about?: ReplyAbout): void;
  /** Called if the caller cancels or goes away before the end. */
  onGone(listener: () => void): void;
}

/** A method: `single` gets its one message, `both` gets each message and then the end. */
export type GrpcMethod =
  | { readonly kind: "single"; serve(request: Buffer, call: GrpcServerCall): void }
  | {
      readonly kind: "both";
      message(request: Buffer, call: GrpcServerCall): void;
    };

/** Methods by path, `/package.Service/Method`. */
export type GrpcMethods = ReadonlyMap<string, GrpcMethod>;

/** Told of the end of every call. */
export type OnGrpcEnd = (seen: {
  readonly path: string;
  readonly code: number;
  readonly seconds: number;
}) => void;

/** What the edge works with. */
export interface GrpcOptions {
  readonly methods: GrpcMethods;
  readonly messageBytesMax: number;
  readonly onEnd?: OnGrpcEnd;
}

const HEAD = {
  ":status": 200,
  "content-type": "application/grpc",
  "grpc-accept-encoding": "identity",
} as const;

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000001,
};

/** Milliseconds of a `grpc-timeout` header; undefined without one or if it is malformed. */
export function parseGrpcTimeout(text: string | undefined): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text ?? "");
  if (match === null) return undefined;
  const ms = Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 1);
  return Math.min(Math.max(ms, 0.001), TIMEOUT_MS_MAX);
}

/** Percent-encodes a `grpc-message`: printable ASCII but "%" stays. */
export function encodeGrpcMessage(text: string): string {
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** Whether a request is gRPC, by its content type. */
export function isGrpc(headers: IncomingHttpHeaders): boolean {
  const type = headers["content-type"];
  return type !== undefined && /^application\/grpc($|[+;])/.test(type);
}

/** Starts to serve a stream. */
export function serveGrpc(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  options: GrpcOptions,
): void {
  const path = String(headers[":path"] ?? "");
  const timeoutText = headers["grpc-timeout"];
  const timeoutMs = parseGrpcTimeout(typeof timeoutText === "string" ? timeoutText : undefined);
  const said = readCallHeaders((name) => {
    const value = headers[name];
    return typeof value === "string" ? value : value?.[0];
  });
  const call = new StreamCall(stream, { path, timeoutMs, said, onEnd: options.onEnd });
  const method = options.methods.get(path);
  if (headers[":method"] !== "POST" || method === undefined) {
    call.fail(failure(GrpcCode.unimplemented, `unknown method ${path}`));
    stream.resume();
    return;
  }
  if (timeoutText !== undefined && timeoutMs === undefined) {
    call.fail(failure(GrpcCode.internal, `"${String(timeoutText)}" is no grpc-timeout`));
    stream.resume();
    return;
  }
  receive(stream, { call, method, messageBytesMax: options.messageBytesMax });
}

function failure(code: number, message: string): CallFault {
  return { code, reason: "", message };
}

function receive(
  stream: ServerHttp2Stream,
  to: { readonly call: StreamCall; readonly method: GrpcMethod; readonly messageBytesMax: number },
): void {
  const { call, method, messageBytesMax } = to;
  const reader = new MessageReader(messageBytesMax);
  let single: Buffer | undefined;
  stream.on("data", (chunk: Buffer) => {
    if (call.ended) return;
    const result = reader.push(chunk);
    if (result.kind === "reject") {
      call.fail(
        result.reason === "too-large"
          ? failure(GrpcCode.resourceExhausted, `a message is over ${messageBytesMax} bytes`)
          : failure(GrpcCode.unimplemented, "compressed messages are not accepted"),
      );
      return;
    }
    for (const message of result.messages) {
      if (method.kind === "both") method.message(message, call);
      else if (single === undefined) single = message;
      else call.fail(failure(GrpcCode.unimplemented, "the method takes one message"));
    }
  });
  stream.on("end", () => {
    if (call.ended) return;
    if (reader.pendingBytes > 0) {
      call.fail(failure(GrpcCode.internal, "the stream ended inside of a message"));
    } else if (method.kind === "both") {
      call.finish();
    } else if (single === undefined) {
      call.fail(failure(GrpcCode.unimplemented, "the method takes one message and got none"));
    } else {
      method.serve(single, call);
    }
  });
}

class StreamCall implements GrpcServerCall {
  readonly timeoutMs: number | undefined;
  readonly said: CallHeadersResult;
  readonly #stream: ServerHttp2Stream;
  readonly #path: string;
  readonly #onEnd: OnGrpcEnd | undefined;
  readonly #startedMs = performance.now();
  #headSent = false;
  #ended = false;
  #onGone: (() => void) | undefined;

  constructor(
    stream: ServerHttp2Stream,
    about: {
      readonly path: string;
      readonly timeoutMs: number | undefined;
      readonly said: CallHeadersResult;
      readonly onEnd: OnGrpcEnd | undefined;
    },
  ) {
    this.#stream = stream;
    this.#path = about.path;
    this.timeoutMs = about.timeoutMs;
    this.said = about.said;
    this.#onEnd = about.onEnd;
    stream.on("error", () => undefined);
    stream.on("close", () => {
      if (this.#ended) return;
      this.#note(GrpcCode.cancelled);
      this.#onGone?.();
    });
  }

  /** True once a status was sent or the caller is gone. */
  get ended(): boolean {
    return this.#ended;
  }

  onGone(listener: () => void): void {
    this.#onGone = listener;
  }

  reply(response: Uint8Array, more: boolean, about?: ReplyAbout): void {
    if (this.#ended) return;
    this.#sendHead();
    this.#stream.write(frameMessage(response));
    if (!more) this.finish(about);
  }

  finish(about?: ReplyAbout): void {
    if (this.#ended) return;
    this.#sendHead();
    this.#note(GrpcCode.ok);
    const trailers = {
      "grpc-status": "0",
      ...(about?.sessionToken === undefined ? {} : { [SESSION_HEADER]: about.sessionToken }),
      ...(about?.repeated === true ? { [REPEATED_HEADER]: "true" } : {}),
    };
    this.#stream.on("wantTrailers", () => this.#stream.sendTrailers(trailers));
    this.#stream.end();
  }

  fail(fault: CallFault): void {
    if (this.#ended) return;
    this.#note(fault.code);
    const trailers = {
      "grpc-status": String(fault.code),
      "grpc-message": encodeGrpcMessage(fault.message),
      ...(fault.reason === "" ? {} : { [REASON_TRAILER]: fault.reason }),
    };
    if (this.#stream.destroyed || this.#stream.closed) return;
    if (this.#headSent) {
      this.#stream.on("wantTrailers", () => this.#stream.sendTrailers(trailers));
      this.#stream.end();
      return;
    }
    this.#stream.respond({ ...HEAD, ...trailers }, { endStream: true });
    if (this.#stream.readableEnded) return;
    // The caller may still be sending; what it sends is dropped.
    this.#stream.resume();
    this.#stream.once("finish", () => this.#stream.close(constants.NGHTTP2_NO_ERROR));
  }

  #sendHead(): void {
    if (this.#headSent || this.#stream.destroyed || this.#stream.closed) return;
    this.#headSent = true;
    this.#stream.respond(HEAD, { waitForTrailers: true });
  }

  #note(code: number): void {
    this.#ended = true;
    const seconds = (performance.now() - this.#startedMs) / 1000;
    this.#onEnd?.({ path: this.#path, code, seconds });
  }
}
