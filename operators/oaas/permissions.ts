// What the oaas operator does itself beside its controllers, as data. Rights of controllers and of
// the framework are derived; hack/gen turns all of them into config/operators/oaas/rbac.yaml.

/** A rule that does not follow from the controllers' declarations, with its reason. */
export interface OperatorRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly reason: string;
}

/** Rules in the operator's own namespace. */
export const ownPermissions: readonly OperatorRule[] = [
  {
    apiGroups: [""],
    resources: ["secrets"],
    verbs: ["create", "list", "patch", "watch"],
    reason: "the CA and the certificates of the operator and the gateway",
  },
  {
    apiGroups: [""],
    resources: ["configmaps"],
    verbs: ["create", "list", "patch", "watch"],
    reason: "ConfigMap oaas-routes, which gateways read where the operator cannot be reached",
  },
];
