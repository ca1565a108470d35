// One class of the routing table, checked and indexed once, so that a call costs a few look-ups.
import type { ClsRouting, FunctionRoute } from "#api/gen/oprc-route_pb.ts";
import { AccessModifier, Partitioning } from "#api/gen/oprc-route_pb.ts";
import type { SlotTable } from "#workloads/core/slots/index.ts";
import { makeSlotTable } from "#workloads/core/slots/index.ts";

/** Who may call a function. */
export type FunctionAccess = "Public" | "Internal" | "Private";

/** One binding of a class. */
export interface FunctionTarget {
  readonly name: string;
  /** http://host:port; empty if the function has no workload. */
  readonly url: string;
  readonly stateless: boolean;
  readonly access: FunctionAccess;
  readonly disabled: boolean;
  /** Longest time of a call; 0 = the gateway's own default. */
  readonly timeoutMs: number;
  /** Changes nothing, so that a call may be tried again. */
  readonly immutable: boolean;
}

/** A member that holds a partition. */
export interface ReplicaLink {
  readonly member: bigint;
  /** host:port */
  readonly address: string;
}

/** One class as it is served. */
export interface ClassRoute {
  readonly name: string;
  readonly generation: bigint;
  readonly partitionCount: number;
  /** Owner of each of the 4096 slots; undefined = Explicit, the caller chooses. */
  readonly slots: SlotTable | undefined;
  /** host:port of the link of each partition's owner. */
  readonly links: readonly string[];
  /** Every member that holds a partition, by partition; empty where the table names none. */
  readonly replicas: readonly (readonly ReplicaLink[])[];
  /** Whether a partition's replicas have a leader that takes the writes. */
  readonly hasLeaders: boolean;
  /** host:port of a link that answers for every partition. */
  readonly anyLink: string;
  /** URI SAN of the members. */
  readonly linkIdentity: string;
  readonly disabled: boolean;
  readonly functions: ReadonlyMap<string, FunctionTarget>;
}

/** Result of {@link indexClass}. */
export type IndexResult =
  | { readonly kind: "ok"; readonly route: ClassRoute }
  | { readonly kind: "invalid"; readonly problem: string };

const PARTITIONS_MAX = 65_536;

/** Checks an entry of the table. An invalid one must not replace a valid one. */
export function indexClass(entry: ClsRouting): IndexResult {
  if (entry.name === "") return { kind: "invalid", problem: "a class without a name" };
  const partitionCount = entry.partitions > 0 ? entry.partitions : entry.routing.length;
  if (partitionCount < 1 || partitionCount > PARTITIONS_MAX) {
    return { kind: "invalid", problem: `${partitionCount} partitions` };
  }
  let slots: SlotTable | undefined;
  if (entry.partitioning === Partitioning.HASHED) {
    const made = makeSlotTable(entry.slots, partitionCount);
    if (made.kind === "invalid") return { kind: "invalid", problem: made.message };
    slots = made.table;
  }
  const links = Array.from({ length: partitionCount }, (_, partition) => {
    const owner = entry.routing[partition]?.data?.linkAddress ?? "";
    return owner === "" ? entry.linkAddress : owner;
  });
  const replicas = Array.from({ length: partitionCount }, (_, partition) =>
    (entry.routing[partition]?.replicas ?? [])
      .filter(({ linkAddress }) => linkAddress !== "")
      .map(({ member, linkAddress }) => ({ member, address: linkAddress })),
  );
  return {
    kind: "ok",
    route: {
      name: entry.name,
      generation: entry.generation,
      partitionCount,
      slots,
      links,
      replicas,
      hasLeaders: entry.shardType === "Raft",
      anyLink: entry.linkAddress,
      linkIdentity: entry.linkIdentity,
      disabled: entry.disabled,
      functions: new Map(entry.functions.map((fn) => [fn.name, indexFunction(fn)])),
    },
  };
}

function indexFunction(fn: FunctionRoute): FunctionTarget {
  return {
    name: fn.name,
    url: fn.url,
    stateless: fn.stateless,
    access: accessOf(fn.access),
    disabled: fn.disabled,
    timeoutMs: fn.timeoutMs,
    immutable: fn.immutable,
  };
}

/** Unspecified is upstream's default, Public; a modifier that we do not know is the narrowest. */
function accessOf(modifier: AccessModifier): FunctionAccess {
  switch (modifier) {
    case AccessModifier.UNSPECIFIED:
    case AccessModifier.PUBLIC:
      return "Public";
    case AccessModifier.INTERNAL:
      return "Internal";
    default:
      return "Private";
  }
}
