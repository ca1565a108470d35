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
import { status } from "@grpc/grpc-js";

import { Method } from "#api/gen/oaas-stream_pb.ts";
import { DataService } from "#api/gen/oprc-data_pb.ts";
import { OprcFunction } from "#api/gen/oprc-invoke_pb.ts";
import type { GrpcFailure, Responder, StreamHandler } from "#workloads/platform/index.ts";
import { addExchange, bufferOf, rawDefinition, toStatus } from "#workloads/platform/index.ts";

import type { Calls } from "./calls.ts";
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
    const respond: Responder = {
      ok: ([response]) => callback(null, bufferOf(response ?? new Uint8Array(0))),
      fail: (failure) => callback(toStatus(failure)),
    };
    const cancel = calls.handle(dataCall(call, method), counted(respond, metrics, method));
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
    const cancel = calls.handle(dataCall(call, method), counted(respond, metrics, method));
    if (cancel !== undefined) call.on("cancelled", cancel);
  };
}

function dataCall(call: Unary | Listing, method: Method) {
  const deadline = call.getDeadline();
  const atMs = typeof deadline === "number" ? deadline : deadline.getTime();
  const leftMs = Number.isFinite(atMs) ? atMs - Date.now() : TIMEOUT_MS_MAX;
  const headers: Record<string, string> = {};
  for (const name of ["traceparent", "tracestate"]) {
    const [value] = call.metadata.get(name);
    if (typeof value === "string") headers[name] = value;
  }
  const timeoutMs = Math.max(1, Math.min(leftMs, TIMEOUT_MS_MAX));
  const { request } = call;
  return { method, request, timeoutMs, forwarded: false, isFromMember: false, headers };
}

function counted(respond: Responder, metrics: OdgmMetrics, method: Method): Responder {
  return {
    ok: (responses) => {
      metrics.called(method, status.OK);
      respond.ok(responses);
    },
    fail: (failure: GrpcFailure) => {
      metrics.called(method, failure.status);
      respond.fail(failure);
    },
  };
}
