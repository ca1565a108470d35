// A gRPC client of grpc-js over protoc-gen-es' services: promises and async iterables, a deadline
// on every call, failures as GrpcFailure.
import type { DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary } from "@bufbuild/protobuf";
import type { CallOptions, ChannelOptions, ServiceError } from "@grpc/grpc-js";
import { Client, credentials as grpcCredentials, Metadata, status } from "@grpc/grpc-js";

import type { TlsFolder } from "../tls/index.ts";
import { encodeMessage, methodPath } from "./definition.ts";
import { fromServiceError, GrpcFailure } from "./failure.ts";

/** Whom to talk to. */
export interface GrpcTarget {
  /** host:port */
  readonly address: string;
  /** Mutual TLS with a server of this URI SAN. Absent = plaintext. */
  readonly tls?: { readonly folder: TlsFolder; readonly serverIdentity: string };
  readonly options?: ChannelOptions;
}

/** One call. */
export interface ClientCallOptions {
  /** Milliseconds until DEADLINE_EXCEEDED. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** Wait for a connection instead of failing at once with UNAVAILABLE. */
  readonly waitForReady?: boolean;
}

type Unary<M extends DescMethod> = (
  request: MessageInitShape<M["input"]>,
  options: ClientCallOptions,
) => Promise<MessageShape<M["output"]>>;

type Streaming<M extends DescMethod> = (
  request: MessageInitShape<M["input"]>,
  options: ClientCallOptions,
) => AsyncIterable<MessageShape<M["output"]>>;

/**
 * One function per unary or server-streaming rpc; they take a message or its fields and throw
 * {@link GrpcFailure} only.
 */
export type GrpcClient<S extends DescService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends { readonly methodKind: "unary" }
    ? Unary<S["method"][K]>
    : S["method"][K] extends { readonly methodKind: "server_streaming" }
      ? Streaming<S["method"][K]>
      : never;
} & {
  /** Ends the connection; calls in flight fail with CANCELLED or UNAVAILABLE. */
  close(): void;
};

/** Connects on the first call and again after a loss, with grpc-js' backoff. */
export function createGrpcClient<S extends DescService>(
  service: S,
  target: GrpcTarget,
): GrpcClient<S> {
  const client = openChannel(target);
  const methods = service.methods
    .filter((m) => m.methodKind === "unary" || m.methodKind === "server_streaming")
    .map((method) => [
      method.localName,
      method.methodKind === "unary" ? unary(client, method) : streaming(client, method),
    ]);
  // The shape is GrpcClient<S> by construction; fromEntries loses it.
  return { ...Object.fromEntries(methods), close: () => client.close() } as GrpcClient<S>;
}

/** A bare grpc-js client of that target with our defaults: no retries, no proxy, keepalive. */
export function openChannel(target: GrpcTarget): Client {
  const credentials =
    target.tls === undefined
      ? grpcCredentials.createInsecure()
      : target.tls.folder.clientCredentials(target.tls.serverIdentity);
  return new Client(target.address, credentials, {
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
    "grpc.keepalive_time_ms": 20_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.service_config_disable_resolution": 1,
    // Peers are known by URI SAN; a numeric address is no valid TLS server name.
    ...(target.tls === undefined ? {} : { "grpc.ssl_target_name_override": "member.oaas" }),
    ...target.options,
  });
}

function unary(client: Client, method: DescMethod) {
  const path = methodPath(method);
  return (
    request: MessageInitShape<DescMethod["input"]>,
    options: ClientCallOptions,
  ): Promise<MessageShape<DescMethod["output"]>> =>
    new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        path,
        (value: MessageShape<DescMethod["input"]>) => encodeMessage(method.input, value),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        create(method.input, request),
        metadataOf(options),
        callOptionsOf(options),
        (error: ServiceError | null, response) => {
          options.signal?.removeEventListener("abort", cancel);
          if (error !== null) reject(fromServiceError(error));
          else if (response === undefined) reject(emptyAnswer());
          else resolve(response);
        },
      );
      const cancel = (): void => call.cancel();
      if (options.signal?.aborted === true) cancel();
      else options.signal?.addEventListener("abort", cancel, { once: true });
    });
}

function streaming(client: Client, method: DescMethod) {
  const path = methodPath(method);
  return async function* (
    request: MessageInitShape<DescMethod["input"]>,
    options: ClientCallOptions,
  ): AsyncGenerator<MessageShape<DescMethod["output"]>> {
    const call = client.makeServerStreamRequest(
      path,
      (value: MessageShape<DescMethod["input"]>) => encodeMessage(method.input, value),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      create(method.input, request),
      metadataOf(options),
      callOptionsOf(options),
    );
    const cancel = (): void => call.cancel();
    if (options.signal?.aborted === true) cancel();
    else options.signal?.addEventListener("abort", cancel, { once: true });
    try {
      for await (const item of call) yield item as MessageShape<DescMethod["output"]>;
    } catch (cause: unknown) {
      throw isServiceError(cause) ? fromServiceError(cause) : cause;
    } finally {
      options.signal?.removeEventListener("abort", cancel);
      call.cancel();
    }
  };
}

function isServiceError(cause: unknown): cause is ServiceError {
  return cause instanceof Error && "code" in cause && "details" in cause;
}

function emptyAnswer(): GrpcFailure {
  return new GrpcFailure(
    status.INTERNAL,
    "EMPTY_ANSWER",
    "the server sent neither answer nor error",
  );
}

function metadataOf(options: ClientCallOptions): Metadata {
  const metadata = new Metadata({ waitForReady: options.waitForReady ?? false });
  for (const [name, value] of Object.entries(options.headers ?? {})) metadata.set(name, value);
  return metadata;
}

function callOptionsOf(options: ClientCallOptions): CallOptions {
  return { deadline: Date.now() + options.timeoutMs };
}
