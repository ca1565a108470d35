// The gRPC services of the gateway: oprc.DataService and oprc.OprcFunction passed through as bytes,
// Stats and Capabilities gathered from the members, grpc.health.v1 and reflection.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";

import { errorMessage } from "#api/base/index.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import type { ShardStats } from "#api/gen/oprc-data_pb.ts";
import { DataService, StatsResponseSchema } from "#api/gen/oprc-data_pb.ts";
import { OprcFunction } from "#api/gen/oprc-invoke_pb.ts";
import type { CallFault } from "#workloads/core/rest/index.ts";
import { GrpcCode, scanTarget } from "#workloads/core/rest/index.ts";
import { methodPath } from "#workloads/platform/grpc/index.ts";
import type { WireReply } from "#workloads/platform/stream/index.ts";

import type { Caller } from "../calls/call.ts";
import type { Dispatcher } from "../calls/dispatcher.ts";
import type { MemberAddress } from "../calls/options.ts";
import type { GrpcMethod, GrpcMethods, GrpcServerCall } from "./grpc.ts";
import { healthMethods } from "./health.ts";
import { reflectionMethods } from "./reflection.ts";

/** What the services work with. */
export interface GrpcServicesOptions {
  readonly caller: Caller;
  readonly dispatcher: Dispatcher;
  readonly requestTimeoutMs: number;
  /** undefined = ready, else why not. */
  readonly ready: () => string | undefined;
}

const ROUTED: readonly (readonly [string, Method])[] = [
  [methodPath(DataService.method.get), Method.GET],
  [methodPath(DataService.method.delete), Method.DELETE],
  [methodPath(DataService.method.set), Method.SET],
  [methodPath(DataService.method.merge), Method.MERGE],
  [methodPath(DataService.method.listObjects), Method.LIST_OBJECTS],
  [methodPath(DataService.method.getValue), Method.GET_VALUE],
  [methodPath(DataService.method.setValue), Method.SET_VALUE],
  [methodPath(DataService.method.deleteValue), Method.DELETE_VALUE],
  [methodPath(DataService.method.batchSetValues), Method.BATCH_SET_VALUES],
  [methodPath(DataService.method.listValues), Method.LIST_VALUES],
  [methodPath(OprcFunction.method.invokeFn), Method.INVOKE_FN],
  [methodPath(OprcFunction.method.invokeObj), Method.INVOKE_OBJ],
];

const STREAMING: ReadonlySet<Method> = new Set([Method.LIST_OBJECTS, Method.LIST_VALUES]);

/** All methods by path. */
export function grpcMethods(options: GrpcServicesOptions): GrpcMethods {
  return new Map<string, GrpcMethod>([
    ...ROUTED.map(([path, method]): [string, GrpcMethod] => [path, routed(options, method)]),
    [methodPath(DataService.method.stats), { kind: "single", serve: statsOf(options) }],
    [
      methodPath(DataService.method.capabilities),
      { kind: "single", serve: capabilitiesOf(options) },
    ],
    ...healthMethods(options.ready),
    ...reflectionMethods(),
  ]);
}

function routed(options: GrpcServicesOptions, method: Method): GrpcMethod {
  const streaming = STREAMING.has(method);
  return {
    kind: "single",
    serve: (request, call) => {
      const target = scanTarget(method, request);
      if (target === undefined) {
        const message = "the request is malformed";
        call.fail({ code: GrpcCode.invalidArgument, reason: "MALFORMED_REQUEST", message });
        return;
      }
      const { said } = call;
      if (said.kind === "invalid") {
        const { reason, message } = said;
        call.fail({ code: GrpcCode.invalidArgument, reason, message });
        return;
      }
      const cancel = options.caller.call(
        {
          method,
          ...target,
          zeroIsNone: true,
          request,
          timeoutMs: call.timeoutMs,
          headers: said.headers,
        },
        streaming ? new StreamSink(call) : call,
      );
      call.onGone(cancel);
    },
  };
}

/** The last reply of a streaming method may be empty: then it is only the end. */
class StreamSink {
  readonly #call: GrpcServerCall;

  constructor(call: GrpcServerCall) {
    this.#call = call;
  }

  reply(response: Uint8Array, more: boolean): void {
    if (response.length === 0 && !more) this.#call.finish();
    else this.#call.reply(response, more);
  }

  fail(fault: CallFault): void {
    this.#call.fail(fault);
  }
}

function askMember(
  options: GrpcServicesOptions,
  member: MemberAddress,
  about: { readonly method: Method; readonly timeoutMs: number },
): Promise<WireReply> {
  return new Promise((resolve) => {
    options.dispatcher.send(
      member,
      { ...about, request: new Uint8Array(0), generation: 0n },
      resolve,
    );
  });
}

function faultOf(reply: WireReply): CallFault {
  return { code: reply.code, reason: reply.reason, message: reply.message };
}

/** The shards of every member, sorted; one member that does not answer fails the call. */
function statsOf(options: GrpcServicesOptions): (request: Buffer, call: GrpcServerCall) => void {
  return (_request, call) => {
    const timeoutMs = call.timeoutMs ?? options.requestTimeoutMs;
    const asked = options.dispatcher
      .members()
      .map((member) => askMember(options, member, { method: Method.STATS, timeoutMs }));
    void Promise.all(asked).then((replies) => {
      const refused = replies.find((reply) => reply.code !== GrpcCode.ok);
      if (refused !== undefined) {
        call.fail(faultOf(refused));
        return;
      }
      try {
        const shards = replies.flatMap(
          (reply) => fromBinary(StatsResponseSchema, reply.response).shards,
        );
        shards.sort(byCollection);
        const response = create(StatsResponseSchema, { shards });
        call.reply(toBinary(StatsResponseSchema, response), false);
      } catch (cause: unknown) {
        call.fail({ code: GrpcCode.internal, reason: "", message: errorMessage(cause) });
      }
    });
  };
}

function byCollection(a: ShardStats, b: ShardStats): number {
  if (a.collection !== b.collection) return a.collection < b.collection ? -1 : 1;
  return a.partitionId - b.partitionId;
}

/** What the data service itself says: the first member that answers. */
function capabilitiesOf(
  options: GrpcServicesOptions,
): (request: Buffer, call: GrpcServerCall) => void {
  return (_request, call) => {
    const about = {
      method: Method.CAPABILITIES,
      timeoutMs: call.timeoutMs ?? options.requestTimeoutMs,
    };
    const ask = async (): Promise<void> => {
      let fault: CallFault = {
        code: GrpcCode.unavailable,
        reason: "NO_ROUTES",
        message: "there is no member to ask",
      };
      for (const member of options.dispatcher.members()) {
        const reply = await askMember(options, member, about);
        if (reply.code === GrpcCode.ok) {
          call.reply(reply.response, false);
          return;
        }
        fault = faultOf(reply);
      }
      call.fail(fault);
    };
    void ask();
  };
}
