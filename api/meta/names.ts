// Names that are part of the contract with users, tools and other programs: groups, labels,
// annotations, finalizers, field managers.

/** API group of the kinds of Object-as-a-Service. */
export const OAAS_GROUP = "oaas.io";
/** API group of the kinds of Rawstor. */
export const RAWSTOR_GROUP = "rawstor.io";

/** Namespace of gateway, router, the oaas operator and its CA. */
export const OAAS_SYSTEM_NAMESPACE = "oaas-system";
/** Namespace of OST pods, mds, its etcd, the s3-gateway and the rawstor operator. */
export const RAWSTOR_SYSTEM_NAMESPACE = "rawstor-system";

/** Label keys. */
export const LABELS = {
  /** Recommended labels of Kubernetes. */
  name: "app.kubernetes.io/name",
  instance: "app.kubernetes.io/instance",
  component: "app.kubernetes.io/component",
  partOf: "app.kubernetes.io/part-of",
  managedBy: "app.kubernetes.io/managed-by",
  /** What an object belongs to. Values go through {@link labelValue}. */
  package: "oaas.io/package",
  class: "oaas.io/class",
  runtime: "oaas.io/runtime",
  environment: "oaas.io/environment",
  collection: "oaas.io/collection",
  function: "oaas.io/function",
  target: "rawstor.io/target",
  volume: "rawstor.io/volume",
  /** The inventory: uid of the object of ours that renders this one. */
  oaasOwnerUid: "oaas.io/owner-uid",
  rawstorOwnerUid: "rawstor.io/owner-uid",
  /** Marks the Secrets with certificates, which the operator watches by metadata only. */
  certificate: "oaas.io/certificate",
} as const;

/** Inventory label of a group: `<group>/owner-uid`. */
export function ownerUidLabel(group: string): string {
  return `${group}/owner-uid`;
}

/** Annotation keys. */
export const ANNOTATIONS = {
  /** Copied to children's metadata (never into pod templates), Events and logs. */
  correlationId: "oaas.io/correlation-id",
  /** Lets a deletion go on although what a finalizer waits for cannot be undone. */
  abandonOaas: "oaas.io/abandon",
  abandonRawstor: "rawstor.io/abandon",
  /** Names the stale copy that may become the current one of a lost volume. */
  promoteCopy: "rawstor.io/promote-copy",
  /** RFC 3339 end of the certificate in such a Secret. */
  certificateExpiry: "oaas.io/certificate-expiry",
  /** Changes when a pod template must roll though nothing else in it did. */
  restartedAt: "oaas.io/restarted-at",
} as const;

/** Finalizers, one per kind that needs one. */
export const FINALIZERS = {
  /** OPackage: ClassRuntimes in other clusters, and packages that depend on this one. */
  opackage: "oaas.io/opackage",
  /** ClassRuntime and OdgmCollection: only where data is to be deleted or kept by hand. */
  classRuntime: "oaas.io/class-runtime",
  odgmCollection: "oaas.io/odgm-collection",
  ostTarget: "rawstor.io/ost-target",
  rawstorVolume: "rawstor.io/rawstor-volume",
} as const;

/** Field managers: one per controller, one writer per field. */
export const FIELD_MANAGERS = {
  environment: "oaas-environment",
  opackage: "oaas-opackage",
  classRuntime: "oaas-class-runtime",
  odgmCollection: "oaas-odgm-collection",
  routes: "oaas-routes",
  certificates: "oaas-certificates",
  ostTarget: "rawstor-ost-target",
  rawstorVolume: "rawstor-volume",
} as const;

/** Value of `app.kubernetes.io/managed-by` on what each operator makes. */
export const MANAGED_BY = { oaas: "oaas-operator", rawstor: "rawstor-operator" } as const;
