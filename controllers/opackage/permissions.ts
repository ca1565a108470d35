// What this controller may do, as data; hack/gen turns it into config/operators/oaas/rbac.yaml.

/** Rules, alphabetical by group and resource. */
export const permissions: readonly {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly scope?: "Namespace" | "Cluster";
}[] = [
  {
    apiGroups: ["oaas.io"],
    resources: ["classruntimes"],
    verbs: ["create", "delete", "get", "list", "patch", "watch"],
  },
  {
    apiGroups: ["oaas.io"],
    resources: ["environments"],
    verbs: ["get", "list", "watch"],
    scope: "Cluster",
  },
  // patch: the finalizer of a package on which others depend.
  { apiGroups: ["oaas.io"], resources: ["opackages"], verbs: ["get", "list", "patch", "watch"] },
  // blockOwnerDeletion on children needs the right to change the owner's finalizers.
  { apiGroups: ["oaas.io"], resources: ["opackages/finalizers"], verbs: ["update"] },
  { apiGroups: ["oaas.io"], resources: ["opackages/status"], verbs: ["get", "patch"] },
];
