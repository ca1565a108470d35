// RawstorVolume: its identity as a kind, and what unset fields mean.

import type { KindId } from "../../meta/index.ts";
import { RAWSTOR_GROUP } from "../../meta/index.ts";

import type { Checksum, ChunkSize, Compression, FailureDomain, StoragePolicy } from "./policy.ts";
import type { RawstorVolumeSpec, VolumeDeletionPolicy, VolumeMode } from "./rawstor-volume.ts";

/** Identity of the kind. */
export const RAWSTOR_VOLUME = {
  group: RAWSTOR_GROUP,
  version: "v1alpha1",
  kind: "RawstorVolume",
  plural: "rawstorvolumes",
  namespaced: true,
} as const satisfies KindId;

/** Port of an NBD export that names none. */
export const DEFAULT_NBD_PORT = 10809;

/** Redundancy with its defaults filled in. */
export type EffectiveRedundancy =
  | { readonly kind: "copies"; readonly copies: number; readonly minCopies: number }
  | { readonly kind: "erasure"; readonly dataShards: number; readonly parityShards: number };

/** A policy with its defaults filled in. */
export interface EffectivePolicy {
  readonly chunkSize: ChunkSize;
  readonly redundancy: EffectiveRedundancy;
  /** 0: all. */
  readonly targets: number;
  readonly failureDomain: FailureDomain;
  readonly checksum: Checksum;
  readonly compression: Compression;
  readonly encrypted: boolean;
}

/** A volume with its defaults filled in. */
export interface EffectiveRawstorVolume {
  readonly mode: VolumeMode;
  readonly policy: EffectivePolicy;
  readonly deletionPolicy: VolumeDeletionPolicy;
}

/** `spec` with its defaults. */
export function effectiveRawstorVolume(spec: RawstorVolumeSpec): EffectiveRawstorVolume {
  return {
    mode: spec.mode ?? "Mutable",
    policy: effectivePolicy(spec.policy),
    deletionPolicy: spec.deletionPolicy ?? "Retain",
  };
}

/** `policy` with its defaults. */
export function effectivePolicy(policy: StoragePolicy | undefined): EffectivePolicy {
  return {
    chunkSize: policy?.chunkSize ?? "64Mi",
    redundancy: effectiveRedundancy(policy),
    targets: policy?.distribution?.targets ?? 0,
    failureDomain: policy?.failureDomain ?? "Host",
    checksum: policy?.checksum ?? "Xxh3",
    compression: policy?.compression ?? "None",
    encrypted: policy?.encryption !== undefined,
  };
}

/** Bytes of a chunk; undefined for Whole, one chunk of the volume's size. */
export function chunkSizeBytes(size: ChunkSize): number | undefined {
  if (size === "Whole") return undefined;
  const unit = size.slice(-2);
  const scale = unit === "Ti" ? 2 ** 40 : unit === "Gi" ? 2 ** 30 : 2 ** 20;
  return Number(size.slice(0, -2)) * scale;
}

function effectiveRedundancy(policy: StoragePolicy | undefined): EffectiveRedundancy {
  const redundancy = policy?.redundancy;
  if (redundancy?.dataShards !== undefined && redundancy.parityShards !== undefined) {
    return {
      kind: "erasure",
      dataShards: redundancy.dataShards,
      parityShards: redundancy.parityShards,
    };
  }
  const copies = redundancy?.copies ?? 2;
  return { kind: "copies", copies, minCopies: redundancy?.minCopies ?? (copies <= 2 ? 1 : 2) };
}
