// Where a call goes, decided from the table alone: validity, access, partition. Pure. The answer
// for a caller who is wrong is the same on REST and gRPC; only "no partition given" is told by each
// edge.
import type { Hasher } from "#api/base/index.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import type { CallFault } from "#workloads/core/rest/index.ts";
import { GrpcCode, parseObjectId } from "#workloads/core/rest/index.ts";
import { slotOf } from "#workloads/core/slots/index.ts";

import type { ClassRoute, FunctionTarget, ReplicaLink } from "./class-route.ts";
import type { Routes } from "./table.ts";

/** A call before it is routed. */
export interface CallSubject {
  readonly method: number;
  readonly cls: string;
  /** undefined = the caller named none. */
  readonly partition: number | undefined;
  /** gRPC has no absent partition: there 0 means "not given" for a Hashed class. */
  readonly zeroIsNone: boolean;
  /** The partition that a member has named as the object's, in place of the table. */
  readonly moved?: number;
  /** Empty for methods without an object. */
  readonly object: string;
  readonly fn: string;
}

/** A call that goes to the owner of a partition. */
export interface MemberDestination {
  readonly kind: "member";
  readonly partition: number;
  readonly address: string;
  readonly identity: string;
  readonly generation: bigint;
  /** A link that answers for every partition, or hands on to another replica; may be empty. */
  readonly anyAddress: string;
  /** Every member that holds the partition, as far as the table says. */
  readonly replicas: readonly ReplicaLink[];
  /** One of them leads and takes the writes. */
  readonly hasLeader: boolean;
  /** Where to turn if the slot has moved; undefined = the caller chose the partition. */
  readonly reroute: string | undefined;
  /** The function that will run, for its limits. */
  readonly fn: FunctionTarget | undefined;
}

/** Result of {@link resolveCall}. */
export type Destination =
  | MemberDestination
  | { readonly kind: "function"; readonly partition: number; readonly fn: FunctionTarget }
  | { readonly kind: "fault"; readonly fault: CallFault };

function refuse(code: number, reason: string, message: string): Destination {
  return { kind: "fault", fault: { code, reason, message } };
}

/**
 * Where calls go when there is one odgm for all classes and no table; partitions are the caller's.
 */
export function resolveStandalone(address: string, subject: CallSubject): Destination {
  const invokesClass = subject.method === Method.INVOKE_FN;
  if (subject.partition === undefined && !invokesClass) {
    const message = "the odgm behind this gateway is asked by partition: name it";
    return refuse(GrpcCode.invalidArgument, "PARTITION_REQUIRED", message);
  }
  return {
    kind: "member",
    partition: subject.partition ?? 0,
    address,
    identity: "",
    generation: 0n,
    anyAddress: "",
    replicas: [],
    hasLeader: false,
    reroute: undefined,
    fn: undefined,
  };
}

/** Decides where a call goes. */
export function resolveCall(routes: Routes, subject: CallSubject, hash: Hasher): Destination {
  const route = routes.find(subject.cls);
  if (route === undefined) {
    if (!routes.loaded) {
      return refuse(GrpcCode.unavailable, "NO_ROUTES", "no routing table was loaded yet");
    }
    return refuse(GrpcCode.notFound, "NO_CLASS", `class "${subject.cls}" is not served here`);
  }
  if (route.disabled) {
    return refuse(GrpcCode.unavailable, "CLASS_DISABLED", `class "${route.name}" is disabled`);
  }
  const invokes = subject.method === Method.INVOKE_FN || subject.method === Method.INVOKE_OBJ;
  if (!invokes) return resolveOwner(route, subject, hash, undefined);
  const fn = route.functions.get(subject.fn);
  const refusal = fn === undefined ? noFunction(route, subject.fn) : refuseFunction(fn);
  if (refusal !== undefined || fn === undefined) return refusal ?? noFunction(route, subject.fn);
  return resolveOwner(route, subject, hash, fn);
}

function noFunction(route: ClassRoute, name: string): Destination {
  const message = `class "${route.name}" has no function "${name}"`;
  return refuse(GrpcCode.notFound, "NO_FUNCTION", message);
}

function refuseFunction(fn: FunctionTarget): Destination | undefined {
  if (fn.access !== "Public") {
    const message = `function "${fn.name}" is ${fn.access} and cannot be called from outside`;
    return refuse(GrpcCode.permissionDenied, "ACCESS_DENIED", message);
  }
  if (fn.disabled) {
    return refuse(
      GrpcCode.failedPrecondition,
      "FUNCTION_DISABLED",
      `function "${fn.name}" is disabled`,
    );
  }
  if (fn.stateless && fn.url === "") {
    return refuse(GrpcCode.notFound, "NO_FUNCTION", `function "${fn.name}" has no workload`);
  }
  return undefined;
}

function resolveOwner(
  route: ClassRoute,
  subject: CallSubject,
  hash: Hasher,
  fn: FunctionTarget | undefined,
): Destination {
  const none = subject.zeroIsNone && subject.partition === 0 && route.slots !== undefined;
  const given = none ? undefined : subject.partition;
  if (given !== undefined && given >= route.partitionCount) {
    const message = `class "${route.name}" has partitions 0 to ${route.partitionCount - 1}`;
    return refuse(GrpcCode.notFound, "NO_PARTITION", message);
  }
  if (subject.method === Method.INVOKE_FN || subject.method === Method.OPEN_SESSION) {
    return destination(route, given ?? 0, given, fn);
  }
  if (subject.method === Method.LIST_OBJECTS) {
    if (given !== undefined) return destination(route, given, given, undefined);
    // Any member merges the partitions, in one order that no move of slots disturbs.
    if (route.slots !== undefined) return destination(route, 0, undefined, undefined);
    return partitionRequired(route);
  }
  if (subject.object === "") {
    return refuse(GrpcCode.invalidArgument, "OBJECT_REQUIRED", "the call names no object");
  }
  const object = parseObjectId(subject.object);
  if (object === undefined) {
    const message = "an object id has 1 to 160 characters of a-z 0-9 . _ : -";
    return refuse(GrpcCode.invalidArgument, "INVALID_OBJECT_ID", message);
  }
  if (route.slots === undefined) {
    if (given === undefined) return partitionRequired(route);
    return destination(route, given, given, fn);
  }
  const { moved } = subject;
  if (moved !== undefined && moved < route.partitionCount) {
    return destination(route, moved, undefined, fn);
  }
  const owner = route.slots[slotOf(hash, object)] ?? 0;
  if (given !== undefined && given !== owner) {
    const message = `object "${object}" belongs to partition ${owner}, not ${given}`;
    return refuse(GrpcCode.failedPrecondition, "WRONG_PARTITION", message);
  }
  return destination(route, owner, given, fn);
}

function partitionRequired(route: ClassRoute): Destination {
  const message = `class "${route.name}" is partitioned by its callers: name the partition`;
  return refuse(GrpcCode.invalidArgument, "PARTITION_REQUIRED", message);
}

function destination(
  route: ClassRoute,
  partition: number,
  given: number | undefined,
  fn: FunctionTarget | undefined,
): Destination {
  if (fn?.stateless === true) return { kind: "function", partition, fn };
  const address = route.links[partition] ?? "";
  if (address === "") {
    const message = `partition ${partition} of class "${route.name}" has no member yet`;
    return refuse(GrpcCode.unavailable, "SHARD_NOT_READY", message);
  }
  return {
    kind: "member",
    partition,
    address,
    identity: route.linkIdentity,
    generation: route.generation,
    anyAddress: route.anyLink,
    replicas: route.replicas[partition] ?? [],
    hasLeader: route.hasLeaders,
    reroute: given === undefined ? (route.anyLink === "" ? address : route.anyLink) : undefined,
    fn,
  };
}
