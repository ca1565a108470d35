import { describe, expect, it } from "@jest/globals";

import type { PermissionRule } from "#controllers/runtime/index.ts";
import { rawstorVolumeController } from "#controllers/rawstor-volume/reconcile.ts";

import { mergeRules, operatorRights, rbacFiles, rightsOf } from "./rbac.ts";

const OPERATOR = { name: "op-operator", namespace: "op-system" };

describe("mergeRules", () => {
  it("unites the verbs of one resource and keeps named resources apart", () => {
    const merged = mergeRules([
      { apiGroups: [""], resources: ["pods", "services"], verbs: ["watch", "list"] },
      { apiGroups: [""], resources: ["pods"], verbs: ["delete", "list"] },
      { apiGroups: [""], resources: ["pods"], resourceNames: ["a"], verbs: ["get"] },
    ]);
    expect(merged).toEqual([
      { apiGroups: [""], resources: ["pods"], resourceNames: ["a"], verbs: ["get"] },
      { apiGroups: [""], resources: ["pods"], verbs: ["delete", "list", "watch"] },
      { apiGroups: [""], resources: ["services"], verbs: ["list", "watch"] },
    ]);
  });
});

describe("rightsOf", () => {
  const rule = (parts: Partial<PermissionRule>): PermissionRule => ({
    apiGroups: ["t.io"],
    resources: ["things"],
    verbs: ["get"],
    ...parts,
  });

  it("puts each rule where it is needed", () => {
    const resourcesOf = (extra: PermissionRule, part: "own" | "served" | "cluster") =>
      rightsOf(OPERATOR, [], [extra])[part].flatMap(({ resources }) => resources);
    expect(resourcesOf(rule({}), "served")).toContain("things");
    expect(resourcesOf(rule({ scope: "Cluster" }), "cluster")).toContain("things");
    expect(resourcesOf(rule({ namespaces: ["op-system"] }), "own")).toContain("things");
    for (const part of ["own", "cluster"] as const) {
      expect(resourcesOf(rule({}), part)).not.toContain("things");
    }
  });

  it("refuses rights in namespaces that are nobody's", () => {
    const run = () => rightsOf(OPERATOR, [], [rule({ namespaces: ["other"] })]);
    expect(run).toThrow("foreign namespaces");
  });

  it("gives an operator with one plain controller what it needs and nothing more", () => {
    const { own, served, cluster } = rightsOf(OPERATOR, [rawstorVolumeController()]);
    const texts = [...own, ...served, ...cluster].map(
      ({ resources, verbs, resourceNames }) =>
        `${resources.join()}${resourceNames ? `/${resourceNames.join()}` : ""} ${verbs.join()}`,
    );
    expect(texts).toEqual([
      "leases/op-operator get,list,update,watch",
      "leases create",
      "events create,patch",
      "rawstorvolumes list,watch",
      "rawstorvolumes/status patch",
      "namespaces/kube-system get",
    ]);
  });
});

describe.each(operatorRights().map((rights) => [rights.name, rights] as const))(
  "%s",
  (_name, rights) => {
    const everywhere = [...rights.served, ...rights.cluster];

    it("asks for no wildcard", () => {
      const rules = [...everywhere, ...rights.own];
      const words = rules.flatMap((one) => [...one.apiGroups, ...one.resources, ...one.verbs]);
      expect(words.filter((word) => word.includes("*"))).toEqual([]);
    });

    it("cannot get the Secrets of tenants", () => {
      const secrets = everywhere.filter((rule) => rule.resources.includes("secrets"));
      expect(secrets.flatMap((rule) => rule.verbs)).not.toContain("get");
    });

    it("grants nothing cluster-wide on namespaced kinds where it serves only some", () => {
      const [, served, events] = rbacFiles(rights);
      expect(`${served?.content}${events?.content}`).not.toContain("ClusterRole");
    });
  },
);

it("the rawstor operator writes workloads in its own namespace only", () => {
  const [, rawstor] = operatorRights();
  const wide = [...(rawstor?.served ?? []), ...(rawstor?.cluster ?? [])];
  expect(wide.flatMap(({ resources }) => resources).sort()).toEqual([
    "events",
    "namespaces",
    "nodes",
    "osttargets",
    "osttargets/finalizers",
    "osttargets/status",
    "persistentvolumes",
    "rawstorvolumes",
    "rawstorvolumes/status",
  ]);
});

it("every rule that does not follow from a declaration has its reason", async () => {
  const { ownPermissions } = await import("#operators/oaas/permissions.ts");
  const { permissions: collection } = await import("#controllers/odgm-collection/permissions.ts");
  const { permissions: target } = await import("#controllers/ost-target/permissions.ts");
  for (const { reason } of [...ownPermissions, ...collection, ...target("a")]) {
    expect(reason.split(" ").length).toBeGreaterThan(4);
  }
});
