// How an object is cut up, copied and prepared. One type for volumes, and later for buckets.

import type { DnsName, Int32, LabelSelector } from "../../meta/index.ts";

/**
 * How data is cut up, copied and prepared.
 */
export interface StoragePolicy {
  /**
   * Size of a chunk: Whole for one chunk per object (local storage), else a power of two from 1Mi
   * to 1Ti. Immutable. Default 64Mi.
   */
  readonly chunkSize?: ChunkSize;
  /** Copies, or data and parity. Default: two copies, one of which suffices to read and write. */
  readonly redundancy?: Redundancy;
  /** Over how many targets. */
  readonly distribution?: Distribution;
  /** What no two copies of a chunk may share. Default Host. */
  readonly failureDomain?: FailureDomain;
  /** Targets that may be used, by their labels. Default: all. */
  readonly selector?: LabelSelector;
  /** Checksum of each block of 4 KiB. Immutable. Default Xxh3. */
  readonly checksum?: Checksum;
  /** Compression before encryption; with mode Immutable only. Immutable. Default None. */
  readonly compression?: Compression;
  /** Encryption by the client. Immutable. Default: none. */
  readonly encryption?: Encryption;
}

/** Whole, or a power of two from 1Mi to 1Ti. */
export type ChunkSize =
  | "Whole"
  | "1Mi"
  | "2Mi"
  | "4Mi"
  | "8Mi"
  | "16Mi"
  | "32Mi"
  | "64Mi"
  | "128Mi"
  | "256Mi"
  | "512Mi"
  | "1Gi"
  | "2Gi"
  | "4Gi"
  | "8Gi"
  | "16Gi"
  | "32Gi"
  | "64Gi"
  | "128Gi"
  | "256Gi"
  | "512Gi"
  | "1Ti";

/** What no two copies may share. */
export type FailureDomain = "Target" | "Host" | "Rack" | "Zone";

/** Checksum of each block. */
export type Checksum = "None" | "Xxh3";

/** Compression of each chunk. */
export type Compression = "None" | "Lz4" | "Zstd";

/**
 * Copies of each chunk, or data and parity shards.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "has(self.copies) != (has(self.dataShards) || has(self.parityShards))",
 *     message: "set copies, or dataShards and parityShards",
 *   },
 *   {
 *     rule: "has(self.dataShards) == has(self.parityShards)",
 *     message: "dataShards and parityShards belong together",
 *     fieldPath: ".parityShards",
 *   },
 *   {
 *     rule: "!has(self.minCopies) || (has(self.copies) && self.minCopies <= self.copies)",
 *     message: "minCopies must not be above copies",
 *     fieldPath: ".minCopies",
 *   },
 * ]
 */
export interface Redundancy {
  /**
   * Copies of each chunk; 1: none to spare.
   *
   * @minimum 1
   * @maximum 8
   */
  readonly copies?: Int32;
  /**
   * Data shards of erasure coding.
   *
   * @minimum 2
   * @maximum 32
   */
  readonly dataShards?: Int32;
  /**
   * Parity shards of erasure coding.
   *
   * @minimum 1
   * @maximum 16
   */
  readonly parityShards?: Int32;
  /**
   * Fewest current copies with which it is still served. Default: 1 of at most 2, else 2.
   *
   * @minimum 1
   * @maximum 8
   */
  readonly minCopies?: Int32;
}

/** Over how many targets chunks are spread. */
export interface Distribution {
  /**
   * 1: one target per copy (local). 0: all. Default 0.
   *
   * @maximum 10000
   */
  readonly targets?: Int32;
}

/** Encryption by the client: AES-XTS in units of 4 KiB. */
export interface Encryption {
  /** Secret with the key, in the namespace of the volume. */
  readonly secretRef: EncryptionSecretRef;
}

/** A key in a Secret. */
export interface EncryptionSecretRef {
  /** Name of the Secret. */
  readonly name: DnsName;
  /**
   * Key in it. Default key.
   *
   * @pattern ^[-._a-zA-Z0-9]+$
   * @maxLength 253
   */
  readonly key?: string;
}
