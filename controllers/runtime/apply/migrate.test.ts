import { describe, expect, it } from "@jest/globals";

import { migrateEntries } from "./migrate.ts";

const MIGRATION = { from: ["old", "kubectl"], to: "new", subresource: "" };

function entry(manager: string, operation: string, fieldsV1: object, subresource?: string) {
  const base = { apiVersion: "v1", fieldsType: "FieldsV1", manager, operation, fieldsV1 };
  return subresource === undefined ? base : { ...base, subresource };
}

describe("migrateEntries", () => {
  it.each([
    { name: "no entries", given: [] },
    { name: "nobody to take over from", given: [entry("other", "Update", { "f:data": {} })] },
    {
      name: "another subresource",
      given: [entry("old", "Update", { "f:status": {} }, "status")],
    },
  ])("has nothing to do: $name", ({ given }) => {
    expect(migrateEntries(given, MIGRATION)).toBeUndefined();
  });

  it("turns the entry of an updating manager into an applied one of ours", () => {
    const foreign = entry("other", "Update", { "f:data": { "f:theirs": {} } });
    const old = entry("old", "Update", { "f:data": { "f:a": {} } });
    expect(migrateEntries([foreign, old], MIGRATION)).toEqual([
      foreign,
      entry("new", "Apply", { "f:data": { "f:a": {} } }),
    ]);
  });

  it("joins the fields of all old managers with ours, level by level", () => {
    const list = (name: string) => ({ [`k:{"name":"${name}"}`]: { ".": {}, "f:image": {} } });
    const given = [
      entry("new", "Apply", { "f:spec": { "f:containers": list("a") } }),
      entry("old", "Apply", { "f:spec": { "f:containers": list("b"), "f:replicas": {} } }),
      entry("kubectl", "Update", { "f:metadata": { "f:labels": { "f:x": {} } } }),
    ];
    expect(migrateEntries(given, MIGRATION)).toEqual([
      entry("new", "Apply", {
        "f:spec": { "f:containers": { ...list("a"), ...list("b") }, "f:replicas": {} },
        "f:metadata": { "f:labels": { "f:x": {} } },
      }),
    ]);
  });

  it("keeps to the subresource that it is asked for", () => {
    const given = [
      entry("old", "Update", { "f:spec": {} }),
      entry("old", "Update", { "f:status": { "f:phase": {} } }, "status"),
    ];
    expect(
      migrateEntries(given, { ...MIGRATION, to: "new-status", subresource: "status" }),
    ).toEqual([
      given[0],
      entry("new-status", "Apply", { "f:status": { "f:phase": {} } }, "status"),
    ]);
  });
});
