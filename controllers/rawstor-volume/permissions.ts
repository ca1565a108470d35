// What the controller may do, as data; hack/gen turns it into config/operators/rawstor/rbac.yaml.

/** Rules of the RawstorVolume controller. */
export const permissions: readonly {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly scope?: "Namespace" | "Cluster";
}[] = [
  { apiGroups: ["rawstor.io"], resources: ["rawstorvolumes"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["rawstor.io"], resources: ["rawstorvolumes/status"], verbs: ["get", "patch"] },
];
