// `operators/*/permissions.ts` -> `config/operators/*/rbac.yaml`: rules as data become a
// ClusterRole, a Role in the operator's own namespace, and their bindings. Rules of the same
// resources are merged, so that what two controllers need stands there once.
import { stringify } from "yaml";

import type { OperatorRule } from "#operators/oaas/permissions.ts";
import { permissions as oaas } from "#operators/oaas/permissions.ts";
import { permissions as rawstor } from "#operators/rawstor/permissions.ts";

import type { Generator } from "./generator.ts";
import { settle } from "./generator.ts";

const HEADER =
  "# Generated from operators/*/permissions.ts and controllers/*/permissions.ts\n" +
  "# by `npm run gen`. Do not edit.\n";

/** A rule as RBAC writes it. */
export interface MergedRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** One rule per group, resource and name list; verbs united; sorted. */
export function mergeRules(rules: readonly OperatorRule[]): readonly MergedRule[] {
  const verbs = new Map<string, Set<string>>();
  for (const rule of rules) {
    for (const key of keysOf(rule)) {
      verbs.set(key, new Set([...(verbs.get(key) ?? []), ...rule.verbs]));
    }
  }
  return [...verbs.keys()].sort().map((key) => {
    const [group, resource, names] = JSON.parse(key) as [string, string, readonly string[]];
    return {
      apiGroups: [group],
      resources: [resource],
      ...(names.length === 0 ? {} : { resourceNames: names }),
      verbs: [...(verbs.get(key) ?? [])].sort(),
    };
  });
}

/** JSON of [group, resource, names] for every pair that the rule speaks of. */
function keysOf(rule: OperatorRule): readonly string[] {
  const names = [...(rule.resourceNames ?? [])].sort();
  return rule.apiGroups.flatMap((group) =>
    rule.resources.map((resource) => JSON.stringify([group, resource, names])),
  );
}

/** The four objects of one operator, as YAML. */
export function rbacYaml(name: string, rules: readonly OperatorRule[]): string {
  const own = mergeRules(rules.filter((rule) => rule.scope === "Own"));
  const wide = mergeRules(rules.filter((rule) => rule.scope !== "Own"));
  const subjects = [{ kind: "ServiceAccount", name, namespace: namespaceOf(name) }];
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const role = (kind: string): object => ({ apiGroup: "rbac.authorization.k8s.io", kind, name });
  const objects = [
    { apiVersion, kind: "ClusterRole", metadata: { name }, rules: wide },
    {
      apiVersion,
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: role("ClusterRole"),
      subjects,
    },
    { apiVersion, kind: "Role", metadata: { name }, rules: own },
    { apiVersion, kind: "RoleBinding", metadata: { name }, roleRef: role("Role"), subjects },
  ];
  return HEADER + objects.map((object) => stringify(object)).join("---\n");
}

function namespaceOf(operator: string): string {
  return operator.replace(/-operator$/, "-system");
}

/** The generator of `config/operators/<name>/rbac.yaml`. */
export const rbac: Generator = {
  name: "rbac",
  describe: "operators/*/permissions.ts -> config/operators/*/rbac.yaml",
  async run({ check }) {
    const file = (operator: string, rules: readonly OperatorRule[]) => ({
      path: `config/operators/${operator}/rbac.yaml`,
      content: rbacYaml(`${operator}-operator`, rules),
    });
    return await settle([file("oaas", oaas), file("rawstor", rawstor)], [], check);
  },
};
