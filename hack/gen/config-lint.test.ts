// Everything in config/ against the rules, and a bad manifest for each rule.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";

import type { Manifest } from "./config-lint.ts";
import { configProblems } from "./config-lint.ts";
import { repositoryRoot } from "./generator.ts";

const folder = join(repositoryRoot, "config");

function manifestsOf(file: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(file, "utf8"))
    .map((document) => document.toJS() as Manifest | null)
    .filter((value) => value !== null)
    .filter(({ apiVersion, kind }) => kind !== "Kustomization" && apiVersion !== undefined);
}

const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => join(folder, file));

it("config/ breaks no rule", () => {
  const manifests = files.flatMap(manifestsOf);
  expect(manifests.filter(({ kind }) => kind === "Deployment").length).toBeGreaterThan(2);
  expect(configProblems(manifests)).toEqual([]);
});

const secure = {
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
};
const resources = { requests: { cpu: "1m", memory: "1Mi" }, limits: { memory: "1Mi" } };
const container = {
  name: "c",
  image: "r/i:1",
  securityContext: secure,
  resources,
  livenessProbe: {},
  readinessProbe: {},
};
const pod = {
  serviceAccountName: "a",
  securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  containers: [container],
};
const labels = { app: "a" };

function deployment(podSpec: object, replicas = 1): Manifest {
  const template = { metadata: { labels }, spec: podSpec };
  return object("Deployment", "apps/v1", { spec: { replicas, template } });
}

function withContainer(parts: object): Manifest {
  return deployment({ ...pod, containers: [{ ...container, ...parts }] });
}

function object(kind: string, apiVersion: string, rest: object): Manifest {
  return { apiVersion, kind, metadata: { name: "a" }, ...rest };
}

function role(rule: object, kind = "Role"): Manifest {
  return object(kind, "rbac.authorization.k8s.io/v1", { rules: [rule] });
}

function binding(name: string, subject: object): Manifest {
  const rest = { roleRef: { name }, subjects: [subject] };
  return object("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", rest);
}

const spread = { ...pod, topologySpreadConstraints: [{}] };
const account = { kind: "ServiceAccount", name: "a" };
const secrets = { apiGroups: [""], resources: ["secrets"] };

describe("is told", () => {
  it.each<readonly [string, readonly Manifest[]]>([
    ["may run as root", [deployment({ ...pod, securityContext: {} })]],
    ["has no seccomp profile", [deployment({ ...pod, securityContext: { runAsNonRoot: true } })]],
    [
      "root file system",
      [withContainer({ securityContext: { ...secure, readOnlyRootFilesystem: false } })],
    ],
    ["may gain privileges", [withContainer({ securityContext: { readOnlyRootFilesystem: true } })]],
    ["is privileged", [withContainer({ securityContext: { ...secure, privileged: true } })]],
    ["keeps capabilities", [withContainer({ securityContext: { ...secure, capabilities: {} } })]],
    [
      "adds capabilities",
      [
        withContainer({
          securityContext: { ...secure, capabilities: { drop: ["ALL"], add: ["X"] } },
        }),
      ],
    ],
    ["requests no cpu", [withContainer({ resources: {} })]],
    ["has no limit of memory", [withContainer({ resources: { ...resources, limits: {} } })]],
    ["without a tag", [withContainer({ image: "r:5000/i" })]],
    ["without a tag", [withContainer({ image: "r/i:latest" })]],
    ["no liveness or readiness probe", [withContainer({ readinessProbe: undefined })]],
    ["default service account", [deployment({ ...pod, serviceAccountName: undefined })]],
    ["a namespace of the host", [deployment({ ...pod, hostNetwork: true })]],
    ["a path of the host", [deployment({ ...pod, volumes: [{ name: "v", hostPath: {} }] })]],
    ["no rule that spreads them", [deployment(pod, 2)]],
    ["no disruption budget", [deployment(spread, 2)]],
    [
      "selects no pods of ours",
      [deployment(pod), object("Service", "v1", { spec: { selector: { app: "b" } } })],
    ],
    ["is not served any more", [object("PodDisruptionBudget", "policy/v1beta1", {})]],
    ["a wildcard on pods", [role({ apiGroups: [""], resources: ["pods"], verbs: ["*"] })]],
    ["reads or changes Secrets", [role({ ...secrets, verbs: ["get"] }, "ClusterRole")]],
    ["could raise its own rights", [role({ resources: ["roles"], verbs: ["escalate"] })]],
    ["reaches into running pods", [role({ resources: ["pods/exec"], verbs: ["create"] })]],
    ["makes pods", [role({ resources: ["pods"], verbs: ["create"] })]],
    ["grants the role cluster-admin", [binding("cluster-admin", account)]],
    [
      "grants rights to system:authenticated",
      [binding("a", { kind: "Group", name: "system:authenticated" })],
    ],
  ])("%s", (problem, manifests) => {
    expect(configProblems(manifests).join("\n")).toContain(problem);
  });
});

it("nothing is said about good ones", () => {
  const budget = { spec: { selector: { matchLabels: labels } } };
  const manifests = [
    deployment(spread, 2),
    object("PodDisruptionBudget", "policy/v1", budget),
    object("Service", "v1", { spec: { selector: labels } }),
    role({ ...secrets, verbs: ["list", "watch"] }),
    binding("a", account),
  ];
  expect(configProblems(manifests)).toEqual([]);
});
