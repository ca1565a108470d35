// Children as real operators render them: the API server fills in defaults and writes quantities in
// its own way, and still a second pass, a touched status and a restart must find nothing to do.

import { describe, expect, it, jest } from "@jest/globals";

import type { Child, ChildKind, Kind, KubeObject } from "#controllers/runtime/index.ts";
import { KINDS } from "#controllers/runtime/index.ts";
import { WIDGET, widget } from "#controllers/runtime/testing/widgets.ts";

import {
  eventually,
  freshNamespace,
  realServerOfFile,
  untilQuiet,
  userApply,
  writesOf,
} from "./support.ts";

jest.setTimeout(60_000);

const server = realServerOfFile("runtime-children");

const NS = "children";
const labels = { "app.kubernetes.io/name": "app" };

const container = {
  name: "app",
  image: "example/app:1",
  args: ["--listen", ":8080"],
  env: [
    { name: "A", value: "1" },
    { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
  ],
  ports: [{ name: "http", containerPort: 8080 }],
  resources: { requests: { cpu: "1000m", memory: "1024Mi" }, limits: { memory: "1.5Gi" } },
  livenessProbe: { httpGet: { path: "/healthz", port: 9090 } },
  volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
};

const template = {
  metadata: { labels },
  spec: {
    containers: [container],
    volumes: [
      { name: "tmp", emptyDir: { sizeLimit: "1024Mi" } },
      { name: "empty", emptyDir: {} },
    ],
    securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: { matchLabels: labels },
      },
    ],
    tolerations: [{ key: "edge", operator: "Exists" }],
    terminationGracePeriodSeconds: 20,
  },
};

function child(kind: Kind, rest: object): KubeObject {
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  const metadata = {
    name: "app",
    ...(kind.namespaced ? { namespace: NS } : {}),
    labels,
  };
  const object = { apiVersion, kind: kind.kind, metadata, ...rest };
  return object;
}

const children: readonly Child[] = [
  child(KINDS.ServiceAccount, { automountServiceAccountToken: false }),
  child(KINDS.Secret, { type: "Opaque", stringData: { password: "secret" } }),
  child(KINDS.ConfigMap, { data: { "a.json": "{}" } }),
  child(KINDS.Service, {
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: labels,
      ports: [
        { name: "grpc", port: 8080 },
        { name: "link", port: 8081, targetPort: "link" },
      ],
    },
  }),
  child(KINDS.Deployment, {
    spec: { replicas: 2, selector: { matchLabels: labels }, template },
  }),
  child(KINDS.StatefulSet, {
    spec: {
      serviceName: "app",
      replicas: 1,
      podManagementPolicy: "Parallel",
      updateStrategy: { type: "OnDelete" },
      selector: { matchLabels: labels },
      template,
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: {
            accessModes: ["ReadWriteOnce"],
            resources: { requests: { storage: "1024Mi" } },
          },
        },
      ],
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
    },
  }),
  child(KINDS.PodDisruptionBudget, {
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  }),
  child(KINDS.HorizontalPodAutoscaler, {
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "app" },
      minReplicas: 2,
      maxReplicas: 4,
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } },
        },
      ],
    },
  }),
  child(KINDS.NetworkPolicy, {
    spec: {
      podSelector: { matchLabels: labels },
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 8080 }] }],
    },
  }),
  {
    object: child(KINDS.PersistentVolume, {
      spec: {
        capacity: { storage: "1024Mi" },
        accessModes: ["ReadWriteOnce"],
        persistentVolumeReclaimPolicy: "Retain",
        storageClassName: "local-disks",
        local: { path: "/var/lib/x" },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              {
                matchExpressions: [
                  { key: "kubernetes.io/hostname", operator: "In", values: ["node-1"] },
                ],
              },
            ],
          },
        },
      },
    }),
  },
];

const kinds: readonly ChildKind[] = children.map((one) => {
  const { kind } = "object" in one ? one.object : one;
  const known = Object.values<Kind>(KINDS).find((candidate) => candidate.kind === kind);
  if (known === undefined) throw new Error(kind);
  return { kind: known };
});

const parts = { children: kinds, render: () => children };

describe("realistic children", () => {
  it("are applied once each, and never again", async () => {
    await freshNamespace(server.user, NS);
    let operator = server.start({}, parts);
    await userApply(server.user, WIDGET, widget("app", { text: "" }, NS));
    await eventually("everything is there", async () => {
      const live = await server.user.get(KINDS.PersistentVolume, { namespace: "", name: "app" });
      return live !== undefined;
    });
    await untilQuiet(operator);
    expect(operator.lines.filter((one) => one.message === "pass failed")).toEqual([]);
    // The parent itself is written for its status, and for the finalizer that holds it while the
    // cluster-scoped child is there.
    const applied = writesOf(operator).filter((one) => !one.includes("/widgets/"));
    expect(applied).toHaveLength(children.length);
    // Something of no interest changes on every child: the operator looks, and writes nothing.
    operator.requests.length = 0;
    for (const { kind } of kinds) {
      const key = { namespace: kind.namespaced ? NS : "", name: "app" };
      await server.user.jsonPatch(
        kind,
        key,
        [{ op: "add", path: "/metadata/annotations/touched", value: "yes" }],
        { fieldManager: "someone" },
      );
    }
    await untilQuiet(operator);
    expect(writesOf(operator)).toEqual([]);
    await operator.stop();
    operator = server.start({}, parts);
    await untilQuiet(operator);
    expect(writesOf(operator)).toEqual([]);
  });

  it("are put right where they were changed", async () => {
    const operator = server.start({}, parts);
    await untilQuiet(operator);
    const key = { namespace: NS, name: "app" };
    await server.user.jsonPatch(
      KINDS.Deployment,
      key,
      [
        { op: "replace", path: "/spec/template/spec/containers/0/image", value: "evil:1" },
        { op: "replace", path: "/spec/template/spec/containers/0/env/0/value", value: "2" },
      ],
      { fieldManager: "someone" },
    );
    await eventually("image and env are reverted", async () => {
      const live = await server.user.get(KINDS.Deployment, key);
      const [first] = live?.spec?.template.spec?.containers ?? [];
      return first?.image === "example/app:1" && first.env?.[0]?.value === "1";
    });
    const secret = await server.user.get(KINDS.Secret, key);
    expect(secret?.data).toEqual({ password: Buffer.from("secret").toString("base64") });
    expect(JSON.stringify(operator.lines)).not.toContain('secret"');
  });
});
