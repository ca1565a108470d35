import { describe, expect, it } from "@jest/globals";

import { permissions as oaas } from "#operators/oaas/permissions.ts";
import { permissions as rawstor } from "#operators/rawstor/permissions.ts";

import { mergeRules } from "./rbac.ts";

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

describe("our operators", () => {
  it.each([
    ["oaas", oaas],
    ["rawstor", rawstor],
  ])("%s asks for no wildcard", (_name, rules) => {
    const words = rules.flatMap((rule) => [...rule.apiGroups, ...rule.resources, ...rule.verbs]);
    expect(words.filter((word) => word.includes("*"))).toEqual([]);
  });

  it("the oaas operator cannot get the Secrets of tenants", () => {
    const wide = oaas.filter((rule) => rule.scope !== "Own" && rule.resources.includes("secrets"));
    expect(wide.flatMap((rule) => rule.verbs)).not.toContain("get");
  });
});
