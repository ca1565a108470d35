// Shape of a deployment's data: partitions, replicas, shard type. The user's numbers win, then what
// is already there (the runtime's spec is the planner's memory; a plan of our own only raises),
// then the requirements. Every decision is told.

import type {
  CollectionShape,
  Consistency,
  OPackageDeployment,
  ShardType,
} from "#api/oaas/v1alpha1/index.ts";
import type { Problem } from "#controllers/objects/index.ts";
import { counted, invalid } from "#controllers/objects/index.ts";

import { quorumAvailability, replicasForTarget, strongReplicas } from "./availability.ts";

/** Most replicas of one partition. */
export const DATA_REPLICAS_MAX = 9;

/** Input of {@link planData}. */
export interface DataInput {
  readonly deployment: OPackageDeployment;
  /** Path of the deployment in the user's document. */
  readonly path: string;
  readonly consistency: Consistency;
  /** Path at which the class says its consistency. */
  readonly consistencyPath: string;
  /** Availability of one place in the environment. */
  readonly availability: number;
  /** Shape of the data that is there, if any. */
  readonly memory: CollectionShape | undefined;
}

/** The planned shape, what it reaches, and why. */
export interface DataPlan {
  readonly partitions: number;
  readonly replicas: number;
  readonly shardType: ShardType;
  /** Probability that a majority of the replicas is up. */
  readonly achieved: number;
  readonly why: readonly string[];
  readonly problems: readonly Problem[];
}

interface Decision<T> {
  readonly value: T;
  readonly why: string;
  /** The field that led to it. */
  readonly path: string;
}

/** Plans the data of one deployment. */
export function planData(input: DataInput): DataPlan {
  const wanted = wantedReplicas(input);
  const shard = shardTypeOf(input, wanted);
  const replicas = shard.value === "Basic" ? basicReplicas(input, wanted) : wanted;
  const partitions = partitionsOf(input);
  const achieved = quorumAvailability(
    Array.from({ length: replicas.value }, () => input.availability),
  );
  const target = targetOf(input.deployment);
  const missed =
    target === undefined || achieved >= target
      ? []
      : [
          `requirements.availability ${target} is not reached: ` +
            `${availabilityText(achieved)} with ${counted(replicas.value, "replica")}`,
        ];
  return {
    partitions: partitions.value,
    replicas: replicas.value,
    shardType: shard.value,
    achieved,
    why: [partitions.why, replicas.why, shard.why, ...missed],
    problems: problemsOf(input, replicas.value, shard),
  };
}

/** An availability as a decimal string of at most nine digits, rounded down: never flattering. */
export function availabilityText(value: number): string {
  const nines = Math.floor(value * 1e9 + 1e-3) / 1e9;
  return nines.toFixed(9).replace(/\.?0+$/, "");
}

function targetOf(deployment: OPackageDeployment): number | undefined {
  const { availability } = deployment.requirements ?? {};
  return availability === undefined ? undefined : Number(availability);
}

function wantedReplicas(input: DataInput): Decision<number> {
  const { deployment, path, memory } = input;
  if (deployment.replicas !== undefined) {
    const value = deployment.replicas;
    return { value, why: `replicas ${value}: the deployment says so`, path: `${path}.replicas` };
  }
  const planned = plannedReplicas(input);
  const limit = deployment.constraints?.maxReplicas ?? DATA_REPLICAS_MAX;
  const limited: Decision<number> =
    planned.value <= limit
      ? planned
      : {
          value: limit,
          why: `replicas ${limit}: constraints.maxReplicas, although ${planned.why}`,
          path: planned.path,
        };
  const there = memory?.replicas ?? 1;
  if (there <= limited.value) return limited;
  const why = `replicas ${there}: that many are there; lowering takes an explicit replicas`;
  return { value: there, why, path: limited.path };
}

function plannedReplicas(input: DataInput): Decision<number> {
  const { deployment, path, availability, consistency } = input;
  const target = targetOf(deployment);
  const places = Array.from({ length: DATA_REPLICAS_MAX }, () => availability);
  const base: Decision<number> =
    target === undefined
      ? { value: 1, why: "replicas 1: nothing asks for more", path: `${path}.replicas` }
      : {
          value: replicasForTarget(places, target).replicas,
          why:
            `replicas ${replicasForTarget(places, target).replicas}: requirements.availability ` +
            `${target} at ${availabilityText(availability)} per place`,
          path: `${path}.requirements.availability`,
        };
  const chosen = deployment.shardType ?? input.memory?.shardType;
  const type = chosen ?? shardTypeFor(consistency, base.value);
  if (type !== "Raft") return base;
  const value = Math.min(strongReplicas(base.value), DATA_REPLICAS_MAX);
  if (value === base.value) return base;
  const cause = consistency === "Strong" ? "consistency Strong" : "shardType Raft";
  const why = `replicas ${value}: ${cause} needs an odd count of at least 3`;
  return { value, why, path: input.consistencyPath };
}

/** Basic has one replica, whatever would be wanted. */
function basicReplicas(input: DataInput, wanted: Decision<number>): Decision<number> {
  if (wanted.value === 1 || input.deployment.replicas !== undefined) return wanted;
  const why = `replicas 1: shardType Basic has one, although ${wanted.why}`;
  return { value: 1, why, path: wanted.path };
}

function shardTypeOf(input: DataInput, replicas: Decision<number>): Decision<ShardType> {
  const { deployment, memory, consistency, consistencyPath, path } = input;
  if (deployment.shardType !== undefined) {
    const value = deployment.shardType;
    return { value, why: `shardType ${value}: the deployment says so`, path: `${path}.shardType` };
  }
  const planned = shardTypeFor(consistency, replicas.value);
  const cause = consistency === "Strong" ? consistencyPath : replicas.path;
  const given = `consistency ${consistency}, ${counted(replicas.value, "replica")}`;
  const why = `shardType ${planned}: ${given}`;
  const there = memory?.shardType;
  if (there === undefined || there === planned) return { value: planned, why, path: cause };
  return {
    value: there,
    why: `shardType ${there}: of the data that is there; it cannot be changed to ${planned}`,
    path: cause,
  };
}

/** Which type gives this consistency with this many replicas. */
export function shardTypeFor(consistency: Consistency, replicas: number): ShardType {
  switch (consistency) {
    case "Strong":
      return "Raft";
    case "ReadYourWrites":
      return replicas === 1 ? "Basic" : "Raft";
    case "BoundedStaleness":
    case "None":
      return replicas === 1 ? "Basic" : "Mst";
  }
}

function partitionsOf(input: DataInput): Decision<number> {
  const { deployment, path, memory } = input;
  if (deployment.partitions !== undefined) {
    const value = deployment.partitions;
    const why = `partitions ${value}: the deployment says so`;
    return { value, why, path: `${path}.partitions` };
  }
  const there = memory?.partitions ?? 1;
  const asked = deployment.requirements?.throughputRps;
  const why =
    asked === undefined
      ? `partitions ${there}: nothing asks for more`
      : `partitions ${there}: what one partition carries of ${asked} calls/s is not measured yet`;
  return { value: there, why, path: `${path}.requirements.throughputRps` };
}

/** What has made the shard type Raft, in the words of the field that the user wrote. */
function raftCause({ deployment, path, consistency, consistencyPath }: DataInput): string {
  if (deployment.shardType !== undefined) return `Raft of ${path}.shardType`;
  if (shardTypeFor(consistency, 2) !== "Raft") return "the Raft data that is there";
  return `consistency ${consistency} of ${consistencyPath} (a Raft majority)`;
}

function problemsOf(
  input: DataInput,
  replicas: number,
  shard: Decision<ShardType>,
): readonly Problem[] {
  const { deployment, path, consistency, consistencyPath } = input;
  const found: Problem[] = [];
  if (shard.value === "Basic" && replicas > 1) {
    const message = "shardType Basic has one replica; use Mst or Raft for more";
    found.push(invalid(`${path}.replicas`, message));
  }
  if (shard.value === "Mst" && (consistency === "Strong" || consistency === "ReadYourWrites")) {
    const message = `Mst cannot give consistency ${consistency} of ${consistencyPath}; use Raft`;
    found.push(invalid(`${path}.shardType`, message));
  }
  if (shard.value === "Raft" && deployment.replicas !== undefined && replicas % 2 === 0) {
    const message = `${raftCause(input)} needs an odd count of replicas; use ${replicas + 1}`;
    found.push(invalid(`${path}.replicas`, message));
  }
  const limit = deployment.constraints?.maxReplicas;
  if (limit !== undefined && (deployment.replicas ?? 1) > limit) {
    const message = `${deployment.replicas} is above constraints.maxReplicas ${limit}`;
    found.push(invalid(`${path}.replicas`, message));
  }
  return found;
}
