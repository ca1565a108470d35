import { describe, expect, it } from "@jest/globals";

import { findUnsupported } from "./unsupported.ts";

const table = ["classes[].keys", "classes[].name", "labels.*", "replicas", "storage.size"];

describe("findUnsupported", () => {
  it.each([
    { name: "served scalar", given: { replicas: 0 }, want: [] },
    {
      name: "everything below a served entry",
      given: { classes: [{ keys: [{ any: 1 }] }] },
      want: [],
    },
    { name: "map of any keys", given: { labels: { a: "b" } }, want: [] },
    { name: "unknown field", given: { suspend: false }, want: ["spec.suspend"] },
    {
      name: "field of the second element",
      given: { classes: [{ name: "a" }, { name: "b", triggers: [{}] }] },
      want: ["spec.classes[1].triggers"],
    },
    {
      name: "sibling of a served field",
      given: { storage: { class: "x" } },
      want: ["spec.storage.class"],
    },
    { name: "empty list and map", given: { timers: [], options: {} }, want: [] },
    { name: "null and undefined", given: { timers: null, options: undefined }, want: [] },
    { name: "list where a map is served", given: { storage: ["x"] }, want: ["spec.storage"] },
  ])("$name", ({ given, want }) => {
    expect(findUnsupported(given, table)).toEqual(want);
  });

  it("names paths from where the spec stands", () => {
    expect(findUnsupported({ x: 1 }, table, "spec.deployments[0]")).toEqual([
      "spec.deployments[0].x",
    ]);
  });
});
