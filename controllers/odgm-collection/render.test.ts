import { readFileSync } from "node:fs";
import { join } from "node:path";

import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";
import type { PodDisruptionBudget } from "kubernetes-types/policy/v1.js";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import { parse, stringify } from "yaml";

import { MemberStatusSchema, StoreState } from "#api/gen/oaas-admin_pb.ts";
import type { OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { expectGolden } from "#test/support/golden.ts";

import type { Observed } from "./plan/observed.ts";
import { plan } from "./plan/plan.ts";
import type { CollectionChild } from "./render.ts";
import { render } from "./render.ts";

const folder = join(import.meta.dirname, "testdata");
const defaults = { image: "oaas-operator.local/odgm:dev", systemNamespace: "oaas-system" };
const now = new Date("2030-01-01T00:00:00Z");

function observe(name: string, spec: Partial<OdgmCollection["spec"]> = {}): Observed {
  const document = parse(readFileSync(join(folder, name), "utf8")) as OdgmCollection;
  const metadata = { ...document.metadata, name: document.metadata.name ?? "", namespace: "shop" };
  return {
    collection: {
      ...document,
      metadata: { ...metadata, uid: "c-uid" },
      spec: { ...document.spec, ...spec },
    },
    pods: [],
    claims: [],
    identity: {
      identity: "c-uid",
      collection: document.spec.collection,
      members: new Map([[0, { kind: "formatted", incarnation: "i0" }]]),
    },
    trust: { clusterUid: "cluster", bundle: "b", issuer: "i" },
    certificate: { renewAtMs: now.getTime() + 1000, bundle: "b", issuer: "i" },
    members: new Map(),
    targets: new Map(),
  };
}

function children(observed: Observed): readonly CollectionChild[] {
  const rendered = render(observed, plan(observed, now), defaults);
  if ("refused" in rendered) throw new Error(rendered.refused.message);
  if ("held" in rendered) throw new Error(rendered.held.message);
  return rendered;
}

/** The child of this kind, as the API server would see it. */
function childOf<T>(found: readonly CollectionChild[], kind: string): T {
  const child = found.find(({ object }) => object.kind === kind);
  if (child === undefined) throw new Error(`no ${kind}`);
  return child.object as unknown as T;
}

const setOf = (observed: Observed) => childOf<StatefulSet>(children(observed), "StatefulSet");

describe("render goldens", () => {
  it.each(["minimal", "full"])("%s", (name) => {
    const text = children(observe(`${name}.yaml`))
      .map((child) => stringify(child, { lineWidth: 100, aliasDuplicateObjects: false }))
      .join("---\n");
    expectGolden(text, join(folder, `${name}.golden.yaml`));
  });

  it("renders the same bytes again", () => {
    const once = JSON.stringify(children(observe("full.yaml")));
    expect(JSON.stringify(children(observe("full.yaml")))).toBe(once);
  });
});

describe("deletionPolicy", () => {
  it.each([
    ["Retain", { ownership: "Label", prune: "Keep", adopt: true }],
    ["Delete", { adopt: true }],
  ] as const)("%s decides about claims and the identity record", (deletionPolicy, how) => {
    const found = children(observe("minimal.yaml", { deletionPolicy }));
    const { object: _object, ...record } =
      found.find(({ object }) => object.kind === "ConfigMap") ?? {};
    expect(record).toEqual(how);
    const { spec } = childOf<StatefulSet>(found, "StatefulSet");
    expect(spec?.persistentVolumeClaimRetentionPolicy).toEqual({
      whenDeleted: deletionPolicy,
      whenScaled: "Retain",
    });
  });
});

describe("pods", () => {
  it("are never restarted or ordered by the StatefulSet", () => {
    const { spec } = setOf(observe("minimal.yaml"));
    expect(spec?.updateStrategy).toEqual({ type: "OnDelete" });
    expect(spec?.podManagementPolicy).toBe("Parallel");
  });

  it("are told nothing that changes while they run, so that no route restarts them", () => {
    const routes = [{ name: "f", url: "http://f.example:80" }];
    const template = (spec: Partial<OdgmCollection["spec"]>) =>
      JSON.stringify(setOf(observe("minimal.yaml", spec)).spec?.template);
    expect(template({ routes, partitions: 8, options: [{ name: "a", value: "b" }] })).toBe(
      template({}),
    );
  });

  it("are none at rest, and claims and record stay wanted", () => {
    const found = children(observe("minimal.yaml", { nodes: 0 }));
    const { spec } = childOf<StatefulSet>(found, "StatefulSet");
    expect(spec?.replicas).toBe(0);
    expect(spec?.volumeClaimTemplates).toHaveLength(1);
    expect(childOf<{ data: object }>(found, "ConfigMap").data).toMatchObject({ "member-0": "i0" });
  });

  it("may be drained one at a time, and none while a store is in trouble", () => {
    const allowed = (observed: Observed) =>
      childOf<PodDisruptionBudget>(children(observed), "PodDisruptionBudget").spec?.maxUnavailable;
    const observed = observe("minimal.yaml");
    expect(allowed(observed)).toBe(1);
    const foreign = create(MemberStatusSchema, {
      storeState: StoreState.FOREIGN,
      storeMessage: "of another collection",
    });
    const target = { ordinal: 0, address: "10.0.0.1:8082", identity: "" };
    const members = new Map([[0, { kind: "known", status: foreign } as const]]);
    expect(allowed({ ...observed, members, targets: new Map([[0, target]]) })).toBe(0);
  });
});

describe("nothing is touched", () => {
  it.each([
    ["refused", { replicas: 2 }, { refused: { path: "spec.replicas" } }],
    ["suspended", { suspend: true }, { held: { reason: "Suspended" } }],
  ])("when %s", (_name, spec, want) => {
    const observed = observe("minimal.yaml", spec);
    expect(render(observed, plan(observed, now), defaults)).toMatchObject(want);
  });

  it("before the CA is known", () => {
    const { trust: _trust, ...observed } = observe("minimal.yaml");
    expect(render(observed, plan(observed, now), defaults)).toMatchObject({
      held: { reason: "WaitingForDependency" },
    });
  });
});
