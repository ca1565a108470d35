// What this controller may do beside what follows from its declaration (requiredPermissions in
// controllers/runtime), as data; hack/gen turns both into config/operators/oaas/rbac.yaml.

/** Nothing: it has no port. */
export const permissions: readonly {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly scope?: "Namespace" | "Cluster";
  readonly reason: string;
}[] = [];
