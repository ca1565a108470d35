// One port for HTTP/1.1, prior-knowledge h2c and gRPC: the first bytes of a connection say which,
// and the socket goes to the server that speaks it. The HTTP/1.1 server owns the listener, so that
// its timeouts and connection tracking work as usual.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttp1 } from "node:http";
import type {
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from "node:http2";
import { createServer as createHttp2 } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";

import type { Logger } from "#api/base/index.ts";
import type { HostPort } from "#api/workload/gateway.ts";

/** What the port does with each kind of request. */
export interface FrontHandlers {
  http1(request: IncomingMessage, response: ServerResponse): void;
  http2(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void;
}

/** A port that listens. */
export interface Front {
  readonly port: number;
  /** Open connections, of both protocols. */
  readonly connectionCount: number;
  /** True once {@link Front.close} was called: responses then close their connection. */
  readonly closing: boolean;
  /** Takes no new connections and lets requests end for `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

const H2_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** A connection that says nothing for so long is not kept. */
const FIRST_BYTES_TIMEOUT_MS = 10_000;
/** Longer than what clients and proxies keep idle connections for, so that they close first. */
const KEEP_ALIVE_MS = 75_000;
const STREAMS_PER_SESSION_MAX = 250;
const STREAM_WINDOW_BYTES = 1024 * 1024;
const SESSION_WINDOW_BYTES = 8 * 1024 * 1024;
const SESSION_MEMORY_MB = 64;

/** What a connection speaks, as far as these bytes tell; undefined = more are needed. */
export function protocolOf(bytes: Buffer): "http1" | "http2" | undefined {
  const length = Math.min(bytes.length, H2_PREFACE.length);
  if (!bytes.subarray(0, length).equals(H2_PREFACE.subarray(0, length))) return "http1";
  return length === H2_PREFACE.length ? "http2" : undefined;
}

/** Reads as much as is needed to tell the protocol, and puts it back. */
function peek(socket: Socket, decide: (protocol: "http1" | "http2") => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const ignore = (): void => undefined;
  const giveUp = (): void => void socket.destroy();
  socket.setTimeout(FIRST_BYTES_TIMEOUT_MS, giveUp);
  socket.on("error", ignore);
  const onData = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const protocol = protocolOf(seen);
    if (protocol === undefined) return;
    socket.off("data", onData);
    socket.off("end", giveUp);
    socket.setTimeout(0);
    socket.off("timeout", giveUp);
    socket.pause();
    socket.unshift(seen);
    decide(protocol);
    socket.off("error", ignore);
    process.nextTick(() => socket.resume());
  };
  socket.on("data", onData);
  socket.on("end", giveUp);
}

function openHttp2(
  handlers: FrontHandlers,
  about: { readonly log: Logger; opened(session: ServerHttp2Session): void },
): Http2Server {
  const failed = (error: Error): void =>
    about.log.debug("session failed", { error: error.message });
  const http2 = createHttp2({
    settings: {
      maxConcurrentStreams: STREAMS_PER_SESSION_MAX,
      initialWindowSize: STREAM_WINDOW_BYTES,
    },
    maxSessionMemory: SESSION_MEMORY_MB,
  });
  http2.on("session", (session) => {
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    session.on("error", failed);
    about.opened(session);
  });
  http2.on("stream", (stream, headers) => handlers.http2(stream, headers));
  http2.on("sessionError", failed);
  return http2;
}

/** Listens; answers the port. */
function bind(server: Server, listen: HostPort): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen.port, listen.host, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Listens, or throws the system's error. Port 0 picks a free one. */
export async function startFront(
  listen: HostPort,
  handlers: FrontHandlers,
  log: Logger,
): Promise<Front> {
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  /** Connections that have not said anything yet. */
  const silent = new Set<Socket>();
  let closing = false;
  const http2 = openHttp2(handlers, {
    log,
    opened: (session) => {
      sessions.add(session);
      session.on("close", () => sessions.delete(session));
      if (closing) session.close();
    },
  });
  const http1 = createHttp1((request, response) => handlers.http1(request, response));
  http1.keepAliveTimeout = KEEP_ALIVE_MS;
  http1.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    else socket.destroy();
  });
  const serveHttp1 = http1.listeners("connection");
  http1.removeAllListeners("connection");
  http1.on("connection", (socket: Socket) => {
    sockets.add(socket);
    silent.add(socket);
    socket.on("close", () => {
      sockets.delete(socket);
      silent.delete(socket);
    });
    socket.setNoDelay(true);
    peek(socket, (protocol) => {
      silent.delete(socket);
      if (protocol === "http2") http2.emit("connection", socket);
      else for (const serve of serveHttp1) serve.call(http1, socket);
    });
  });
  return {
    port: await bind(http1, listen),
    get connectionCount() {
      return sockets.size;
    },
    get closing() {
      return closing;
    },
    close: (graceMs) => {
      closing = true;
      return new Promise((resolve) => {
        const cut = setTimeout(() => {
          log.warn("requests were cut at the end", { connections: sockets.size });
          for (const socket of sockets) socket.destroy();
        }, graceMs);
        http1.close(() => {
          clearTimeout(cut);
          resolve();
        });
        for (const session of sessions) session.close();
        for (const socket of silent) socket.destroy();
        http1.closeIdleConnections();
      });
    },
  };
}
