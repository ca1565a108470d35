// Handing a call to the member that owns the partition, over the link. What arrives by a link from
// a member stays: if it is wrong here, the caller is told who is right.
import { status } from "@grpc/grpc-js";

import { assert } from "#api/base/index.ts";
import type { CollectionMember } from "#api/gen/oaas-admin_pb.ts";
import type { Method } from "#api/gen/oaas-stream_pb.ts";
import { isNotDone } from "#api/workload/reasons.ts";
import type { Responder } from "#workloads/platform/index.ts";
import { GrpcFailure, isEmptyListing, replyFailure } from "#workloads/platform/index.ts";

import type { Owner, ServedCollection } from "./collection.ts";
import type { Member } from "./member.ts";

/** A call as every transport hands it in. */
export interface DataCall {
  readonly method: Method;
  readonly request: Uint8Array;
  /** Milliseconds that the caller still waits. */
  readonly timeoutMs: number;
  /** It came from a member: answer or refuse. */
  readonly forwarded: boolean;
  /** It came over the link, where only members and gateways are admitted. */
  readonly isFromMember: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** Cancels a call; undefined = there is nothing to cancel. */
export type Cancel = (() => void) | undefined;

/** What is handed on, and to whom. */
export interface Forwarding {
  readonly call: DataCall;
  readonly collection: ServedCollection;
  readonly owner: Extract<Owner, { kind: "remote" }>;
}

/** Hands the call on and the answer back as it is. Throws WRONG_PARTITION. */
export function forward(member: Member, forwarding: Forwarding, respond: Responder): Cancel {
  const { call, owner, collection } = forwarding;
  if (call.forwarded) {
    const ordinal = owner.member.ordinal;
    throw collection.wrongPartition(
      `partition ${owner.partition} belongs to member ${ordinal} as of this generation`,
      owner.partition,
    );
  }
  return forwardTo(member, { call, collection, owner }, [owner.member, ...owner.others], respond);
}

/** The first replica that can be reached; a call that may have arrived is not sent to another. */
function forwardTo(
  member: Member,
  forwarding: Forwarding,
  candidates: readonly CollectionMember[],
  respond: Responder,
): Cancel {
  const { call, collection } = forwarding;
  const [first, ...rest] = candidates;
  assert(first !== undefined, "a partition has a member");
  const responses: Uint8Array[] = [];
  const cancelling: { cancel: Cancel } = { cancel: undefined };
  cancelling.cancel = member.peers.linkTo(first).call(
    {
      method: call.method,
      request: call.request,
      timeoutMs: call.timeoutMs,
      generation: collection.spec.generation,
      forwarded: true,
      headers: call.headers,
    },
    (reply) => {
      if (reply.code !== status.OK) {
        const failure = replyFailure(reply);
        if (rest.length > 0 && isNotDone(failure.code)) {
          cancelling.cancel = forwardTo(member, forwarding, rest, respond);
          return;
        }
        respond.fail(explain(failure, first.ordinal));
        return;
      }
      responses.push(reply.response);
      if (reply.more) return;
      respond.ok(isEmptyListing(call.method, responses) ? [] : responses);
    },
  );
  return () => cancelling.cancel?.();
}

/** Names the member that could not be reached, so that the text makes sense to the caller. */
function explain(failure: GrpcFailure, ordinal: number): GrpcFailure {
  if (failure.code !== "LINK_DOWN" && failure.code !== "LINK_LOST") return failure;
  return new GrpcFailure(
    failure.status,
    failure.code,
    `member ${ordinal}, which owns the partition: ${failure.message}`,
    { cause: failure },
  );
}
