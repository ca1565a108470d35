// The plain gRPC face on 8080: oprc.DataService and oprc.OprcFunction, request and response bytes
// passed through, and oaas.DataStream for callers with many calls. The link on 8081 is the same
// calls for members and gateways.
import type {
  sendUnaryData,
  Server,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { Metadata, status } from "@grpc/grpc-js";

import { Method } from "#api/gen/oaas-stream_pb.ts";
import { DataService } from "#api/gen/oprc-data_pb.ts";
import { OprcFunction } from "#api/gen/oprc-invoke_pb.ts";
import {
  encodeSessionToken,
  mergeMarks,
  readCallHeaders,
  SESSION_HEADER,
} from "#workloads/core/demand/index.ts";
import type { ReplyExtras, Responder, StreamHandler } from "#workloads/platform/index.ts";
import {
  addExchange,
  bufferOf,
  GrpcFailure,
  rawDefinition,
  toStatus,
} from "#workloads/platform/index.ts";

import type { Calls } from "./calls.ts";
import { refuse } from "./errors.ts";
import type { Cancel, DataCall } from "./forward.ts";
import type { OdgmMetrics } from "./metrics.ts";

/** Time of a call whose caller names none. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** Longest time that is counted; setTimeout and grpc-js take no more than 2^31 - 1. */
const TIMEOUT_MS_MAX = 86_400_000;

type Unary = ServerUnaryCall<Buffer, Buffer>;
type Listing = ServerWritableStream<Buffer, Buffer>;

/** What the services answer with. */
export interface ServiceContext {
  readonly calls: Calls;
  readonly metrics: OdgmMetrics;
}

const DATA_METHODS = {
  get: Method.GET,
  delete: Method.DELETE,
  set: Method.SET,
  merge: Method.MERGE,
  getValue: Method.GET_VALUE,
  setValue: Method.SET_VALUE,
  deleteValue: Method.DELETE_VALUE,
  batchSetValues: Method.BATCH_SET_VALUES,
  stats: Method.STATS,
  capabilities: Method.CAPABILITIES,
} as const;

/** Adds everything that 8080 serves, health and reflection apart. */
export function addDataServices(server: Server, context: ServiceContext): void {
  const data: UntypedServiceImplementation = {
    listObjects: listing(context, Method.LIST_OBJECTS),
    listValues: listing(context, Method.LIST_VALUES),
  };
  for (const [name, method] of Object.entries(DATA_METHODS)) data[name] = unary(context, method);
  server.addService(rawDefinition(DataService), data);
  server.addService(rawDefinition(OprcFunction), {
    invokeFn: unary(context, Method.INVOKE_FN),
    invokeObj: unary(context, Method.INVOKE_OBJ),
  });
  addExchange(server, "DataStream", exchange(context, false));
}

/** Adds what 8081 serves. */
export function addLink(server: Server, context: ServiceContext): void {
  addExchange(server, "Link", exchange(context, true));
}

function exchange({ calls, metrics }: ServiceContext, isFromMember: boolean): StreamHandler {
  return (call, respond) => {
    const timeoutMs = call.deadlineMs === 0 ? DEFAULT_TIMEOUT_MS : call.deadlineMs;
    return calls.handle(
      { ...call, isFromMember, timeoutMs: Math.min(timeoutMs, TIMEOUT_MS_MAX) },
      counted(respond, metrics, call.method),
    );
  };
}

function unary({ calls, metrics }: ServiceContext, method: Method) {
  return (call: Unary, callback: sendUnaryData<Buffer>): void => {
    const data = dataCall(call, method);
    const respond: Responder = {
      ok: ([response], extras) => {
        const trailer = trailerOf(data, extras);
        callback(null, bufferOf(response ?? new Uint8Array(0)), trailer);
      },
      fail: (failure) => callback(toStatus(failure)),
    };
    const cancel = handle(calls, data, counted(respond, metrics, method));
    if (cancel !== undefined) call.on("cancelled", cancel);
  };
}

function listing({ calls, metrics }: ServiceContext, method: Method) {
  return (call: Listing): void => {
    const respond: Responder = {
      ok: (responses) => {
        for (const response of responses) call.write(bufferOf(response));
        call.end();
      },
      fail: (failure) => call.emit("error", toStatus(failure)),
    };
    const data = dataCall(call, method);
    const cancel = handle(calls, data, counted(respond, metrics, method));
    if (cancel !== undefined) call.on("cancelled", cancel);
  };
}

/** A call, or what is wrong with its metadata. */
type Read = DataCall | GrpcFailure;

function handle(calls: Calls, data: Read, respond: Responder): Cancel {
  if (!(data instanceof GrpcFailure)) return calls.handle(data, respond);
  respond.fail(data);
  return undefined;
}

function dataCall(call: Unary | Listing, method: Method): Read {
  const deadline = call.getDeadline();
  const atMs = typeof deadline === "number" ? deadline : deadline.getTime();
  const leftMs = Number.isFinite(atMs) ? atMs - Date.now() : TIMEOUT_MS_MAX;
  const first = (name: string): string | undefined => {
    const [value] = call.metadata.get(name);
    return typeof value === "string" ? value : undefined;
  };
  const read = readCallHeaders(first);
  if (read.kind === "invalid") return refuse(read.reason, read.message);
  const headers: Record<string, string> = {};
  for (const name of ["traceparent", "tracestate"]) {
    const value = first(name);
    if (value !== undefined) headers[name] = value;
  }
  const timeoutMs = Math.max(1, Math.min(leftMs, TIMEOUT_MS_MAX));
  const { request } = call;
  const { idempotencyKey: key, demand, session, token } = read.headers;
  return {
    method,
    request,
    timeoutMs,
    forwarded: false,
    isFromMember: false,
    headers,
    identity: key === undefined ? undefined : { kind: "key", key },
    demand,
    session,
    token,
  };
}

/** The session token of a caller that keeps one, with the mark of what it wrote. */
function trailerOf(data: Read, extras: ReplyExtras | undefined): Metadata | undefined {
  const mark = extras?.mark;
  if (data instanceof GrpcFailure || data.session === undefined) return undefined;
  if (mark === undefined || !("cls" in mark)) return undefined;
  const token = encodeSessionToken(mergeMarks(data.session, mark));
  const metadata = new Metadata();
  if (token !== undefined) metadata.set(SESSION_HEADER, token);
  return metadata;
}

function counted(respond: Responder, metrics: OdgmMetrics, method: Method): Responder {
  return {
    ok: (responses, extras) => {
      metrics.called(method, status.OK);
      respond.ok(responses, extras);
    },
    fail: (failure: GrpcFailure) => {
      metrics.called(method, failure.status);
      respond.fail(failure);
    },
  };
}
