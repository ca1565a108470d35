// What the rawstor operator may do, as data: its controllers' rules and what it needs itself.
// hack/gen turns it into config/operators/rawstor/rbac.yaml.
import { permissions as ostTarget } from "#controllers/ost-target/permissions.ts";
import { permissions as rawstorVolume } from "#controllers/rawstor-volume/permissions.ts";

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
  ...ostTarget,
  ...rawstorVolume,
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
];
