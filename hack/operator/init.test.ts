import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { filesOf, readBlocks } from "./guide.ts";
import { scaffold } from "./init.ts";

const GUIDE = readFileSync(
  join(import.meta.dirname, "..", "..", "docs/guides/first-operator.md"),
  "utf8",
);
const given = { guide: GUIDE, kind: "Site", name: "site-operator", clone: "../clone" };

describe("the files of a new operator", () => {
  it("are those of the guide", () => {
    const files = scaffold({
      ...given,
      kind: "Page",
      name: "my-operator",
      clone: "../oaas-operator",
    });
    const printed = filesOf(readBlocks(GUIDE));
    const { "package.json": own, ...rest } = Object.fromEntries(files);
    const { "package.json": manifest, ...others } = Object.fromEntries(printed);
    expect(rest).toEqual(others);
    expect(JSON.parse(own ?? "")).toEqual(JSON.parse(manifest ?? ""));
  });

  it("have another kind throughout", () => {
    const files = scaffold(given);
    expect([...files.keys()]).toContain("site.ts");
    const text = [...files.values()].join("\n");
    expect(text).not.toMatch(/page/i);
    expect(text).toContain("export interface Site extends KubeResource<SiteSpec, SiteStatus>");
    expect(text).toContain('plural: "sites", singular: "site"');
    expect(text).toContain("export const SITE = defineKind<Site>");
    expect(files.get("package.json")).toContain('"oaas-operator": "file:../clone"');
    expect(files.get("package.json")).toContain('"name": "site-operator"');
  });

  it.each([
    { wrong: { kind: "site" }, says: "capitalised" },
    { wrong: { kind: "WebSite" }, says: "one capitalised word" },
    { wrong: { name: "My Operator" }, says: "npm wants small letters" },
  ])("are refused for $wrong", ({ wrong, says }) => {
    expect(() => scaffold({ ...given, ...wrong })).toThrow(says);
  });
});
