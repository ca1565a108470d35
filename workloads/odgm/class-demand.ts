// What the reads of a class have to see, as its generation says. A partition of several Raft
// replicas is read as one object store unless the class says less: that is what the type is for.
import { assert } from "#api/base/index.ts";
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import type { Consistency, ReadDemand } from "#workloads/core/demand/index.ts";
import { demandOf, isConsistency } from "#workloads/core/demand/index.ts";

/** What of the resolved class matters here; the operator writes it, a newer one may write more. */
interface ClassPart {
  readonly consistency?: string;
  readonly stalenessBoundSeconds?: number;
}

const demands = new WeakMap<CollectionSpec, ReadDemand>();

/** The demand of every read of this class. */
export function classDemand(spec: CollectionSpec): ReadDemand {
  const known = demands.get(spec);
  if (known !== undefined) return known;
  const demand = read(spec);
  demands.set(spec, demand);
  return demand;
}

function read(spec: CollectionSpec): ReadDemand {
  const json = spec.resolvedClassJson === "" ? "{}" : spec.resolvedClassJson;
  const parsed: unknown = JSON.parse(json);
  assert(typeof parsed === "object" && parsed !== null, "the operator sends a class");
  const { consistency = "", stalenessBoundSeconds } = parsed as ClassPart;
  const said: Consistency | undefined = isConsistency(consistency) ? consistency : undefined;
  const otherwise = spec.shardType === "Raft" ? "Strong" : undefined;
  const boundMs = stalenessBoundSeconds === undefined ? undefined : stalenessBoundSeconds * 1000;
  return demandOf(said ?? otherwise, boundMs);
}
