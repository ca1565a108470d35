// Invocations: the owner of the object calls the function. Who may call what from outside is the
// gateway's to decide; here every caller is one of ours.
import { status } from "@grpc/grpc-js";

import { Method } from "#api/gen/oaas-stream_pb.ts";
import type { CollectionFunction } from "#api/gen/oaas-admin_pb.ts";
import { EXCLUSIVE_HEADER, renderExclusiveToken } from "#workloads/core/demand/index.ts";
import { decodeInvokeRequest } from "#workloads/core/store/index.ts";
import type { Responder } from "#workloads/platform/index.ts";
import { GrpcFailure } from "#workloads/platform/index.ts";

import type { ServedCollection } from "./collection.ts";
import type { NameSettings } from "./decode.ts";
import { checkedId, wellFormed } from "./decode.ts";
import { refuse } from "./errors.ts";
import type { Cancel, DataCall } from "./forward.ts";
import { forward, toLeader } from "./forward.ts";
import type { FunctionPool } from "./functions.ts";
import type { Member } from "./member.ts";
import type { Shard } from "./shards/shard.ts";
import type { Turns } from "./turns.ts";

/** An invocation and how it is treated. */
export interface InvokeWork extends NameSettings {
  readonly call: DataCall;
  readonly invokeTimeoutMs: number;
}

/** What invocations run on. */
export interface InvokeHost {
  readonly member: Member;
  readonly functions: FunctionPool;
  /** Of exclusive calls. */
  readonly turns: Turns;
}

/** Calls the function, or hands the call to the owner of the object. Throws the refusal. */
export function answerInvoke(host: InvokeHost, work: InvokeWork, respond: Responder): Cancel {
  const { call } = work;
  const { member } = host;
  const request = wellFormed(decodeInvokeRequest(call.request));
  const collection = member.collection(request.cls);
  const fn = collection.functionOf(request.fn);
  refuseUnserved(collection, fn, call);
  const job: Job = { call, fn, bound: fn.timeoutMs === 0 ? work.invokeTimeoutMs : fn.timeoutMs };
  if (call.method !== Method.INVOKE_OBJ) return run(host, job, respond);
  const id = checkedId(request.id, work);
  const owner = collection.ownerOf(collection.partitionOf(id, request.partition));
  if (owner.kind === "remote") return forward(member, { call, collection, owner }, respond);
  if (fn.concurrency !== "Exclusive") return run(host, job, respond);
  const { shard } = owner;
  if (shard.lead.kind === "here") return runAlone(host, job, { collection, shard, id }, respond);
  const { partition, lead } = shard;
  return toLeader(member, { call, collection, partition, lead }, respond);
}

/** A call of a function that may run. */
interface Job {
  readonly call: DataCall;
  readonly fn: CollectionFunction;
  /** Longest time of the call. */
  readonly bound: number;
}

/** Calls the function. */
function run({ member, functions }: InvokeHost, job: Job, respond: Responder): () => void {
  const { call, fn, bound } = job;
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

/**
 * Calls the function when no other exclusive call of the object runs, with a token that is later
 * than all before: what a call writes that was given up, and runs on somewhere, is TOKEN_STALE.
 */
function runAlone(
  host: InvokeHost,
  job: Job,
  of: { readonly collection: ServedCollection; readonly shard: Shard; readonly id: string },
  respond: Responder,
): Cancel {
  const { collection, shard, id } = of;
  const { call } = job;
  const cls = collection.name;
  const cameAt = performance.now();
  let cancel: Cancel;
  let isGone = false;
  const leave = host.turns.take(`${cls}/${shard.partition}/${id}`, (end) => {
    const ending: Responder = {
      ok: (responses) => {
        end();
        respond.ok(responses);
      },
      fail: (failure) => {
        end();
        respond.fail(failure);
      },
    };
    shard.issueToken(id, (token) => {
      const timeoutMs = call.timeoutMs - (performance.now() - cameAt);
      if (token instanceof GrpcFailure) {
        ending.fail(token);
        return;
      }
      if (isGone || timeoutMs < 1) {
        const text = "the call was given up while it waited for its turn";
        ending.fail(new GrpcFailure(status.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", text));
        return;
      }
      const held = renderExclusiveToken({ ...token, cls, object: id });
      const headers = { ...call.headers, [EXCLUSIVE_HEADER]: held };
      cancel = run(host, { ...job, call: { ...call, timeoutMs, headers } }, ending);
    });
  });
  if (leave === undefined) throw refuse("OVERLOADED", `too many calls wait for object "${id}"`);
  return () => {
    isGone = true;
    leave();
    cancel?.();
  };
}

function refuseUnserved(
  collection: ServedCollection,
  fn: CollectionFunction,
  call: DataCall,
): void {
  const name = `function "${fn.name}" of class ${collection.name}`;
  if (fn.disabled) throw refuse("FUNCTION_DISABLED", `${name} is disabled`);
  if (fn.concurrency === "Exclusive" && call.method !== Method.INVOKE_OBJ) {
    throw refuse("UNSUPPORTED", `${name}: concurrency Exclusive is of calls on an object`);
  }
  if (call.identity !== undefined && !fn.immutable) {
    throw refuse("UNSUPPORTED", `${name}: results are not kept, a key would promise too much`);
  }
  // A standby function waits until the others of its group are gone; a partition with one replica
  // has no others, but a group that names some cannot be watched yet.
  if (fn.standby && fn.activeGroup.length > 0) {
    throw refuse("UNSUPPORTED", `${name}: standby for a named group is not served`);
  }
  if (fn.url === "") throw refuse("NO_FUNCTION", `${name} has no workload`);
}
