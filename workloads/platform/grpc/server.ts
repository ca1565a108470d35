// A gRPC server of grpc-js: typed handlers over protoc-gen-es' services, mutual TLS by URI SAN,
// bounded end.
import type { DescMethod, DescService, MessageShape } from "@bufbuild/protobuf";
import type {
  sendUnaryData,
  ServerInterceptor,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { Server, ServerCredentials, ServerInterceptingCall, status } from "@grpc/grpc-js";

import { assert } from "#api/base/index.ts";

import type { TlsFolder } from "../tls/index.ts";
import { isAdmitted } from "../tls/index.ts";
import { messageDefinition } from "./definition.ts";
import { GrpcFailure, toStatus } from "./failure.ts";

/** What a handler knows about its call besides the request. */
export interface ServerContext {
  /** When the caller gives up, milliseconds since the epoch; Infinity = never. */
  readonly deadlineAtMs: number;
  /** Aborted when the caller cancels or its deadline passes. */
  readonly signal: AbortSignal;
}

type UnaryHandler<M extends DescMethod> = (
  request: MessageShape<M["input"]>,
  context: ServerContext,
) => Promise<MessageShape<M["output"]>>;

type ServerStreamHandler<M extends DescMethod> = (
  request: MessageShape<M["input"]>,
  context: ServerContext,
) => AsyncIterable<MessageShape<M["output"]>>;

/**
 * One function per unary or server-streaming rpc. A thrown {@link GrpcFailure} becomes its status
 * and reason trailer, anything else INTERNAL. Streams with a sending client are served raw.
 */
export type ServiceHandlers<S extends DescService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends { readonly methodKind: "unary" }
    ? UnaryHandler<S["method"][K]>
    : S["method"][K] extends { readonly methodKind: "server_streaming" }
      ? ServerStreamHandler<S["method"][K]>
      : never;
};

/** Where and for whom to listen. */
export interface GrpcServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Mutual TLS; `admit` are the URI SANs that a client may have. Absent = plaintext. */
  readonly tls?: { readonly folder: TlsFolder; readonly admit: readonly string[] };
  /** Largest message received; 16 MiB by default. */
  readonly maxMessageBytes?: number;
}

/** A server that listens. */
export interface GrpcServer {
  readonly port: number;
  /** Ends long streams, lets calls end for `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

/** Default of {@link GrpcServerOptions.maxMessageBytes}. */
export const GRPC_MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** Registers services by `register`, then listens. Throws if the address cannot be bound. */
export async function startGrpcServer(
  options: GrpcServerOptions,
  register: (server: Server) => void,
): Promise<GrpcServer> {
  const server = new Server({
    "grpc.max_receive_message_length": options.maxMessageBytes ?? GRPC_MESSAGE_BYTES_MAX,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_permit_without_calls": 1,
    ...(options.tls === undefined ? {} : { interceptors: [admission(options.tls.admit)] }),
  });
  register(server);
  const credentials = options.tls?.folder.serverCredentials() ?? ServerCredentials.createInsecure();
  const { host } = options.listen;
  const address = `${host.includes(":") ? `[${host}]` : host}:${options.listen.port}`;
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, close: (graceMs) => closeServer(server, graceMs) };
}

/** Adds a typed service to a server that does not listen yet. */
export function addService<S extends DescService>(
  server: Server,
  service: S,
  handlers: ServiceHandlers<S>,
): void {
  const implementation: UntypedServiceImplementation = {};
  for (const method of service.methods) {
    // The mapped type says what each one is; the loop over descriptors cannot.
    const handler = handlers[method.localName as keyof ServiceHandlers<S>] as unknown;
    switch (method.methodKind) {
      case "unary":
        implementation[method.localName] = serveUnary(handler as UnaryHandler<DescMethod>);
        break;
      case "server_streaming":
        implementation[method.localName] = serveStream(
          server,
          handler as ServerStreamHandler<DescMethod>,
        );
        break;
      case "client_streaming":
      case "bidi_streaming":
        assert(false, `${method.name} sends a stream: serve it raw`);
    }
  }
  server.addService(messageDefinition(service), implementation);
}

/** What to run when a server begins to close, so that long streams do not hold it up. */
const closers = new WeakMap<Server, Set<() => void>>();

/** Runs `close` when the server begins to close; returns what takes that back. */
export function whenClosing(server: Server, close: () => void): () => void {
  const known = closers.get(server) ?? new Set();
  closers.set(server, known);
  known.add(close);
  return () => known.delete(close);
}

type Message = MessageShape<DescMethod["input"]>;

function serveUnary(handler: UnaryHandler<DescMethod>) {
  return (call: ServerUnaryCall<Message, Message>, callback: sendUnaryData<Message>): void => {
    handler(call.request, contextOf(call)).then(
      (response) => callback(null, response),
      (cause: unknown) => callback(toStatus(cause)),
    );
  };
}

function serveStream(server: Server, handler: ServerStreamHandler<DescMethod>) {
  return (call: ServerWritableStream<Message, Message>): void => {
    const context = contextOf(call);
    const end = whenClosing(server, () => {
      call.emit("error", toStatus(shuttingDown()));
      context.abort();
    });
    context.signal.addEventListener("abort", end, { once: true });
    const pump = async (): Promise<void> => {
      for await (const item of handler(call.request, context)) {
        if (context.signal.aborted) return;
        if (!call.write(item)) await drained(call, context.signal);
      }
      call.end();
    };
    pump()
      .catch((cause: unknown) => {
        if (!context.signal.aborted) call.emit("error", toStatus(cause));
      })
      .finally(end);
  };
}

function drained(call: ServerWritableStream<Message, Message>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
    call.once("drain", resolve);
  });
}

function contextOf(
  call: ServerUnaryCall<Message, Message> | ServerWritableStream<Message, Message>,
): ServerContext & { readonly abort: () => void } {
  const abort = new AbortController();
  call.on("cancelled", () => abort.abort());
  const deadline = call.getDeadline();
  return {
    deadlineAtMs: typeof deadline === "number" ? deadline : deadline.getTime(),
    signal: abort.signal,
    abort: () => abort.abort(),
  };
}

function admission(admit: readonly string[]): ServerInterceptor {
  const admitted = new Set(admit);
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        const peer = call.getAuthContext().sslPeerCertificate;
        if (isAdmitted(peer, admitted)) {
          next();
          return;
        }
        const name = peer?.subjectaltname ?? "a peer without a name";
        const refusal = new GrpcFailure(
          status.PERMISSION_DENIED,
          "PEER_NOT_ADMITTED",
          `${name} is not admitted here`,
        );
        call.sendStatus(toStatus(refusal));
      },
    });
}

/** What calls end with that a closing server does not finish. */
export function shuttingDown(): GrpcFailure {
  return new GrpcFailure(status.UNAVAILABLE, "SHUTTING_DOWN", "the server is shutting down");
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), graceMs);
    for (const close of closers.get(server) ?? []) close();
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
