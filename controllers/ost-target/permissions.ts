// What the controller may do, as data; hack/gen turns it into config/operators/rawstor/rbac.yaml.

const read = ["get", "list", "watch"];
const manage = ["create", "delete", "get", "list", "patch", "watch"];

/** Rules of the OstTarget controller. */
export const permissions: readonly {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly scope?: "Namespace" | "Cluster";
}[] = [
  { apiGroups: [""], resources: ["configmaps", "serviceaccounts", "services"], verbs: manage },
  { apiGroups: [""], resources: ["nodes"], verbs: read, scope: "Cluster" },
  { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: manage },
  { apiGroups: [""], resources: ["persistentvolumes"], verbs: manage, scope: "Cluster" },
  { apiGroups: [""], resources: ["pods"], verbs: ["delete", "get", "list", "watch"] },
  { apiGroups: ["apps"], resources: ["statefulsets"], verbs: manage },
  {
    apiGroups: ["rawstor.io"],
    resources: ["osttargets"],
    verbs: [...read, "patch"],
    scope: "Cluster",
  },
  {
    apiGroups: ["rawstor.io"],
    resources: ["osttargets/finalizers"],
    verbs: ["update"],
    scope: "Cluster",
  },
  {
    apiGroups: ["rawstor.io"],
    resources: ["osttargets/status"],
    verbs: ["get", "patch"],
    scope: "Cluster",
  },
];
