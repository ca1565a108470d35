// Handing a call to the member that owns the partition, over the link. What arrives by a link from
// a member stays: if it is wrong here, the caller is told who is right.
import { status } from "@grpc/grpc-js";

import { assert } from "#api/base/index.ts";
import type { CollectionMember } from "#api/gen/oaas-admin_pb.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import { isNotDone } from "#api/workload/reasons.ts";
import type { PlacedMark, ReadDemand } from "#workloads/core/demand/index.ts";
import { NO_DEMAND } from "#workloads/core/demand/index.ts";
import type { CallExtras, LeaderHint, Responder } from "#workloads/platform/index.ts";
import { GrpcFailure, isEmptyListing, replyFailure } from "#workloads/platform/index.ts";

import type { Owner, ServedCollection } from "./collection.ts";
import { refuse } from "./errors.ts";
import type { Member } from "./member.ts";
import type { Lead } from "./shards/shard.ts";

/** A call as every transport hands it in. */
export interface DataCall extends CallExtras {
  readonly method: Method;
  readonly request: Uint8Array;
  /** Milliseconds that the caller still waits. */
  readonly timeoutMs: number;
  /** It came from a member: answer or refuse. */
  readonly forwarded: boolean;
  /** It came over the link, where only members and gateways are admitted. */
  readonly isFromMember: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Marks of the caller's session, of any partition; counts beside the demand's own. */
  readonly session?: readonly PlacedMark[] | undefined;
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
  const replicas = [owner.member, ...owner.others];
  const known = leadersOf(collection).get(owner.partition);
  const leader = replicas.find(({ id }) => id === known);
  const candidates =
    leader === undefined ? replicas : [leader, ...replicas.filter(({ id }) => id !== known)];
  return new Handing(member, forwarding, respond).start(candidates);
}

/** A call that came to a replica which does not lead the partition. */
export interface Misled {
  readonly call: DataCall;
  readonly collection: ServedCollection;
  readonly partition: number;
  readonly lead: Lead;
}

/**
 * Hands the call to the replica that leads. Who asked for hints, or was handed on already, is told
 * instead: NOT_LEADER with the leader if one is known, else NO_LEADER.
 */
export function toLeader(member: Member, misled: Misled, respond: Responder): Cancel {
  const { call, collection, partition, lead } = misled;
  const leader =
    lead.kind === "elsewhere"
      ? collection.spec.members.find(({ incarnation }) => incarnation === lead.incarnation)
      : undefined;
  if (leader === undefined) {
    const text = `partition ${partition} of class ${collection.name} has no leader now`;
    respond.fail(refuse("NO_LEADER", text));
    return undefined;
  }
  if (call.forwarded || call.wantsHint === true) {
    const text = `member ${leader.ordinal} leads partition ${partition} of ${collection.name}`;
    const hint: LeaderHint = { member: leader.id, address: leader.linkAddress };
    respond.fail(refuse("NOT_LEADER", text, { leader: hint }));
    return undefined;
  }
  const owner = { kind: "remote" as const, member: leader, others: [], partition };
  return new Handing(member, { call, collection, owner }, respond).start([leader]);
}

/** Leaders that have answered, by partition. */
const leaders = new WeakMap<ServedCollection, Map<number, bigint>>();

function leadersOf(collection: ServedCollection): Map<number, bigint> {
  const known = leaders.get(collection);
  if (known !== undefined) return known;
  const made = new Map<number, bigint>();
  leaders.set(collection, made);
  return made;
}

/** Hints that one call follows. */
const HINTS_MAX = 2;

const READS: ReadonlySet<Method> = new Set([
  Method.GET,
  Method.GET_VALUE,
  Method.LIST_VALUES,
  Method.LIST_OBJECTS,
]);

/** One call on its way through the replicas of a partition, one after the other. */
class Handing {
  readonly #member: Member;
  readonly #forwarding: Forwarding;
  readonly #respond: Responder;
  readonly #endsAtMs: number;
  #cancel: Cancel;
  #hints = 0;

  constructor(member: Member, forwarding: Forwarding, respond: Responder) {
    this.#member = member;
    this.#forwarding = forwarding;
    this.#respond = respond;
    this.#endsAtMs = performance.now() + forwarding.call.timeoutMs;
  }

  start(candidates: readonly CollectionMember[]): Cancel {
    this.#send(candidates);
    return () => this.#cancel?.();
  }

  /** The first replica that can be reached; a write that may have arrived goes to no other. */
  #send(candidates: readonly CollectionMember[]): void {
    const { call, collection, owner } = this.#forwarding;
    const [first, ...rest] = candidates;
    assert(first !== undefined, "a partition has a member");
    const responses: Uint8Array[] = [];
    this.#cancel = this.#member.peers.linkTo(first).call(
      {
        method: call.method,
        request: call.request,
        timeoutMs: Math.max(1, this.#endsAtMs - performance.now()),
        generation: collection.spec.generation,
        forwarded: true,
        headers: call.headers,
        identity: call.identity,
        demand: demandHere(call, collection.name, owner.partition),
        token: call.token,
      },
      (reply) => {
        if (reply.code !== status.OK) {
          this.#failed(replyFailure(reply), first, rest);
          return;
        }
        responses.push(reply.response);
        if (reply.more) return;
        if (collection.spec.shardType === "Raft" && !READS.has(call.method)) {
          leadersOf(collection).set(owner.partition, first.id);
        }
        const { mark, repeated } = reply;
        const placed = mark && { ...mark, cls: collection.name, partition: owner.partition };
        const none = isEmptyListing(call.method, responses);
        this.#respond.ok(none ? [] : responses, { mark: placed, repeated });
      },
    );
  }

  #failed(failure: GrpcFailure, by: CollectionMember, rest: readonly CollectionMember[]): void {
    const { call, collection, owner } = this.#forwarding;
    const known = leadersOf(collection);
    if (known.get(owner.partition) === by.id) known.delete(owner.partition);
    const leader = collection.spec.members.find(({ id }) => id === failure.leader?.member);
    if (failure.code === "NOT_LEADER" && leader !== undefined && this.#hints < HINTS_MAX) {
      this.#hints += 1;
      this.#send([leader, ...rest.filter(({ id }) => id !== leader.id)]);
      return;
    }
    const mayAsk =
      isNotDone(failure.code) || (failure.code === "LINK_LOST" && READS.has(call.method));
    if (rest.length > 0 && mayAsk) this.#send(rest);
    else this.#respond.fail(explain(failure, by.ordinal, call));
  }
}

/** What the read must see, with the marks of this partition out of the caller's session. */
export function demandHere(call: DataCall, cls: string, partition: number): ReadDemand {
  const demand = call.demand ?? NO_DEMAND;
  const here = (call.session ?? []).filter(
    (mark) => mark.cls === cls && mark.partition === partition,
  );
  return here.length === 0 ? demand : { ...demand, marks: [...demand.marks, ...here] };
}

/**
 * Names the member that could not be reached, so that the text makes sense to the caller. A write
 * that may have been carried out is not called UNAVAILABLE unless a repetition is recognised.
 */
function explain(failure: GrpcFailure, ordinal: number, call: DataCall): GrpcFailure {
  if (failure.code !== "LINK_DOWN" && failure.code !== "LINK_LOST") return failure;
  const text = `member ${ordinal}, which owns the partition: ${failure.message}`;
  const isSafe = READS.has(call.method) || call.identity !== undefined;
  if (failure.code === "LINK_LOST" && !isSafe) {
    return refuse("OUTCOME_UNKNOWN", `${text}; the call may have been carried out`, {
      cause: failure,
    });
  }
  return new GrpcFailure(failure.status, failure.code, text, { cause: failure });
}
