import { describe, expect, it } from "@jest/globals";

import type { OPackageClass, OPackageSpec } from "#api/oaas/v1alpha1/index.ts";
import { wireClassId } from "#api/oaas/v1alpha1/index.ts";

import { declaredClass, lineageOf } from "./lineage.ts";
import { resolveClass } from "./resolve.ts";
import type { Resolution } from "./resolve.ts";

function resolve(packages: Readonly<Record<string, OPackageSpec>>, name: string): Resolution {
  const known = new Map(Object.entries(packages));
  const start = declaredClass(known, { package: "p", name });
  if (start === undefined) throw new Error(`no class ${name}`);
  const lineage = lineageOf(known, start);
  if (lineage.kind !== "ok") throw new Error(lineage.kind);
  const [self, ...rest] = lineage.classes;
  if (self === undefined) throw new Error("empty lineage");
  return resolveClass([self, ...rest], { ownPackage: "p", elsewhere: "spec.classes[0].parents" });
}

const inOne = (...classes: OPackageClass[]): Readonly<Record<string, OPackageSpec>> => ({
  p: { classes },
});

describe("the order of resolution", () => {
  it.each([
    {
      name: "a chain: nearest first",
      classes: [{ name: "A", parents: ["B"] }, { name: "B", parents: ["C"] }, { name: "C" }],
      want: ["p.B", "p.C"],
    },
    {
      name: "several parents: in the order listed",
      classes: [{ name: "A", parents: ["B", "C"] }, { name: "B" }, { name: "C" }],
      want: ["p.B", "p.C"],
    },
    {
      name: "a diamond: both sides before what they have in common",
      classes: [
        { name: "A", parents: ["B", "C"] },
        { name: "B", parents: ["Top"] },
        { name: "C", parents: ["Top"] },
        { name: "Top" },
      ],
      want: ["p.B", "p.C", "p.Top"],
    },
  ])("$name", ({ classes, want }) => {
    const { resolved, member } = resolve(inOne(...classes), "A");
    expect(resolved.ancestors).toEqual(want);
    expect(wireClassId(member)).toBe("p.A");
  });
});

describe("what a class inherits", () => {
  it("members merge by name, the nearest wins, origins are told", () => {
    const { resolved, inherited, paths } = resolve(
      inOne(
        {
          name: "A",
          parents: ["B", "C"],
          keys: [{ name: "own", type: "String" }],
          functions: [{ name: "f", function: "mine" }],
        },
        { name: "B", functions: [{ name: "g", function: "of-b" }], keys: [{ name: "k" }] },
        {
          name: "C",
          functions: [
            { name: "f", function: "hidden" },
            { name: "g", function: "hidden" },
            { name: "h" },
          ],
        },
      ),
      "A",
    );
    expect(resolved.functions).toEqual([
      { name: "f", function: "mine" },
      { name: "g", function: "of-b" },
      { name: "h", function: "h" },
    ]);
    expect(resolved.keys?.map((key) => key.name)).toEqual(["own", "k"]);
    expect(inherited).toEqual([
      { member: "Function", name: "g", from: "p.B" },
      { member: "Function", name: "h", from: "p.C" },
      { member: "Key", name: "k", from: "p.B" },
    ]);
    expect(new Map(paths).get("functions[2]")).toBe("spec.classes[2].functions[2]");
  });

  it("settings one by one; falsy values count as said", () => {
    const { resolved, inherited } = resolve(
      inOne(
        { name: "A", parents: ["B", "C"], persistent: false },
        { name: "B", persistent: true, partitioning: "Explicit" },
        { name: "C", partitioning: "Hashed", ttlSeconds: 60 },
      ),
      "A",
    );
    expect(resolved).toMatchObject({ persistent: false, partitioning: "Explicit", ttlSeconds: 60 });
    expect(inherited.map((member) => `${member.name} ${member.from}`)).toEqual([
      "ttlSeconds p.C",
      "partitioning p.B",
    ]);
  });

  it("the staleness bound only together with the consistency that it belongs to", () => {
    const { resolved } = resolve(
      inOne(
        { name: "A", parents: ["B"], consistency: "None" },
        { name: "B", consistency: "BoundedStaleness", stalenessBoundSeconds: 5 },
      ),
      "A",
    );
    expect(resolved.consistency).toBe("None");
    expect(resolved).not.toHaveProperty("stalenessBoundSeconds");
  });

  it("not the description", () => {
    const { resolved } = resolve(
      inOne({ name: "A", parents: ["B"] }, { name: "B", description: "of B" }),
      "A",
    );
    expect(resolved).not.toHaveProperty("description");
  });
});

describe("what is inherited from another package", () => {
  const packages: Readonly<Record<string, OPackageSpec>> = {
    p: {
      classes: [
        {
          name: "A",
          parents: ["lib.B"],
          functions: [{ name: "own", function: "f" }],
          references: [{ name: "mine", class: "A" }],
        },
      ],
    },
    lib: {
      classes: [
        {
          name: "B",
          functions: [
            { name: "f", outputClass: "B" },
            { name: "g", function: "third/g" },
          ],
          references: [{ name: "other", class: "B" }],
          triggers: [
            {
              name: "t",
              source: { key: "k", events: ["Created"] },
              target: { class: "B", function: "f" },
            },
          ],
        },
      ],
    },
  };

  it("keeps meaning what it meant there", () => {
    const { resolved, functions } = resolve(packages, "A");
    expect(resolved.functions).toEqual([
      { name: "own", function: "f" },
      { name: "f", function: "lib.f", outputClass: "lib.B" },
      { name: "g", function: "third.g" },
    ]);
    expect(functions).toEqual([
      { package: "p", name: "f", alias: "f" },
      { package: "lib", name: "f", alias: "lib.f" },
      { package: "third", name: "g", alias: "third.g" },
    ]);
    expect(resolved.references).toEqual([
      { name: "mine", class: "p.A" },
      { name: "other", class: "lib.B" },
    ]);
    expect(resolved.triggers?.[0]?.target.class).toBe("lib.B");
  });

  it("is told at the field that brought it in", () => {
    const { paths } = resolve(packages, "A");
    expect(new Map(paths).get("functions[1]")).toBe("spec.classes[0].parents");
  });

  it("never shares a name with a function of the own package", () => {
    const { functions } = resolve(
      {
        p: {
          classes: [
            {
              name: "A",
              functions: [
                { name: "a", function: "lib.f" },
                { name: "b", function: "lib/f" },
                { name: "c", function: "0lib/f" },
              ],
            },
          ],
        },
      },
      "A",
    );
    expect(functions.map((fn) => fn.alias)).toEqual(["lib.f", "lib.f_", "_0lib.f"]);
  });
});

describe("the hash", () => {
  it("depends on what the class is and not on the order of its fields", () => {
    const one = resolve(inOne({ name: "A", persistent: true, ttlSeconds: 5 }), "A").hash;
    const same = resolve(inOne({ name: "A", ttlSeconds: 5, persistent: true }), "A").hash;
    const other = resolve(inOne({ name: "A", ttlSeconds: 6, persistent: true }), "A").hash;
    expect(same).toBe(one);
    expect(other).not.toBe(one);
    expect(one).toMatch(/^[0-9a-f]{16}$/);
  });
});
