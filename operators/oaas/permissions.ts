// What the oaas operator may do, as data: its controllers' rules and what it needs itself. hack/gen
// turns it into config/operators/oaas/rbac.yaml.
import { permissions as classRuntime } from "#controllers/class-runtime/permissions.ts";
import { permissions as environment } from "#controllers/environment/permissions.ts";
import { permissions as odgmCollection } from "#controllers/odgm-collection/permissions.ts";
import { permissions as opackage } from "#controllers/opackage/permissions.ts";

/** A rule; `Own` is granted in the operator's namespace only. */
export interface OperatorRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly scope?: "Own" | "Namespace" | "Cluster";
}

/** All rules of the program. */
export const permissions: readonly OperatorRule[] = [
  ...classRuntime,
  ...environment,
  ...odgmCollection,
  ...opackage,
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
  // The uid of kube-system is the cluster's name.
  {
    apiGroups: [""],
    resources: ["namespaces"],
    resourceNames: ["kube-system"],
    verbs: ["get"],
    scope: "Cluster",
  },
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    verbs: ["create", "get", "list", "update", "watch"],
    scope: "Own",
  },
  // The CA, the operator's and the gateway's certificates; ConfigMap oaas-routes.
  {
    apiGroups: [""],
    resources: ["secrets"],
    verbs: ["create", "get", "list", "patch", "watch"],
    scope: "Own",
  },
  {
    apiGroups: [""],
    resources: ["configmaps"],
    verbs: ["create", "get", "list", "patch", "watch"],
    scope: "Own",
  },
];
