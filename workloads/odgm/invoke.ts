// Invocations: the owner of the object calls the function. Who may call what from outside is the
// gateway's to decide; here every caller is one of ours.
import { Method } from "#api/gen/oaas-stream_pb.ts";
import type { CollectionFunction } from "#api/gen/oaas-admin_pb.ts";
import { decodeInvokeRequest } from "#workloads/core/store/index.ts";
import type { Responder } from "#workloads/platform/index.ts";
import { GrpcFailure } from "#workloads/platform/index.ts";

import type { ServedCollection } from "./collection.ts";
import type { NameSettings } from "./decode.ts";
import { checkedId, wellFormed } from "./decode.ts";
import { refuse } from "./errors.ts";
import type { Cancel, DataCall } from "./forward.ts";
import { forward } from "./forward.ts";
import type { FunctionPool } from "./functions.ts";
import type { Member } from "./member.ts";

/** An invocation and how it is treated. */
export interface InvokeWork extends NameSettings {
  readonly call: DataCall;
  readonly invokeTimeoutMs: number;
}

/** Calls the function, or hands the call to the owner of the object. Throws the refusal. */
export function answerInvoke(
  member: Member,
  functions: FunctionPool,
  work: InvokeWork,
  respond: Responder,
): Cancel {
  const { call } = work;
  const request = wellFormed(decodeInvokeRequest(call.request));
  const collection = member.collection(request.cls);
  const fn = collection.functionOf(request.fn);
  refuseUnserved(collection, fn);
  if (call.method === Method.INVOKE_OBJ) {
    const id = checkedId(request.id, work);
    const owner = collection.ownerOf(collection.partitionOf(id, request.partition));
    if (owner.kind === "remote") return forward(member, { call, collection, owner }, respond);
  }
  const bound = fn.timeoutMs === 0 ? work.invokeTimeoutMs : fn.timeoutMs;
  const startedAt = performance.now();
  return functions.call(
    {
      url: fn.url,
      method: call.method === Method.INVOKE_OBJ ? "invokeObj" : "invokeFn",
      request: call.request,
      timeoutMs: Math.min(call.timeoutMs, bound),
      headers: call.headers,
    },
    (result) => {
      const failed = result instanceof GrpcFailure;
      member.observeInvocation(fn.name, {
        status: failed ? result.status : 0,
        milliseconds: performance.now() - startedAt,
      });
      if (failed) respond.fail(result);
      else respond.ok([result]);
    },
  );
}

function refuseUnserved(collection: ServedCollection, fn: CollectionFunction): void {
  const name = `function "${fn.name}" of class ${collection.name}`;
  if (fn.disabled) throw refuse("FUNCTION_DISABLED", `${name} is disabled`);
  if (fn.concurrency === "Exclusive") {
    throw refuse("UNSUPPORTED", `${name}: concurrency Exclusive is not served`);
  }
  // A standby function waits until the others of its group are gone; a partition with one replica
  // has no others, but a group that names some cannot be watched yet.
  if (fn.standby && fn.activeGroup.length > 0) {
    throw refuse("UNSUPPORTED", `${name}: standby for a named group is not served`);
  }
  if (fn.url === "") throw refuse("NO_FUNCTION", `${name} has no workload`);
}
