import { describe, expect, it } from "@jest/globals";

import {
  configMap,
  container,
  deployment,
  horizontalPodAutoscaler,
  mergeEnv,
  networkPolicy,
  podDisruptionBudget,
  podTemplate,
  present,
  pullPolicyOf,
  probe,
  restrictedPodSecurity,
  service,
  serviceAccount,
  sortObjects,
  spreadOverNodes,
  statefulSet,
} from "./index.ts";

const meta = { name: "a", namespace: "ns", labels: { z: "1", a: "2" } };

/** Every path at which a value is undefined, an empty list or an empty map. */
function claimsOnNothing(value: unknown, path = ""): string[] {
  if (value === undefined) return [path];
  if (Array.isArray(value)) {
    if (value.length === 0) return [path];
    return value.flatMap((item: unknown, i) => claimsOnNothing(item, `${path}[${i}]`));
  }
  if (typeof value !== "object" || value === null) return [];
  const entries = Object.entries(value);
  if (entries.length === 0) return [path];
  return entries.flatMap(([key, field]) => claimsOnNothing(field, `${path}.${key}`));
}

describe("present", () => {
  it("drops undefined fields and keeps falsy ones", () => {
    expect(Object.keys(present({ a: undefined, b: 0, c: false, d: "" }))).toEqual(["b", "c", "d"]);
  });
});

describe("builders", () => {
  const template = podTemplate({
    labels: { app: "a" },
    containers: [container({ name: "main", image: "i:1" })],
  });
  const all = [
    deployment({ ...meta, selector: { app: "a" }, template }),
    statefulSet({
      ...meta,
      replicas: 2,
      serviceName: "a",
      selector: { app: "a" },
      template,
      podManagementPolicy: "Parallel",
      updateStrategy: "OnDelete",
      whenDeleted: "Retain",
    }),
    service({ ...meta, selector: { app: "a" }, ports: [{ name: "grpc", port: 80 }] }),
    serviceAccount(meta),
    configMap({ ...meta, data: {} }),
    podDisruptionBudget({ ...meta, selector: { app: "a" }, maxUnavailable: 1 }),
    horizontalPodAutoscaler({
      ...meta,
      deployment: "a",
      minReplicas: 1,
      maxReplicas: 3,
      targetCpuUtilization: 70,
    }),
    networkPolicy({
      ...meta,
      podSelector: { app: "a" },
      ingress: [{ from: [{ podLabels: { app: "b" }, namespace: "other" }], ports: [8080] }],
    }),
  ];

  it.each(all.map((object) => ({ kind: object.kind, object })))(
    "$kind claims no field that it does not set",
    ({ object }) => {
      expect(claimsOnNothing(object)).toEqual([]);
    },
  );

  it("sort labels, and objects by kind and name", () => {
    expect(Object.keys(all[0]?.metadata.labels ?? {})).toEqual(["a", "z"]);
    const kinds = sortObjects([...all].reverse()).map((object) => object.kind);
    expect(kinds).toEqual([
      "ServiceAccount",
      "ConfigMap",
      "NetworkPolicy",
      "PodDisruptionBudget",
      "Service",
      "StatefulSet",
      "Deployment",
      "HorizontalPodAutoscaler",
    ]);
  });

  it("leave replicas to an autoscaler when none is given", () => {
    expect(all[0]).not.toHaveProperty("spec.replicas");
  });

  it("refuse an autoscaler whose bounds cross", () => {
    expect(() =>
      horizontalPodAutoscaler({
        ...meta,
        deployment: "a",
        minReplicas: 3,
        maxReplicas: 2,
        targetCpuUtilization: 70,
      }),
    ).toThrow("maxReplicas below minReplicas");
  });
});

describe("pullPolicyOf", () => {
  it.each([
    ["echo", "Always"],
    ["echo:latest", "Always"],
    ["registry:5000/echo", "Always"],
    ["registry:5000/echo:dev", "IfNotPresent"],
    ["echo:latest@sha256:00", "IfNotPresent"],
  ])("of %s is %s", (image, want) => {
    expect(pullPolicyOf(image)).toBe(want);
  });
});

describe("the restricted profile", () => {
  // https://kubernetes.io/docs/concepts/security/pod-security-standards: one line per control.
  const pod = podTemplate({
    labels: {},
    containers: [container({ name: "main", image: "i:1" })],
  }).spec;
  const security = pod?.containers[0]?.securityContext;

  it("holds for every container", () => {
    expect(security?.allowPrivilegeEscalation).toBe(false);
    expect(security?.capabilities).toEqual({ drop: ["ALL"] });
    expect(security?.readOnlyRootFilesystem).toBe(true);
    expect(pod?.securityContext?.runAsNonRoot).toBe(true);
    expect(pod?.securityContext?.runAsUser).toBe(65532);
    expect(pod?.securityContext?.seccompProfile).toEqual({ type: "RuntimeDefault" });
  });

  it("gives no token", () => {
    expect(pod?.automountServiceAccountToken).toBe(false);
  });

  it("lets an account that the user brought decide about its token", () => {
    const own = podTemplate({
      labels: {},
      containers: [],
      serviceAccountName: "mine",
      automountServiceAccountToken: "ServiceAccount",
    });
    expect(own.spec).not.toHaveProperty("automountServiceAccountToken");
  });

  it("gives volumes to the group only where there are volumes to write", () => {
    expect(restrictedPodSecurity()).not.toHaveProperty("fsGroup");
    expect(restrictedPodSecurity({ ownsVolumes: true }).fsGroup).toBe(65532);
  });
});

describe("probe", () => {
  it.each([
    { target: { kind: "http", path: "/healthz", port: 9090 }, key: "httpGet" },
    { target: { kind: "grpc", port: 8080 }, key: "grpc" },
    { target: { kind: "tcp", port: 8080 }, key: "tcpSocket" },
  ] as const)("asks by $key", ({ target, key }) => {
    expect(probe(target)).toMatchObject({ [key]: { port: target.port }, periodSeconds: 10 });
  });

  it("keeps its own pace", () => {
    expect(probe({ kind: "tcp", port: 1 }, { periodSeconds: 2, failureThreshold: 9 })).toEqual({
      tcpSocket: { port: 1 },
      failureThreshold: 9,
      periodSeconds: 2,
      successThreshold: 1,
      timeoutSeconds: 1,
    });
  });
});

describe("spreadOverNodes", () => {
  it("hard: never two more on one node than on another, per revision of a Deployment", () => {
    expect(spreadOverNodes({ selector: { a: "b" }, mode: "Hard", perRevision: true })).toEqual({
      labelSelector: { matchLabels: { a: "b" } },
      matchLabelKeys: ["pod-template-hash"],
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "DoNotSchedule",
    });
  });

  it("soft: a wish", () => {
    const constraint = spreadOverNodes({ selector: { a: "b" }, mode: "Soft" });
    expect(constraint.whenUnsatisfiable).toBe("ScheduleAnyway");
    expect(constraint).not.toHaveProperty("matchLabelKeys");
  });
});

describe("mergeEnv", () => {
  it("puts ours first and sorted, the user's after in their order, and lets the user win", () => {
    const merged = mergeEnv(
      [
        { name: "Z", value: "ours" },
        { name: "A", value: "ours" },
        { name: "HTTP_PORT", value: "8080" },
      ],
      [
        { name: "SECOND", value: "1" },
        { name: "HTTP_PORT", value: "80" },
        { name: "FIRST", value: "$(SECOND)" },
      ],
    );
    expect(merged.map((v) => `${v.name}=${v.value}`)).toEqual([
      "A=ours",
      "Z=ours",
      "SECOND=1",
      "HTTP_PORT=80",
      "FIRST=$(SECOND)",
    ]);
  });
});
