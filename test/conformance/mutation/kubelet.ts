// What Kubernetes' own controllers and the kubelet do for StatefulSets and Deployments: pods, claims
// and volumes come and go, and everything that shall run runs.
import { createHash } from "node:crypto";

import type { StatefulSet } from "kubernetes-types/apps/v1.js";

import type { KubeObject, Live } from "#controllers/runtime/index.ts";
import { KINDS } from "#controllers/runtime/index.ts";
import type { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";

/** Annotation of a claim: what happens to it when its StatefulSet goes. */
const WHEN_DELETED = "kubelet.test/when-deleted";

/**
 * One round of them. Writes only what is not as it shall be. `lost` is told the address of a pod whose
 * volume has gone.
 */
export function runPods(server: FakeApiServer, lost: (address: string) => void): void {
  const sets = server.readAll(KINDS.StatefulSet);
  for (const { metadata } of server.readAll(KINDS.Pod)) {
    const [, set = "", ordinal = ""] = /^(.*)-(\d+)$/.exec(metadata.name) ?? [];
    const owner = sets.find(
      (one) => one.metadata.name === set && one.metadata.namespace === metadata.namespace,
    );
    if (owner !== undefined && Number(ordinal) < (owner.spec?.replicas ?? 1)) continue;
    server.userDelete(KINDS.Pod, keyOf(metadata));
  }
  for (const { metadata } of server.readAll(KINDS.PersistentVolumeClaim)) {
    const [, set = "", ordinal = ""] = /^data-(.*)-(\d+)$/.exec(metadata.name) ?? [];
    if (metadata.annotations?.[WHEN_DELETED] !== "Delete") continue;
    if (sets.some((one) => one.metadata.name === set)) continue;
    server.userDelete(KINDS.PersistentVolumeClaim, keyOf(metadata));
    server.userDelete(KINDS.PersistentVolume, { namespace: "", name: `pv-${metadata.name}` });
    lost(addressOf(`${keyOf(metadata).namespace}/${set}-${ordinal}`));
  }
  for (const set of sets) runSet(server, set);
  for (const { metadata, spec, status } of server.readAll(KINDS.Deployment)) {
    const count = spec?.replicas ?? 1;
    const wanted = {
      observedGeneration: metadata.generation,
      replicas: count,
      readyReplicas: count,
      availableReplicas: count,
      updatedReplicas: count,
    };
    if (holds(status, wanted)) continue;
    server.userPatch(KINDS.Deployment, keyOf(metadata), { status: wanted }, "status", "kcm");
  }
  for (const { metadata, spec } of server.readAll(KINDS.Service)) {
    if (spec?.clusterIP !== undefined) continue;
    server.userPatch(KINDS.Service, keyOf(metadata), { spec: { clusterIP: "10.96.0.7" } });
  }
}

function runSet(server: FakeApiServer, set: Live<StatefulSet>): void {
  const { metadata, spec } = set;
  const { namespace } = keyOf(metadata);
  const count = spec?.replicas ?? 1;
  const revision = createHash("sha256").update(JSON.stringify(spec?.template)).digest("hex");
  const updateRevision = revision.slice(0, 10);
  const status = {
    observedGeneration: metadata.generation,
    updateRevision,
    currentRevision: updateRevision,
    replicas: count,
    readyReplicas: count,
  };
  if (!holds(set.status, status)) {
    server.userPatch(KINDS.StatefulSet, keyOf(metadata), { status }, "status", "kcm");
  }
  for (let ordinal = 0; ordinal < count; ordinal += 1) {
    const name = `${metadata.name}-${ordinal}`;
    if (server.read(KINDS.Pod, { namespace, name }) !== undefined) continue;
    const { metadata: template, spec: pod } = spec?.template ?? {};
    const labels = { ...template?.labels, "controller-revision-hash": updateRevision };
    server.userApply(KINDS.Pod, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...template, namespace, name, labels },
      spec: pod,
    } as KubeObject);
    const running = {
      phase: "Running",
      podIP: addressOf(`${namespace}/${name}`),
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [{ name: "main", state: { running: {} } }],
    };
    server.userPatch(KINDS.Pod, { namespace, name }, { status: running }, "status", "kubelet");
    for (const claim of spec?.volumeClaimTemplates ?? []) {
      const key = { namespace, name: `${claim.metadata?.name ?? ""}-${name}` };
      const policy = spec?.persistentVolumeClaimRetentionPolicy?.whenDeleted ?? "Retain";
      bindClaim(server, key, { claim, policy });
    }
  }
}

function bindClaim(
  server: FakeApiServer,
  key: { readonly namespace: string; readonly name: string },
  template: {
    readonly claim: NonNullable<NonNullable<StatefulSet["spec"]>["volumeClaimTemplates"]>[0];
    readonly policy: string;
  },
): void {
  if (server.read(KINDS.PersistentVolumeClaim, key) !== undefined) return;
  const { claim, policy } = template;
  const volume = `pv-${key.name}`;
  server.userApply(KINDS.PersistentVolume, {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: volume },
    spec: { persistentVolumeReclaimPolicy: "Delete", claimRef: key },
  } as KubeObject);
  server.userApply(KINDS.PersistentVolumeClaim, {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { ...claim.metadata, ...key, annotations: { [WHEN_DELETED]: policy } },
    spec: { ...claim.spec, volumeName: volume },
  } as KubeObject);
}

/** One address per name, for ever: what a store is found by. */
function addressOf(name: string): string {
  const [a = 0, b = 0, c = 0] = createHash("sha256").update(name).digest();
  return `10.${a}.${b}.${c}`;
}

function keyOf(metadata: { readonly namespace?: string; readonly name: string }): {
  readonly namespace: string;
  readonly name: string;
} {
  return { namespace: metadata.namespace ?? "", name: metadata.name };
}

function holds(status: object | undefined, wanted: Readonly<Record<string, unknown>>): boolean {
  const has = (status ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).every(([name, value]) => has[name] === value);
}
