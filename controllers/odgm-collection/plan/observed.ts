// What the OdgmCollection controller has seen, as plain data: input of plan, render and status.
import type { MemberStatus } from "#api/gen/oaas-admin_pb.ts";
import type { OdgmCollection } from "#api/oaas/v1alpha1/odgm-collection.ts";

/** The collection with what the API server filled in. */
export type ObservedCollection = OdgmCollection & {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
};

/** A data pod. */
export interface ObservedPod {
  readonly name: string;
  readonly uid: string;
  readonly ordinal: number;
  readonly ready: boolean;
  /** Hash of the StatefulSet's revision that it was made from. */
  readonly revision: string;
  readonly deleting: boolean;
  /** Why it does not run, in the kubelet's or scheduler's words. */
  readonly trouble?: { readonly reason: string; readonly message: string };
}

/** The StatefulSet. */
export interface ObservedSet {
  readonly replicas: number;
  /** Revision that pods shall have; undefined until its controller has seen the newest spec. */
  readonly updateRevision?: string;
}

/** A claim of a data pod. */
export interface ObservedClaim {
  readonly name: string;
  readonly uid: string;
  readonly ordinal: number;
  /** Requested size, as it stands in the claim. */
  readonly size: string;
  readonly deleting: boolean;
  readonly volume?: ObservedVolume;
}

/** The volume bound to a claim. */
export interface ObservedVolume {
  readonly name: string;
  readonly reclaimPolicy: string;
  /** What the policy was before we changed it. */
  readonly originalReclaimPolicy?: string;
}

/** The identity record: what lives in ConfigMap `<name>-identity`. */
export interface IdentityRecord {
  /** Drawn once for a set of data; stores are formatted with it. */
  readonly identity: string;
  readonly collection: string;
  /** Per ordinal: an incarnation, that formatting was intended, or that it may go. */
  readonly members: ReadonlyMap<number, MemberRecord>;
}

/**
 * What is on record about the store of one ordinal. `evacuated`: it holds nothing that is not
 * elsewhere, its pod and claim may go.
 */
export type MemberRecord =
  | { readonly kind: "intent" }
  | { readonly kind: "formatted"; readonly incarnation: string }
  | { readonly kind: "evacuated" };

/** The certificate's Secret, from its metadata. */
export interface ObservedCertificate {
  readonly renewAtMs: number;
  readonly bundle: string;
  readonly issuer: string;
}

/** What a member last said, or why it says nothing. */
export type MemberSeen =
  | { readonly kind: "absent" }
  | { readonly kind: "connecting" }
  | { readonly kind: "unreachable"; readonly message: string }
  | { readonly kind: "known"; readonly status: MemberStatus };

/** Where to reach a member's admin service now. */
export interface SeenTarget {
  readonly ordinal: number;
  readonly address: string;
  readonly identity: string;
}

/** Everything that was seen in one pass. */
export interface Observed {
  readonly collection: ObservedCollection;
  readonly set?: ObservedSet;
  readonly pods: readonly ObservedPod[];
  readonly claims: readonly ObservedClaim[];
  /** Undefined: there is no record. `malformed`: there is one that nobody understands. */
  readonly identity?: IdentityRecord | { readonly malformed: string };
  readonly certificate?: ObservedCertificate;
  /** Undefined until the operator's CA is known. */
  readonly trust?: {
    readonly clusterUid: string;
    readonly bundle: string;
    readonly issuer: string;
  };
  readonly members: ReadonlyMap<number, MemberSeen>;
  readonly targets: ReadonlyMap<number, SeenTarget>;
}
