// What this controller may do beside what follows from its declaration (requiredPermissions in
// controllers/runtime), as data; hack/gen turns both into config/operators/rawstor/rbac.yaml.

/** The rules; `namespace` is the one of the targets' pods. */
export function permissions(namespace: string): readonly {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly namespaces: readonly string[];
  readonly reason: string;
}[] {
  return [
    {
      apiGroups: [""],
      resources: ["pods"],
      verbs: ["delete"],
      namespaces: [namespace],
      reason: "targets restart one failure domain at a time",
    },
  ];
}
