// Several operators share the objects of one cluster: each object is served by exactly one shard.
// Which one follows from its namespace and name, or from a label that keeps related objects
// together. Highest random weight: when the number of shards changes from n to n+1, only one object
// in n+1 moves. All replicas of a shard are told the same numbers and elect a leader of their own.
//
// The number of shards is part of the agreement: stop all shards before changing it, or two of them
// may serve one object for as long as the change lasts.

import { assert } from "#api/base/index.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.js";

/** Which part of all objects a process serves. */
export interface ShardOptions {
  /** From 0 on. */
  readonly index: number;
  /** At least 1. */
  readonly count: number;
  /** Objects with the same value of this label share a shard; without it the name decides. */
  readonly label?: string;
}

/** The part of an object that decides. */
export interface Sharded {
  readonly metadata: ObjectMeta;
}

/** True for objects of this shard. Throws for numbers that name no shard. */
export function shardFilter(options: ShardOptions): (object: Sharded) => boolean {
  const { index, count, label } = options;
  assert(Number.isInteger(count) && count >= 1, "a number of shards is at least 1");
  assert(Number.isInteger(index) && index >= 0 && index < count, `no shard ${index} of ${count}`);
  if (count === 1) return () => true;
  return ({ metadata }) => {
    const value = label === undefined ? undefined : metadata.labels?.[label];
    const text = value ?? `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
    return shardOf(text, count) === index;
  };
}

/** The shard of a text, for ever the same: operators of different versions must agree. */
export function shardOf(text: string, count: number): number {
  const base = fnv1a(text);
  let best = 0;
  let bestWeight = -1;
  for (let shard = 0; shard < count; shard++) {
    const weight = mix(base ^ Math.imul(shard + 1, 0x9e3779b1));
    if (weight > bestWeight) {
      best = shard;
      bestWeight = weight;
    }
  }
  return best;
}

/** Name of a shard's Lease; the plain name where there is only one. */
export function shardLeaseName(leaseName: string, shard: ShardOptions | undefined): string {
  return shard === undefined || shard.count === 1 ? leaseName : `${leaseName}-${shard.index}`;
}

/** FNV-1a, 32 bits, over UTF-16 units. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash;
}

/** Finalizer of MurmurHash3: spreads every bit over all others. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
