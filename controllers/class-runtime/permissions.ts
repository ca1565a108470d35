// What this controller may do, as data; hack/gen turns it into config/operators/oaas/rbac.yaml.

const manage = ["create", "delete", "get", "list", "patch", "watch"];

/** Rules, alphabetical by group and resource. */
export const permissions: readonly {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly scope?: "Namespace" | "Cluster";
}[] = [
  { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["serviceaccounts", "services"], verbs: manage },
  { apiGroups: ["apps"], resources: ["deployments"], verbs: manage },
  { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: manage },
  { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: manage },
  { apiGroups: ["oaas.io"], resources: ["classruntimes"], verbs: ["get", "list", "watch"] },
  // blockOwnerDeletion on children needs the right to change the owner's finalizers.
  { apiGroups: ["oaas.io"], resources: ["classruntimes/finalizers"], verbs: ["update"] },
  { apiGroups: ["oaas.io"], resources: ["classruntimes/status"], verbs: ["get", "patch"] },
  {
    apiGroups: ["oaas.io"],
    resources: ["environments"],
    verbs: ["get", "list", "watch"],
    scope: "Cluster",
  },
  { apiGroups: ["oaas.io"], resources: ["odgmcollections"], verbs: manage },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: manage },
];
