import { describe, expect, it } from "@jest/globals";

import type {
  ClassRuntime,
  ClassRuntimeSpec,
  Environment,
  FunctionSpec,
  Template,
} from "#api/oaas/v1alpha1/index.ts";

import { plan } from "./plan.ts";
import type { ObservedRuntime } from "./plan.ts";
import { firstClaimant } from "./plan/claim.ts";
import { planScale } from "./plan/scale.ts";
import { chooseTemplate } from "./plan/template.ts";

function runtime(spec: Partial<ClassRuntimeSpec> = {}): ClassRuntime {
  return {
    apiVersion: "oaas.io/v1alpha1",
    kind: "ClassRuntime",
    metadata: { name: "r", namespace: "ns", uid: "u", generation: 1 },
    spec: { class: "p.A", ...spec },
  };
}

function observe(
  spec: Partial<ClassRuntimeSpec> = {},
  seen: Partial<ObservedRuntime> = {},
): ObservedRuntime {
  return {
    runtime: runtime(spec),
    environment: { kind: "implied" },
    claimedBy: undefined,
    deployments: new Map(),
    pods: [],
    autoscaled: new Set(),
    collection: undefined,
    ...seen,
  };
}

function inEnvironment(spec: Environment["spec"]): Partial<ObservedRuntime> {
  const environment: Environment = {
    apiVersion: "oaas.io/v1alpha1",
    kind: "Environment",
    metadata: { name: "e" },
    spec,
  };
  return { environment: { kind: "found", environment } };
}

const fn = (given: Partial<FunctionSpec> = {}): FunctionSpec => ({
  name: "f",
  provision: { deployment: { image: "i:1" } },
  ...given,
});

describe("the template", () => {
  it.each<{
    readonly name: string;
    readonly spec: Partial<ClassRuntimeSpec>;
    readonly environment: Template;
    readonly want: Template;
    readonly reason: string;
  }>([
    {
      name: "what the runtime says, whatever it requires",
      spec: { templateHint: "Dev", requirements: { latencyMs: 10 } },
      environment: "Cloud",
      want: "Dev",
      reason: "spec.templateHint names it",
    },
    {
      name: "the environment's, where nothing asks for more",
      spec: { requirements: { throughputRps: 10 } },
      environment: "Dev",
      want: "Dev",
      reason: "default of environment e",
    },
    {
      name: "Edge for some load",
      spec: { requirements: { throughputRps: 300 } },
      environment: "Dev",
      want: "Edge",
      reason: "required: at least 300 calls/s",
    },
    {
      name: "Edge for low latency and high availability",
      spec: { requirements: { latencyMs: 150, availability: "0.999" } },
      environment: "Dev",
      want: "Edge",
      reason: "required: latency of at most 150 ms, availability from 0.999",
    },
    {
      name: "Cloud for much load",
      spec: { requirements: { throughputRps: 1500 } },
      environment: "Dev",
      want: "Cloud",
      reason: "required: at least 1500 calls/s",
    },
    {
      name: "Cloud for a strong class",
      spec: { resolvedClass: { consistency: "Strong" } },
      environment: "Dev",
      want: "Cloud",
      reason: "required: strong consistency",
    },
    {
      name: "by the strictest of the functions",
      spec: { functions: [fn(), fn({ name: "g", requirements: { latencyMs: 20 } })] },
      environment: "Dev",
      want: "Cloud",
      reason: "required: latency of at most 50 ms",
    },
    {
      name: "never less than the environment would give",
      spec: { requirements: { throughputRps: 300 } },
      environment: "Cloud",
      want: "Cloud",
      reason: "default of environment e",
    },
  ])("is $name", ({ spec, environment, want, reason }) => {
    const place = { name: "e", defaultTemplate: environment };
    expect(chooseTemplate(runtime(spec).spec, place)).toEqual({ template: want, reason });
  });

  it("follows the tier of an environment that names no default", () => {
    expect(plan(observe({}, inEnvironment({ tier: "Edge" }))).template).toBe("Edge");
    expect(plan(observe()).template).toBe("Cloud");
  });
});

describe("the pods of a function", () => {
  it.each([
    { name: "Dev: one", template: "Dev", given: {}, want: { kind: "fixed", replicas: 1 } },
    { name: "Edge: two", template: "Edge", given: {}, want: { kind: "fixed", replicas: 2 } },
    {
      name: "Cloud: by load",
      template: "Cloud",
      given: {},
      want: { kind: "autoscaled", min: 2, max: 10, cpuPercent: 80 },
    },
    {
      name: "the user's minimum",
      template: "Dev",
      given: { scale: { min: 4 } },
      want: { kind: "fixed", replicas: 4 },
    },
    {
      name: "room to grow means an autoscaler in any template",
      template: "Dev",
      given: { scale: { min: 1, max: 4 } },
      want: { kind: "autoscaled", min: 1, max: 4, cpuPercent: 80 },
    },
    {
      name: "a maximum below the template's count",
      template: "Edge",
      given: { scale: { max: 1 } },
      want: { kind: "fixed", replicas: 1 },
    },
    {
      name: "a target in percent",
      template: "Edge",
      given: { scale: { targetCpuUtilization: "0.55" } },
      want: { kind: "autoscaled", min: 2, max: 10, cpuPercent: 55 },
    },
    {
      name: "a minimum above the default maximum",
      template: "Cloud",
      given: { scale: { min: 20 } },
      want: { kind: "autoscaled", min: 20, max: 20, cpuPercent: 80 },
    },
    {
      name: "the limit of the runtime",
      template: "Cloud",
      given: {},
      limit: 1,
      want: { kind: "autoscaled", min: 1, max: 1, cpuPercent: 80 },
    },
  ] as const)("$name", ({ template, given, want, ...rest }) => {
    const constraints = "limit" in rest ? { maxReplicas: rest.limit } : undefined;
    expect(planScale(template, fn(given), constraints)).toEqual(want);
  });
});

describe("a runtime is refused", () => {
  it.each([
    {
      name: "for a binding to a function that is not there",
      observed: observe({ resolvedClass: { functions: [{ name: "f" }] } }),
      reason: "Invalid",
      message: "spec.resolvedClass.functions[0].function: there is no function f in spec.functions",
    },
    {
      name: "for a disabled function that is not there",
      observed: observe({ disabledFunctions: ["f"] }),
      reason: "Invalid",
      message: "spec.disabledFunctions[0]: there is no function f in spec.functions",
    },
    {
      name: "for a Logical function",
      observed: observe({ functions: [{ name: "f", type: "Logical" }] }),
      reason: "Invalid",
      message: "spec.functions[0].type: a Logical function cannot run; bind a Task instead",
    },
    {
      name: "for a minimum above its own limit",
      observed: observe({
        functions: [fn({ scale: { min: 3 } })],
        constraints: { maxReplicas: 2 },
      }),
      reason: "Invalid",
      message: "spec.functions[0].scale.min: 3 is above constraints.maxReplicas 2",
    },
    {
      name: "outside of its jurisdiction",
      observed: observe({ constraints: { jurisdiction: ["eu"] } }, inEnvironment({ region: "us" })),
      reason: "Invalid",
      message: "spec.constraints.jurisdiction: environment e is in region us; allowed: eu",
    },
    {
      name: "in an environment that does not say where it is",
      observed: observe({ constraints: { jurisdiction: ["eu"] } }, inEnvironment({})),
      reason: "Invalid",
      message: "spec.constraints.jurisdiction: environment e has no region; allowed: eu",
    },
    {
      name: "in another cluster",
      observed: observe({}, inEnvironment({ kubeconfigSecretRef: { name: "k" } })),
      reason: "Unsupported",
      message: "spec.environment: environment e is another cluster, which is not served yet",
    },
    {
      name: "for Knative, by its own wish",
      observed: observe({ templateHint: "Knative" }),
      reason: "Unsupported",
      message:
        "spec.templateHint: the template Knative is not served: it needs the API group " +
        "serving.knative.dev",
    },
    {
      name: "for Knative, by its environment",
      observed: observe({}, inEnvironment({ defaultTemplate: "Knative" })),
      reason: "Unsupported",
      message:
        "spec.environment: the template Knative is not served: it needs the API group " +
        "serving.knative.dev",
    },
    {
      name: "for Raft without a disk",
      observed: observe({
        collection: { shardType: "Raft", replicas: 3 },
        resolvedClass: { persistent: false },
      }),
      reason: "Unsupported",
      message:
        "spec.resolvedClass.persistent: shardType Raft keeps term, vote and log on disk; leave it " +
        "out or set true",
    },
    {
      name: "for a function that speaks plain HTTP",
      observed: observe({
        functions: [fn({ provision: { deployment: { image: "i:1", protocol: "Http" } } })],
      }),
      reason: "Unsupported",
      message:
        "spec.functions[0].provision.deployment.protocol: protocol Http is not served yet; use Grpc",
    },
    {
      name: "for data in memory",
      observed: observe({ resolvedClass: { persistent: false, storage: { provider: "Memory" } } }),
      reason: "Unsupported",
      message:
        "spec.resolvedClass.persistent: false is not served yet; every write is durable; " +
        "spec.resolvedClass.storage.provider: Memory is not served yet; use Volume",
    },
    {
      name: "for a class that somebody else has claimed",
      observed: observe({}, { claimedBy: "other/first" }),
      reason: "ClassNameConflict",
      message: "spec.class: p.A is claimed by ClassRuntime other/first",
    },
  ])("$name", ({ observed, reason, message }) => {
    expect(plan(observed).halt).toEqual({ kind: "refused", reason, message });
  });
});

describe("a runtime waits", () => {
  it("for its environment, which may still come", () => {
    const observed = observe({ environment: "nope" }, { environment: { kind: "missing" } });
    expect(plan(observed).halt).toEqual({
      kind: "held",
      reason: "NotFound",
      message: "spec.environment: there is no Environment nope",
    });
  });

  it("while it is suspended", () => {
    expect(plan(observe({ suspend: true })).halt).toMatchObject({
      kind: "held",
      reason: "Suspended",
    });
  });
});

describe("the first claimant", () => {
  const claimant = (uid: string, created: string, accepted?: number): ClassRuntime => ({
    ...runtime(),
    metadata: { name: uid, uid, creationTimestamp: created },
    ...(accepted === undefined ? {} : { status: { acceptedGeneration: accepted } }),
  });
  const early = "2026-01-01T00:00:00Z";
  const late = "2026-01-01T00:00:01Z";

  it.each([
    { name: "the oldest", given: [claimant("a", late, 1), claimant("b", early)], want: "b" },
    {
      name: "of equally old ones the one that is served",
      given: [claimant("a", early), claimant("b", early, 1)],
      want: "b",
    },
    { name: "else by uid", given: [claimant("b", early), claimant("a", early)], want: "a" },
  ])("is $name", ({ given, want }) => {
    expect(firstClaimant(given)?.metadata.uid).toBe(want);
    expect(firstClaimant(given.toReversed())?.metadata.uid).toBe(want);
  });
});
