// The rights that the framework itself uses for a controller, derived from what it declares. RBAC
// is generated from these and from the few rules of controllers for what their ports do; a
// recording of requests shows that nothing is missing and nothing is left over.

import type { AnyController, ChildKind, PermissionRule } from "./types.ts";

const READ = ["list", "watch"] as const;
/** `get` sorts out an object that no cache shows; `create` is asked for by server-side apply. */
const WRITE = ["create", "delete", "get", "list", "patch", "watch"] as const;

/**
 * Rights that every operator needs for Events: where it watches, and in the namespace `default` for
 * those about cluster-scoped objects.
 */
export const EVENT_PERMISSIONS: readonly PermissionRule[] = [
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** Rights of {@link runOperator}: the cluster goes by the uid of a namespace that all have. */
export const CLUSTER_UID_PERMISSIONS: readonly PermissionRule[] = [
  {
    apiGroups: [""],
    resources: ["namespaces"],
    resourceNames: ["kube-system"],
    verbs: ["get"],
    scope: "Cluster",
  },
];

/** Rights on the Lease of leader election, in the operator's namespace. */
export function leasePermissions(leaseName: string, namespace: string): readonly PermissionRule[] {
  const lease = {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    namespaces: [namespace],
  };
  return [
    { ...lease, verbs: ["create"] },
    { ...lease, verbs: ["get", "list", "update", "watch"], resourceNames: [leaseName] },
  ];
}

/**
 * What the framework does for this controller: one rule per kind, and nothing for what it does not
 * declare (no finalizer, no children, no former field managers).
 */
export function requiredPermissions(controller: AnyController): readonly PermissionRule[] {
  const { kind, spec, children } = controller;
  const group = [kind.group];
  const scope = kind.namespaced ? "Namespace" : "Cluster";
  const own = changesOwn(controller) ? ["get", ...READ, "patch"] : READ;
  const owner: PermissionRule = {
    apiGroups: group,
    resources: [`${kind.plural}/finalizers`],
    verbs: ["update"],
    scope,
  };
  return [
    { apiGroups: group, resources: [kind.plural], verbs: own, scope },
    { apiGroups: group, resources: [`${kind.plural}/status`], verbs: ["patch"], scope },
    // blockOwnerDeletion, where the admission plugin OwnerReferencesPermissionEnforcement is on.
    ...(children.length === 0 ? [] : [owner]),
    ...children.map((child) => rule(child, WRITE)),
    ...(spec.watches ?? []).map((watched) => rule(watched, READ)),
  ];
}

/** True if more of the controller's own objects is written than their status. */
function changesOwn({ kind, spec, children }: AnyController): boolean {
  // The garbage collector does not reach these children: the framework holds the parent for them.
  const isRemote = (child: ChildKind): boolean =>
    child.clusters === "Any" ||
    (kind.namespaced && (!child.kind.namespaced || child.namespaces !== undefined));
  return (
    spec.finalizer !== undefined || spec.formerManagers !== undefined || children.some(isRemote)
  );
}

function rule(
  { kind, namespaces }: Pick<ChildKind, "kind" | "namespaces">,
  verbs: readonly string[],
): PermissionRule {
  return {
    apiGroups: [kind.group],
    resources: [kind.plural],
    verbs,
    scope: kind.namespaced ? "Namespace" : "Cluster",
    ...(namespaces === undefined ? {} : { namespaces }),
  };
}
