// The rights that the framework itself uses for a controller, derived from what it declares. A
// controller's own `permissions.ts` is what RBAC is generated from; this is the check that it is
// enough. What ports do beside the framework is the controller's to declare.

import type { AnyController, PermissionRule } from "./types.ts";

const READ = ["list", "watch"] as const;
/** `get` sorts out an object that no cache shows; `create` is asked for by server-side apply. */
const WRITE = ["create", "delete", "get", "list", "patch", "watch"] as const;

/** Rights that every operator needs for Events. Leases: {@link leasePermissions}. */
export const EVENT_PERMISSIONS: readonly PermissionRule[] = [
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** Rights on the Lease of leader election, in its own namespace. */
export function leasePermissions(leaseName: string): readonly PermissionRule[] {
  const lease = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
  return [
    { ...lease, verbs: ["create"] },
    { ...lease, verbs: ["get", "list", "update", "watch"], resourceNames: [leaseName] },
  ];
}

/** One rule per kind that the framework touches for this controller. */
export function requiredPermissions(controller: AnyController): readonly PermissionRule[] {
  const { kind, spec } = controller;
  const group = [kind.group];
  const scope = kind.namespaced ? "Namespace" : "Cluster";
  const own = spec.finalizer === undefined ? READ : ["get", ...READ, "patch"];
  return [
    { apiGroups: group, resources: [kind.plural], verbs: own, scope },
    { apiGroups: group, resources: [`${kind.plural}/status`], verbs: ["patch"], scope },
    // blockOwnerDeletion, where the admission plugin OwnerReferencesPermissionEnforcement is on.
    { apiGroups: group, resources: [`${kind.plural}/finalizers`], verbs: ["update"], scope },
    ...controller.children.map((child) => rule(child.kind, WRITE)),
    ...(spec.watches ?? []).map((watched) => rule(watched.kind, READ)),
  ];
}

/** What a controller needs and has not declared, one entry per resource and verb; empty if none. */
export function missingPermissions(controller: AnyController): readonly string[] {
  const needs = requiredPermissions(controller).flatMap((one) =>
    one.apiGroups.flatMap((group) =>
      one.resources.flatMap((resource) => one.verbs.map((verb) => ({ group, resource, verb }))),
    ),
  );
  const missing = needs.filter(
    ({ group, resource, verb }) =>
      !controller.permissions.some(
        (one) =>
          one.resourceNames === undefined &&
          one.apiGroups.includes(group) &&
          one.resources.includes(resource) &&
          one.verbs.includes(verb),
      ),
  );
  const texts = missing.map(
    ({ group, resource, verb }) => `${verb} ${group === "" ? "" : `${group}/`}${resource}`,
  );
  return [...new Set(texts)].sort();
}

function rule(
  kind: { readonly group: string; readonly plural: string; readonly namespaced: boolean },
  verbs: readonly string[],
): PermissionRule {
  return {
    apiGroups: [kind.group],
    resources: [kind.plural],
    verbs,
    scope: kind.namespaced ? "Namespace" : "Cluster",
  };
}
