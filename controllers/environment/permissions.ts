// What this controller may do, as data; hack/gen turns it into config/operators/oaas/rbac.yaml.

/** Rules, alphabetical by group and resource. */
export const permissions: readonly {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly scope?: "Namespace" | "Cluster";
}[] = [
  { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"], scope: "Cluster" },
  { apiGroups: ["oaas.io"], resources: ["classruntimes"], verbs: ["get", "list", "watch"] },
  {
    apiGroups: ["oaas.io"],
    resources: ["environments"],
    verbs: ["get", "list", "watch"],
    scope: "Cluster",
  },
  {
    apiGroups: ["oaas.io"],
    resources: ["environments/status"],
    verbs: ["get", "patch"],
    scope: "Cluster",
  },
];
