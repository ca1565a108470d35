import { describe, expect, it } from "@jest/globals";

import type { Environment, OPackage, OPackageSpec } from "#api/oaas/v1alpha1/index.ts";

import { plan } from "../plan.ts";
import type { ObservedPackage } from "./observed.ts";

const image = { provision: { deployment: { image: "i:1" } } };

function packageOf(name: string, spec: OPackageSpec): OPackage {
  return {
    apiVersion: "oaas.io/v1alpha1",
    kind: "OPackage",
    metadata: { name, namespace: "ns" },
    spec,
  };
}

function environmentOf(name: string, spec: Environment["spec"] = {}): Environment {
  return { apiVersion: "oaas.io/v1alpha1", kind: "Environment", metadata: { name }, spec };
}

interface Given {
  readonly spec: OPackageSpec;
  readonly others?: Readonly<Record<string, OPackageSpec>>;
  readonly environments?: readonly Environment[];
}

function observe(given: Given): ObservedPackage {
  const others = Object.entries(given.others ?? {});
  const environments = given.environments ?? [];
  return {
    package: packageOf("p", given.spec),
    packages: new Map(others.map(([name, spec]) => [name, packageOf(name, spec)])),
    environments: new Map(environments.map((e) => [e.metadata.name ?? "", e])),
    runtimes: [],
  };
}

const cases: readonly (Given & { readonly name: string; readonly want: readonly string[] })[] = [
  {
    name: "names that are used twice, each at its second place",
    spec: {
      classes: [{ name: "A" }, { name: "A" }],
      functions: [
        { name: "f", ...image },
        { name: "f", ...image },
      ],
      deployments: [
        { name: "d", class: "A" },
        { name: "d", class: "A" },
      ],
    },
    want: [
      "spec.classes[1].name: the name A is used twice",
      "spec.functions[1].name: the name f is used twice",
      "spec.deployments[1].name: the name d is used twice",
    ],
  },
  {
    name: "members of a class that are named twice",
    spec: {
      classes: [
        {
          name: "A",
          functions: [{ name: "f" }, { name: "f" }],
          keys: [{ name: "k" }, { name: "k" }],
        },
      ],
      functions: [{ name: "f", ...image }],
    },
    want: [
      "spec.classes[0].functions[1].name: the name f is used twice",
      "spec.classes[0].keys[1].name: the name k is used twice",
    ],
  },
  {
    name: "a binding to a function that does not exist, by its reference or by its name",
    spec: {
      classes: [{ name: "A", functions: [{ name: "f" }, { name: "g", function: "other" }] }],
    },
    want: [
      "spec.classes[0].functions[0].name: there is no function f in spec.functions",
      "spec.classes[0].functions[1].function: there is no function other in spec.functions",
    ],
  },
  {
    name: "a binding to a function that a dependency does not have",
    spec: {
      dependencies: [{ name: "lib" }],
      classes: [{ name: "A", functions: [{ name: "f", function: "lib/f" }] }],
    },
    others: { lib: {} },
    want: ["spec.classes[0].functions[0].function: there is no function f in package lib"],
  },
  {
    name: "a package that is used and not declared",
    spec: { classes: [{ name: "A", parents: ["lib.B"] }] },
    others: { lib: { classes: [{ name: "B" }] } },
    want: ["spec.classes[0].parents[0]: package lib is not listed in spec.dependencies"],
  },
  {
    name: "a parent that does not exist",
    spec: {
      dependencies: [{ name: "lib" }],
      classes: [{ name: "A", parents: ["B", "lib.C"] }],
    },
    others: { lib: {} },
    want: [
      "spec.classes[0].parents[0]: there is no class p.B",
      "spec.classes[0].parents[1]: there is no class lib.C",
    ],
  },
  {
    name: "a cycle of parents, once and as a path",
    spec: {
      classes: [
        { name: "A", parents: ["B"] },
        { name: "B", parents: ["C"] },
        { name: "C", parents: ["A"] },
      ],
    },
    want: ["spec.classes[0].parents: classes inherit from each other: p.A -> p.B -> p.C -> p.A"],
  },
  {
    name: "a class that is its own parent",
    spec: { classes: [{ name: "A", parents: ["A"] }] },
    want: ["spec.classes[0].parents: classes inherit from each other: p.A -> p.A"],
  },
  {
    name: "a cycle of packages, as a path",
    spec: { dependencies: [{ name: "q" }] },
    others: {
      q: { dependencies: [{ name: "r" }] },
      r: { dependencies: [{ name: "p" }] },
    },
    want: ["spec.dependencies[0]: packages depend on each other: p -> q -> r -> p"],
  },
  {
    name: "a package that depends on itself",
    spec: { dependencies: [{ name: "p" }] },
    want: ["spec.dependencies[0]: packages depend on each other: p -> p"],
  },
  {
    name: "a deployment of a class that does not exist",
    spec: { deployments: [{ name: "d", class: "Nope" }] },
    want: ["spec.deployments[0].class: there is no class p.Nope"],
  },
  {
    name: "a deployed class with a Logical function that nobody has bound",
    spec: {
      classes: [{ name: "A", functions: [{ name: "f" }] }],
      functions: [{ name: "f", type: "Logical" }],
      deployments: [{ name: "d", class: "A" }],
    },
    want: [
      "spec.deployments[0].class: binding f is the Logical function f, which runs nowhere; " +
        "deploy a subclass that binds it",
    ],
  },
  {
    name: "environments that do not exist, or come twice",
    spec: {
      classes: [{ name: "A" }, { name: "B" }, { name: "C" }],
      deployments: [
        { name: "a", class: "A", environments: ["nope"] },
        { name: "b", class: "B", availableEnvironments: ["default", "nope"] },
        { name: "c", class: "C", members: [{ id: 1, environment: "nope" }] },
      ],
    },
    want: [
      "spec.deployments[0].environments[0]: there is no Environment nope",
      "spec.deployments[1].availableEnvironments[1]: there is no Environment nope",
      "spec.deployments[2].members[0].environment: there is no Environment nope",
    ],
  },
  {
    name: "an environment outside of the jurisdiction",
    spec: {
      classes: [{ name: "A" }],
      deployments: [
        { name: "d", class: "A", environments: ["e"], constraints: { jurisdiction: ["eu"] } },
      ],
    },
    environments: [environmentOf("e", { region: "us" })],
    want: [
      "spec.deployments[0].environments[0]: environment e is outside of constraints.jurisdiction",
    ],
  },
  {
    name: "a class that is deployed twice",
    spec: {
      classes: [{ name: "A" }],
      deployments: [
        { name: "one", class: "A" },
        { name: "two", class: "A" },
      ],
    },
    want: ["spec.deployments[1].class: class p.A is deployed already by spec.deployments[0]"],
  },
  {
    name: "a disabled function that the class does not have",
    spec: {
      classes: [{ name: "A", functions: [{ name: "f" }] }],
      functions: [{ name: "f", ...image }],
      deployments: [
        {
          name: "d",
          class: "A",
          members: [{ id: 1, environment: "default", disabledFunctions: ["g"] }],
        },
      ],
    },
    want: ["spec.deployments[0].members[0].disabledFunctions[0]: class A has no function g"],
  },
  {
    name: "limits that contradict what is asked for",
    spec: {
      classes: [{ name: "A", functions: [{ name: "f" }] }],
      functions: [{ name: "f", ...image, scale: { min: 5 } }],
      deployments: [{ name: "d", class: "A", constraints: { maxReplicas: 3 } }],
    },
    want: [
      "spec.deployments[0].constraints.maxReplicas: 3 is below scale.min 5 of spec.functions[0]",
    ],
  },
  {
    name: "a class that becomes wrong by what it inherits",
    spec: {
      classes: [
        { name: "Fast", storage: { provider: "Memory" }, persistent: false },
        { name: "Safe", parents: ["Fast"], persistent: true },
      ],
      deployments: [{ name: "d", class: "Safe" }],
    },
    want: [
      "spec.classes[0].storage: with what it inherits: storage.provider Memory needs " +
        "persistent false",
    ],
  },
  {
    name: "a broken class of another package, at the reference to it",
    spec: { dependencies: [{ name: "lib" }], deployments: [{ name: "d", class: "lib.B" }] },
    others: {
      lib: {
        classes: [
          { name: "B", parents: ["C"] },
          { name: "C", parents: ["D"] },
        ],
      },
    },
    want: [
      "spec.deployments[0].class: lib.B cannot be resolved: lib.C inherits from lib.D, which " +
        "does not exist",
    ],
  },
];

describe("validation refuses", () => {
  it.each(cases)("$name", ({ want, ...given }) => {
    const { problems } = plan(observe(given));
    const invalid = problems.filter((problem) => problem.reason === "Invalid");
    expect(invalid.map((problem) => `${problem.path}: ${problem.message}`)).toEqual(want);
  });

  it("everything at once, and Invalid before Unsupported", () => {
    const { halt } = plan(
      observe({
        spec: {
          classes: [{ name: "A", stateType: "Singleton", functions: [{ name: "f" }] }],
          deployments: [{ name: "d", class: "Nope" }],
        },
      }),
    );
    expect(halt).toEqual({
      kind: "refused",
      reason: "Invalid",
      message:
        "spec.classes[0].functions[0].name: there is no function f in spec.functions; " +
        "spec.deployments[0].class: there is no class p.Nope; " +
        "spec.classes[0].stateType: state type Singleton is not served yet",
    });
  });
});

describe("validation does not refuse", () => {
  it("what may still come: a dependency that is not there is waited for", () => {
    const { halt, problems } = plan(
      observe({
        spec: {
          dependencies: [{ name: "lib" }],
          classes: [
            { name: "A", parents: ["lib.B"], functions: [{ name: "f", function: "lib/f" }] },
          ],
        },
      }),
    );
    expect(problems).toEqual([]);
    expect(halt).toEqual({
      kind: "held",
      reason: "WaitingForDependency",
      message: "spec.dependencies: waiting for lib",
    });
  });

  it("an abstract class with Logical functions, if only its subclass is deployed", () => {
    const { halt } = plan(
      observe({
        spec: {
          classes: [
            { name: "Shape", functions: [{ name: "area", function: "any-area" }] },
            {
              name: "Circle",
              parents: ["Shape"],
              functions: [{ name: "area", function: "circle-area" }],
            },
          ],
          functions: [
            { name: "any-area", type: "Logical" },
            { name: "circle-area", ...image },
          ],
          deployments: [{ name: "d", class: "Circle" }],
        },
      }),
    );
    expect(halt).toBeUndefined();
  });

  it("environment default, whether or not there is an object of that name", () => {
    const spec: OPackageSpec = {
      classes: [{ name: "A" }],
      deployments: [{ name: "d", class: "A", environments: ["default"] }],
    };
    expect(plan(observe({ spec })).halt).toBeUndefined();
    const environments = [environmentOf("default")];
    expect(plan(observe({ spec, environments })).halt).toBeUndefined();
  });
});

describe("values that are legal and not served yet", () => {
  const deployed = (
    cls: Partial<NonNullable<OPackageSpec["classes"]>[number]>,
    deployment: Partial<NonNullable<OPackageSpec["deployments"]>[number]> = {},
  ): OPackageSpec => ({
    classes: [{ name: "A", ...cls }],
    deployments: [{ name: "d", class: "A", ...deployment }],
  });

  it.each([
    { spec: deployed({ persistent: false }), path: "spec.classes[0].persistent" },
    {
      spec: deployed({}, { environments: ["default", "e"] }),
      path: "spec.deployments[0].environments",
    },
    { spec: deployed({}, { environments: ["far"] }), path: "spec.deployments[0].environments[0]" },
    {
      spec: deployed({}, { members: [{ id: 1, environment: "e", template: "Knative" }] }),
      path: "spec.deployments[0].members[0].template",
    },
    { spec: deployed({ stateType: "Collection" }), path: "spec.classes[0].stateType" },
    { spec: deployed({ persistent: false }), path: "spec.classes[0].persistent" },
    { spec: { functions: [{ name: "f", type: "Builtin" }] }, path: "spec.functions[0].type" },
    {
      spec: { functions: [{ name: "f", ...image, state: "Frozen" }] },
      path: "spec.functions[0].state",
    },
    {
      spec: { functions: [{ name: "f", ...image, scale: { min: 0 } }] },
      path: "spec.functions[0].scale.min",
    },
  ] as const)("$path", ({ spec, path }) => {
    const environments = [
      environmentOf("e"),
      environmentOf("far", { kubeconfigSecretRef: { name: "far" } }),
    ];
    const { problems, halt } = plan(observe({ spec, environments }));
    expect(problems.map((p) => `${p.reason} ${p.path}`)).toEqual([`Unsupported ${path}`]);
    expect(halt).toMatchObject({ kind: "refused", reason: "Unsupported" });
  });
});
