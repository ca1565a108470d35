// Serves functions: gRPC `oprc.OprcFunction` on one port, a handler per function name.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import { FUNCTION_PORTS } from "#api/workload/function.ts";
import type {
  InvocationRequest,
  InvocationResponse,
  ObjectInvocationRequest,
} from "#api/gen/oprc-invoke_pb.ts";
import { InvocationResponseSchema, OprcFunction, ResponseStatus } from "#api/gen/oprc-invoke_pb.ts";
import type { ServerContext } from "#workloads/platform/grpc/index.ts";
import { addService, startGrpcServer } from "#workloads/platform/grpc/index.ts";

import { FunctionError } from "./errors.ts";

/** One call of a function. */
export interface Invocation {
  /** Wire id "package.Class". */
  readonly class: string;
  readonly function: string;
  readonly partition: number;
  /** Id of the object that it was called on; undefined for a call of the class. */
  readonly object: string | undefined;
  /** Options of the call: `accept`, `content-type`, the trace, what the caller added. */
  readonly options: Readonly<Record<string, string>>;
  readonly payload: Uint8Array;
  /** Aborted when the caller no longer waits. */
  readonly signal: AbortSignal;
  /** Milliseconds until then; at least 1. */
  readonly remainingMs: number;
}

/** What a function answers; no answer is an empty payload. */
export interface Answer {
  readonly payload?: Uint8Array | string;
  /** `content-type` is that of the HTTP response, others become `x-oprc-h-*`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A function. Throws {@link FunctionError} for a status of its own; anything else is SYSTEM_ERROR.
 */
export type FunctionHandler = (call: Invocation) => Promise<Answer> | Answer;

/** Handlers by function name; `"*"` takes every name that has none. */
export type FunctionHandlers = Readonly<Record<string, FunctionHandler>>;

/** How to serve. */
export interface ServeOptions {
  /** 8080 by default; 0 picks a free one. */
  readonly port?: number;
  /** All addresses by default. */
  readonly host?: string;
  readonly log: Logger;
  /** Largest request; 16 MiB by default. */
  readonly maxMessageBytes?: number;
}

/** Functions that are served. */
export interface FunctionServer {
  readonly port: number;
  /** Takes no new calls, lets those in flight end for `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** `timeoutMs` of a call without a deadline. */
const UNBOUNDED_MS = 300_000;

/** An answer with this value as JSON. */
export function jsonAnswer(value: unknown): Answer {
  return { payload: JSON.stringify(value), headers: { "content-type": "application/json" } };
}

/** The payload as JSON; throws INVALID_REQUEST. An empty payload is `undefined`. */
export function jsonPayload(call: Pick<Invocation, "payload">): unknown {
  if (call.payload.length === 0) return undefined;
  try {
    return JSON.parse(Buffer.from(call.payload).toString("utf8"));
  } catch (cause: unknown) {
    const message = `the payload is not JSON: ${errorMessage(cause)}`;
    throw new FunctionError("INVALID_REQUEST", message, cause);
  }
}

function bytesOf(payload: Uint8Array | string | undefined): Uint8Array {
  if (payload === undefined) return new Uint8Array(0);
  return typeof payload === "string" ? Buffer.from(payload, "utf8") : payload;
}

const STATUS_OF = {
  INVALID_REQUEST: ResponseStatus.INVALID_REQUEST,
  APP_ERROR: ResponseStatus.APP_ERROR,
  SYSTEM_ERROR: ResponseStatus.SYSTEM_ERROR,
} as const;

function failed(call: Invocation, cause: unknown, log: Logger): InvocationResponse {
  const message = errorMessage(cause);
  const known = cause instanceof FunctionError;
  if (!known || cause.code === "SYSTEM_ERROR") {
    log.error("function failed", { function: call.function, object: call.object, error: cause });
  }
  return create(InvocationResponseSchema, {
    status: known ? STATUS_OF[cause.code] : ResponseStatus.SYSTEM_ERROR,
    payload: bytesOf(message),
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}

async function invoke(
  handlers: FunctionHandlers,
  call: Invocation,
  log: Logger,
): Promise<InvocationResponse> {
  const handler = Object.hasOwn(handlers, call.function) ? handlers[call.function] : handlers["*"];
  try {
    if (handler === undefined) {
      throw new FunctionError("INVALID_REQUEST", `there is no function "${call.function}" here`);
    }
    const answer = await handler(call);
    const response: MessageInitShape<typeof InvocationResponseSchema> = {
      status: ResponseStatus.OKAY,
      payload: bytesOf(answer.payload),
      headers: { ...answer.headers },
    };
    return create(InvocationResponseSchema, response);
  } catch (cause: unknown) {
    return failed(call, cause, log);
  }
}

function invocationOf(
  request: InvocationRequest | ObjectInvocationRequest,
  object: string | undefined,
  context: ServerContext,
): Invocation {
  const left = context.deadlineAtMs - Date.now();
  return {
    class: request.clsId,
    function: request.fnId,
    partition: request.partitionId,
    object: object === "" ? undefined : object,
    options: request.options,
    payload: request.payload,
    signal: context.signal,
    remainingMs: Number.isFinite(left) ? Math.max(1, left) : UNBOUNDED_MS,
  };
}

/** Serves these functions until closed. Throws if the port cannot be bound. */
export function serveFunctions(
  handlers: FunctionHandlers,
  options: ServeOptions,
): Promise<FunctionServer> {
  const { log } = options;
  const listen = {
    host: options.host ?? "0.0.0.0",
    port: options.port ?? FUNCTION_PORTS.container,
  };
  return startGrpcServer(
    {
      listen,
      ...(options.maxMessageBytes === undefined
        ? {}
        : { maxMessageBytes: options.maxMessageBytes }),
    },
    (server) =>
      addService(server, OprcFunction, {
        invokeFn: (request, context) =>
          invoke(handlers, invocationOf(request, undefined, context), log),
        invokeObj: (request, context) =>
          invoke(handlers, invocationOf(request, request.objectId, context), log),
      }),
  );
}
