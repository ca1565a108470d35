// What unset fields of a collection's shape mean.

import type { Partitioning } from "./class-spec.ts";
import { effectiveStorage } from "./class-spec.funcs.ts";
import type { EffectiveStorage } from "./class-spec.funcs.ts";
import type { CollectionShape, ShardType } from "./collection-spec.ts";

/** A shape with its defaults filled in. */
export interface EffectiveCollection {
  readonly partitions: number;
  readonly replicas: number;
  readonly nodes: number;
  readonly shardType: ShardType;
  readonly partitioning: Partitioning;
  readonly storage: EffectiveStorage;
  readonly spreadBy: string;
}

/** `shape` with its defaults. */
export function effectiveCollection(shape: CollectionShape): EffectiveCollection {
  const replicas = shape.replicas ?? 1;
  return {
    partitions: shape.partitions ?? 1,
    replicas,
    nodes: shape.nodes ?? replicas,
    shardType: shape.shardType ?? "Basic",
    partitioning: shape.partitioning ?? "Hashed",
    storage: effectiveStorage(shape.storage),
    spreadBy: shape.placement?.spreadBy ?? "kubernetes.io/hostname",
  };
}
