// The specs that are mutated: samples, and the documents of the controllers' tests that set every
// served field. What a schema cannot say about values is said here, each with its reason.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parseAllDocuments } from "yaml";

import type { KubeObject } from "#controllers/runtime/index.ts";

import { repositoryRoot } from "../kinds/api-server.ts";
import type { Manifest } from "../kinds/api-server.ts";
import { samples } from "../kinds/samples.ts";

/** A spec to start from. */
export interface Base {
  readonly name: string;
  readonly manifest: Manifest;
}

const NAMESPACED = new Set(["OPackage", "ClassRuntime", "OdgmCollection", "RawstorVolume"]);

function documents(path: string): readonly Manifest[] {
  const text = readFileSync(join(repositoryRoot, "controllers", path), "utf8");
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

function document(path: string): Manifest {
  const [first] = documents(path);
  if (first === undefined) throw new Error(`${path} is empty`);
  return first;
}

const SAMPLES = samples();

function sample(name: string, kind: string): Manifest {
  const found = SAMPLES.find(
    ({ manifest }) => manifest.kind === kind && manifest.metadata.name === name,
  );
  if (found === undefined) throw new Error(`no sample ${name} of ${kind}`);
  return found.manifest;
}

/** The same spec under a name that fits everywhere. */
function base(name: string, manifest: Manifest, change: object = {}): Base {
  const { apiVersion, kind, spec } = manifest;
  const metadata = { name };
  return {
    name,
    manifest: { apiVersion, kind, metadata, spec: { ...(spec as object), ...change } },
  };
}

/** One is enough, and cheaper. */
function onlyFirstDeployment(manifest: Manifest): Manifest {
  const spec = manifest.spec as { readonly deployments: readonly object[] };
  return { ...manifest, spec: { ...spec, deployments: spec.deployments.slice(0, 1) } };
}

/** By kind, those with the most fields first. */
export const BASES: Readonly<Record<string, readonly Base[]>> = {
  Environment: [
    base("edge-full", sample("sample-edge", "Environment"), {
      gatewayAddress: undefined,
      peerAddress: undefined,
      prometheusUrl: undefined,
      // Less than the others: whoever goes there does so for its place.
      availability: "0.9",
    }),
    base("edge-minimal", sample("sample-minimal", "Environment")),
    base("edge-remote", sample("sample-remote", "Environment")),
  ],
  OPackage: [
    base("shop", onlyFirstDeployment(document("opackage/testdata/full.yaml"))),
    base("quickstart", sample("quickstart", "OPackage")),
    base("bounded", sample("sample-minimal", "OPackage"), {
      classes: [{ name: "Greeter", consistency: "BoundedStaleness", stalenessBoundSeconds: 15 }],
      deployments: [],
    }),
    base("greeter", sample("sample-minimal", "OPackage")),
  ],
  ClassRuntime: [
    base("cart", document("class-runtime/testdata/full.yaml")),
    base("account", sample("sample-minimal", "ClassRuntime")),
    base("account-dev", sample("sample-minimal", "ClassRuntime"), {
      environment: "edge-dev",
      functions: [{ name: "f", provision: { deployment: { image: "example.com/f:1" } } }],
    }),
  ],
  OdgmCollection: [
    base("orders", document("odgm-collection/testdata/full.yaml")),
    base("notes", sample("sample-minimal", "OdgmCollection")),
    base("ledger", sample("sample-group", "OdgmCollection")),
  ],
  OstTarget: [
    base("disk-a", document("ost-target/testdata/folder.yaml"), {
      resources: { requests: { cpu: "250m", memory: "128Mi" }, limits: { memory: "1Gi" } },
    }),
    base("disk-b", sample("sample-claim", "OstTarget")),
    base("disk-c", sample("sample-minimal", "OstTarget")),
  ],
  RawstorVolume: [
    base("volume-full", sample("sample-full", "RawstorVolume")),
    base("volume-local", sample("sample-local", "RawstorVolume")),
    base("volume-archive", sample("sample-archive", "RawstorVolume")),
  ],
};

/** Packages that go to the environments of the first base only because of where those are. */
const PLACED: readonly KubeObject[] = [
  { name: "by-region", locality: { regions: ["eu-north"] } },
  { name: "by-zone", locality: { zones: ["eu-north-1a"] } },
].map(({ name, locality }) => {
  const deployment = {
    name: "greeter",
    class: "Greeter",
    availableEnvironments: ["edge-1", "edge-full"],
    requirements: { locality },
    deletionPolicy: "Delete",
  };
  const { spec, ...rest } = sample("sample-minimal", "OPackage");
  const changed = { ...(spec as object), deployments: [deployment] };
  return applied({ ...rest, metadata: { name }, spec: changed });
});

/**
 * What is there before: nodes, environments, the package that others extend; for environments also
 * who is placed in them.
 */
export function fixtures(kind: string): readonly KubeObject[] {
  const node = (name: string, labels: Readonly<Record<string, string>>): KubeObject =>
    ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels },
      status: {
        conditions: [{ type: "Ready", status: "True" }],
        allocatable: { cpu: "4", memory: "8Gi" },
      },
    }) as KubeObject;
  return [
    node("node-1", { "node.kubernetes.io/pool": "edge" }),
    node("node-2", { "a.example.com/k": "A" }),
    ...documents("opackage/testdata/environments.yaml").map(applied),
    {
      apiVersion: "oaas.io/v1alpha1",
      kind: "Environment",
      metadata: { name: "edge-dev" },
      spec: { tier: "Dev", region: "us", zone: "us-1" },
    } as KubeObject,
    applied(document("opackage/testdata/base.yaml")),
    ...(kind === "Environment" ? PLACED : []),
  ];
}

/** As a user would apply it in the world's namespace. */
export function applied(manifest: Manifest): KubeObject {
  const { apiVersion, kind, metadata, spec } = manifest;
  const namespace = NAMESPACED.has(kind) ? { namespace: "default" } : {};
  return { apiVersion, kind, metadata: { ...namespace, name: metadata.name }, spec } as KubeObject;
}

/** Its key there. */
export function keyOf(manifest: Manifest): { readonly namespace: string; readonly name: string } {
  const namespace = NAMESPACED.has(manifest.kind) ? "default" : "";
  return { namespace, name: manifest.metadata.name };
}
