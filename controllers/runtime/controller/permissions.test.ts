import { describe, expect, it } from "@jest/globals";

import { KINDS } from "../kinds/builtin.ts";
import { WIDGET, widgetController } from "../testing/widgets.ts";
import { leasePermissions, requiredPermissions } from "./permissions.ts";
import type { AnyController } from "./types.ts";
import { watch } from "./types.ts";

const port = { calls: [], fail: false };

/** `verb resource` with the namespaces, sorted. */
function rightsOf(controller: AnyController): readonly string[] {
  return requiredPermissions(controller)
    .flatMap(({ resources, verbs, namespaces }) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => `${verb} ${resource}${namespaces ? ` in ${namespaces.join()}` : ""}`),
      ),
    )
    .sort();
}

describe("requiredPermissions", () => {
  it("reads and reports where nothing else is declared", () => {
    expect(rightsOf(widgetController(port, { children: [] }))).toEqual([
      "list widgets",
      "patch widgets/status",
      "watch widgets",
    ]);
  });

  it("follows children, watches and finalizers", () => {
    const children = [{ kind: KINDS.ConfigMap, namespaces: ["a"] }];
    const watches = [watch({ kind: KINDS.Node }), watch({ kind: KINDS.Pod, namespaces: ["b"] })];
    const rights = rightsOf(widgetController(port, { children, watches }));
    expect(rights).toEqual([
      "create configmaps in a",
      "delete configmaps in a",
      "get configmaps in a",
      "get widgets",
      "list configmaps in a",
      "list nodes",
      "list pods in b",
      "list widgets",
      "patch configmaps in a",
      "patch widgets",
      "patch widgets/status",
      "update widgets/finalizers",
      "watch configmaps in a",
      "watch nodes",
      "watch pods in b",
      "watch widgets",
    ]);
  });

  it.each<readonly [string, Parameters<typeof widgetController>[1], boolean]>([
    ["children that the garbage collector reaches", { children: [{ kind: KINDS.Service }] }, false],
    ["a cluster-scoped child", { children: [{ kind: KINDS.PersistentVolume }] }, true],
    ["a child elsewhere", { children: [{ kind: KINDS.Service, clusters: "Any" }] }, true],
    ["former field managers", { children: [], formerManagers: ["old"] }, true],
  ])("%s: whether the own object is written", (_what, parts, isWritten) => {
    const rights = rightsOf(widgetController(port, parts));
    expect(rights.includes("patch widgets")).toBe(isWritten);
  });

  it("says which scope a rule needs", () => {
    const parts = { children: [{ kind: KINDS.PersistentVolume }] };
    const rules = requiredPermissions(widgetController(port, parts));
    const scopeOf = (resource: string) =>
      rules.find((rule) => rule.resources.includes(resource))?.scope;
    expect(scopeOf(WIDGET.plural)).toBe("Namespace");
    expect(scopeOf("persistentvolumes")).toBe("Cluster");
  });
});

it("leasePermissions can create any lease but touch only its own", () => {
  expect(
    leasePermissions("op", "ns").map(({ verbs, resourceNames }) => [verbs, resourceNames]),
  ).toEqual([
    [["create"], undefined],
    [["get", "list", "update", "watch"], ["op"]],
  ]);
});
