// What the controller may do, as data; hack/gen turns it into config/operators/oaas/rbac.yaml.

const read = ["get", "list", "watch"];
const manage = ["create", "delete", "get", "list", "patch", "watch"];

/** Rules of the OdgmCollection controller. */
export const permissions: readonly {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly scope?: "Namespace" | "Cluster";
}[] = [
  { apiGroups: [""], resources: ["configmaps", "serviceaccounts", "services"], verbs: manage },
  { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: read },
  {
    apiGroups: [""],
    resources: ["persistentvolumes"],
    verbs: ["get", "list", "patch", "watch"],
    scope: "Cluster",
  },
  { apiGroups: [""], resources: ["pods"], verbs: ["delete", "get", "list", "watch"] },
  // Written, and watched by metadata only: the content of a tenant's Secret is never read.
  { apiGroups: [""], resources: ["secrets"], verbs: ["create", "list", "patch", "watch"] },
  { apiGroups: ["apps"], resources: ["statefulsets"], verbs: manage },
  { apiGroups: ["oaas.io"], resources: ["odgmcollections"], verbs: read },
  // blockOwnerDeletion on children needs the right to change the owner's finalizers.
  { apiGroups: ["oaas.io"], resources: ["odgmcollections/finalizers"], verbs: ["update"] },
  { apiGroups: ["oaas.io"], resources: ["odgmcollections/status"], verbs: ["get", "patch"] },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: manage },
];
