// One REST request and its response, the same for HTTP/1.1 and HTTP/2, so that there is one
// handler.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import type { Readable } from "node:stream";

import type { HeaderSource } from "#workloads/core/rest/index.ts";

/** How reading a body ended. After "gone" nobody waits for a response. */
export type BodyResult =
  | { readonly kind: "body"; readonly bytes: Buffer }
  | { readonly kind: "too-large" }
  | { readonly kind: "gone" };

/** See the head of the file. `respond` may be called once; later calls do nothing. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  /** Without "?". */
  readonly query: string;
  readonly headers: HeaderSource;
  /** Reads the whole body unless it is larger than `bytesMax`. */
  readBody(bytesMax: number, done: (result: BodyResult) => void): void;
  respond(status: number, headers: Readonly<Record<string, string>>, body?: Uint8Array): void;
  /** Called if the client goes away before it was answered. */
  onGone(listener: () => void): void;
}

function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const start = target.startsWith("/") ? 0 : Math.max(0, target.indexOf("/", "http://".length));
  const mark = target.indexOf("?", start);
  if (mark < 0) return { path: start === 0 ? target : target.slice(start), query: "" };
  return { path: target.slice(start, mark), query: target.slice(mark + 1) };
}

function readAll(source: Readable, bytesMax: number, done: (result: BodyResult) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let ended = false;
  const end = (result: BodyResult): void => {
    if (ended) return;
    ended = true;
    done(result);
  };
  source.on("data", (chunk: Buffer) => {
    if (ended) return;
    size += chunk.length;
    if (size > bytesMax) end({ kind: "too-large" });
    else chunks.push(chunk);
  });
  source.on("end", () => {
    const [only] = chunks;
    const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size);
    end({ kind: "body", bytes });
  });
  source.on("error", () => end({ kind: "gone" }));
  source.on("close", () => end({ kind: "gone" }));
}

function declaredTooLarge(headers: HeaderSource, bytesMax: number): boolean {
  return Number(headers["content-length"] ?? 0) > bytesMax;
}

/**
 * An exchange over HTTP/1.1. `closing` tells whether the connection should end with the response.
 */
export function http1Exchange(
  request: IncomingMessage,
  response: ServerResponse,
  closing: () => boolean,
): Exchange {
  const { path, query } = splitTarget(request.url ?? "/");
  return {
    method: request.method ?? "GET",
    path,
    query,
    headers: request.headers,
    readBody: (bytesMax, done) => {
      if (declaredTooLarge(request.headers, bytesMax)) done({ kind: "too-large" });
      else readAll(request, bytesMax, done);
    },
    respond: (status, headers, body) => {
      if (response.headersSent || response.destroyed) return;
      const hasBody = status !== 204 && status !== 304;
      response.writeHead(status, {
        ...headers,
        ...(hasBody ? { "content-length": String(body?.length ?? 0) } : {}),
        ...(closing() || status === 413 ? { connection: "close" } : {}),
      });
      const bytes = hasBody ? body : undefined;
      if (request.complete) response.end(bytes);
      else endAfterRequest(request, response, bytes);
    },
    onGone: (listener) => {
      response.on("close", () => {
        if (!response.writableFinished) listener();
      });
    },
  };
}

/** How long the rest of a body that nobody wants is read before the connection is cut. */
const LINGER_MS = 5_000;

/**
 * Ends the response when the request has been read. A connection that is closed while its peer
 * still sends is reset, and the reset overtakes the answer; so the rest is read and dropped first.
 */
function endAfterRequest(
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array | undefined,
): void {
  if (body === undefined) response.flushHeaders();
  else response.write(body);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  request.once("end", end);
  request.once("close", end);
  request.resume();
}

/** An exchange over one HTTP/2 stream. */
export function http2Exchange(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Exchange {
  const method = String(headers[":method"] ?? "GET");
  const { path, query } = splitTarget(String(headers[":path"] ?? "/"));
  let answered = false;
  stream.on("error", () => undefined);
  return {
    method,
    path,
    query,
    headers,
    readBody: (bytesMax, done) => {
      if (declaredTooLarge(headers, bytesMax)) done({ kind: "too-large" });
      else readAll(stream, bytesMax, done);
    },
    respond: (status, fields, body) => {
      if (answered || stream.destroyed || stream.closed) return;
      answered = true;
      const hasBody = status !== 204 && status !== 304 && method !== "HEAD";
      stream.respond({
        ":status": status,
        ...fields,
        ...(status === 204 || status === 304
          ? {}
          : { "content-length": String(body?.length ?? 0) }),
      });
      if (hasBody && body !== undefined) stream.end(body);
      else stream.end();
      if (stream.readableEnded) return;
      stream.resume();
      stream.once("finish", () => stream.close(constants.NGHTTP2_NO_ERROR));
    },
    onGone: (listener) => {
      stream.on("close", () => {
        if (!answered) listener();
      });
    },
  };
}
