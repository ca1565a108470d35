// What this controller may do beside what follows from its declaration (requiredPermissions in
// controllers/runtime), as data; hack/gen turns both into config/operators/oaas/rbac.yaml.

/** Rules, alphabetical by group and resource. */
export const permissions: readonly {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly scope?: "Namespace" | "Cluster";
  readonly reason: string;
}[] = [
  {
    apiGroups: [""],
    resources: ["persistentvolumeclaims"],
    verbs: ["delete"],
    reason: "scaling down: a member that holds nothing any more goes with its claim",
  },
  {
    apiGroups: [""],
    resources: ["persistentvolumes"],
    verbs: ["patch"],
    scope: "Cluster",
    reason: "deletionPolicy Retain sets the reclaim policy of the volumes behind the claims",
  },
  {
    apiGroups: [""],
    resources: ["pods"],
    verbs: ["delete"],
    reason: "members restart one at a time, when every group has caught up",
  },
  {
    apiGroups: [""],
    resources: ["secrets"],
    verbs: ["create", "patch"],
    reason: "certificates of members; written and watched by metadata, never read",
  },
];
