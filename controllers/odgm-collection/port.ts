// What the OdgmCollection controller needs from outside Kubernetes: the members' admin service and
// certificates. The operator implements it; the simulator has its own.
import type { CollectionSpec, MemberStatus } from "#api/gen/oaas-admin_pb.ts";

/** One member as it can be reached now. */
export interface MemberTarget {
  readonly ordinal: number;
  /** host:port of its admin service. */
  readonly address: string;
  /** URI SAN that its certificate must carry. */
  readonly identity: string;
}

/** What a member last said, or why it says nothing. */
export type MemberView =
  | { readonly kind: "connecting" }
  | { readonly kind: "unreachable"; readonly message: string }
  | { readonly kind: "known"; readonly status: MemberStatus };

/** Key of a collection, as in the framework. */
export interface CollectionKey {
  readonly namespace: string;
  readonly name: string;
}

/** Certificate of a collection as it shall be. */
export interface CertificateRequest {
  readonly namespace: string;
  readonly secretName: string;
  readonly identity: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly owner: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
  };
}

/** Facts about certificates that `observe` reads. */
export interface Trust {
  /** Uid of the cluster: the trust domain of every identity. */
  readonly clusterUid: string;
  /** Names the CA bundle that every Secret must hold now. */
  readonly bundle: string;
  /** Names the CA that must have signed. */
  readonly issuer: string;
}

/** The port. All calls are idempotent. */
export interface CollectionPort {
  /**
   * The newest status of each member. Connects to the ones not known yet and lets go of this
   * collection's others; a change of any of them wakes the collection. Waits a bounded time for
   * members that were never heard.
   */
  members(
    key: CollectionKey,
    targets: readonly MemberTarget[],
  ): Promise<ReadonlyMap<number, MemberView>>;
  /** Lets go of all members of this collection. */
  forget(key: CollectionKey): void;
  /** Undefined until the CA is known. */
  trust(): Trust | undefined;
  /** Wakes collections when a member or the CA changes. */
  start(wake: (key: CollectionKey) => void): () => void;

  format(target: MemberTarget, collection: string, identity: string): Promise<void>;
  propose(target: MemberTarget, expected: bigint, wanted: CollectionSpec): Promise<void>;
  apply(target: MemberTarget, spec: CollectionSpec): Promise<void>;
  /** Gives the empty meta group at `to` the generation that `from` serves. */
  adoptGeneration(from: MemberTarget, to: MemberTarget): Promise<void>;
  /** Makes a member hand its leaderships over and take none for so long. */
  resign(target: MemberTarget, seconds: number): Promise<void>;
  issueCertificate(request: CertificateRequest): Promise<void>;
  /** Deletes a pod if it still is this one, so that the StatefulSet makes it anew. */
  restartPod(pod: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  }): Promise<void>;
  /** Deletes a claim if it still is this one. Only for claims of members that hold nothing. */
  deleteClaim(claim: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  }): Promise<void>;
  /** Sets what happens to a volume when its claim goes. */
  setReclaimPolicy(volume: string, policy: "Retain" | "Delete", original: string): Promise<void>;
}

/** Annotations of TLS Secrets that `observe` reads through a metadata-only watch. */
export const CERTIFICATE_ANNOTATIONS = {
  bundle: "oaas.io/tls-bundle",
  issuer: "oaas.io/tls-issuer",
  /** RFC 3339. */
  renewAt: "oaas.io/tls-renew-at",
} as const;

/** Annotation of a volume: its reclaim policy before we changed it. */
export const ORIGINAL_RECLAIM_POLICY = "oaas.io/original-reclaim-policy";
