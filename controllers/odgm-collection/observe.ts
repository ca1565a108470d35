// Reads everything that the plan needs, from caches and from the members' last words.
import type { ConfigMap, PersistentVolumeClaim, Pod, Secret } from "kubernetes-types/core/v1.js";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";

import { ANNOTATIONS, LABELS, REASONS } from "#api/meta/index.ts";
import type { OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { effectiveOdgmCollection, ODGM_COLLECTION } from "#api/oaas/v1alpha1/index.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";
import { ODGM_PORTS } from "#api/workload/odgm.ts";
import type { Kind, Live, ObjectKey, Reader } from "#controllers/runtime/index.ts";
import { defineKind, KINDS } from "#controllers/runtime/index.ts";

import { parseIdentity } from "./plan/identity.ts";
import type {
  MemberSeen,
  Observed,
  ObservedCertificate,
  ObservedClaim,
  ObservedPod,
  ObservedSet,
  ObservedVolume,
  SeenTarget,
} from "./plan/observed.ts";
import { collectionIdentity } from "./plan/san.ts";
import type { CollectionPort } from "./port.ts";
import { CERTIFICATE_ANNOTATIONS, ORIGINAL_RECLAIM_POLICY } from "./port.ts";
import { podSelector } from "./render.ts";

/** The controller's own kind. */
export const COLLECTION: Kind<OdgmCollection> = defineKind<OdgmCollection>(ODGM_COLLECTION);

/** All reads of one pass; undefined if the collection is gone. */
export async function observe(
  key: ObjectKey,
  reader: Reader,
  port: CollectionPort,
): Promise<Observed | undefined> {
  const found = reader.get(COLLECTION, key);
  if (found === undefined) {
    port.forget(key);
    return undefined;
  }
  const collection = { ...found, metadata: { ...found.metadata, namespace: key.namespace } };
  const names = collectionNames(key.namespace, key.name);
  const filter = { namespace: key.namespace, labels: podSelector(key.name) };
  const pods = reader.list(KINDS.Pod, filter);
  const trust = port.trust();
  const targets = new Map<number, SeenTarget>();
  if (trust !== undefined) {
    const identity = collectionIdentity(trust.clusterUid, key);
    for (const target of pods.flatMap((pod) => memberTarget(pod, identity))) {
      targets.set(target.ordinal, target);
    }
  }
  const identityMap = reader.get(KINDS.ConfigMap, { ...key, name: names.identity });
  const secret = reader.get(KINDS.Secret, { ...key, name: names.tlsSecret });
  const set = reader.get(KINDS.StatefulSet, { ...key, name: names.statefulSet });
  const certificate = secret === undefined ? undefined : observeCertificate(secret);
  return {
    collection,
    ...(set === undefined ? {} : { set: observeSet(set) }),
    pods: pods.map(observePod).sort((a, b) => a.ordinal - b.ordinal),
    claims: reader
      .list(KINDS.PersistentVolumeClaim, filter)
      .map((claim) => observeClaim(claim, reader)),
    ...(identityMap === undefined || goesWithAnother(identityMap, collection)
      ? {}
      : { identity: parseIdentity(identityMap.data) }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(trust === undefined ? {} : { trust }),
    members: await observeMembers(key, targets, port, effectiveOdgmCollection(found.spec).nodes),
    targets,
  };
}

async function observeMembers(
  key: ObjectKey,
  targets: ReadonlyMap<number, SeenTarget>,
  port: CollectionPort,
  nodes: number,
): Promise<ReadonlyMap<number, MemberSeen>> {
  const views = await port.members(key, [...targets.values()]);
  const members = new Map<number, MemberSeen>(views);
  for (let ordinal = 0; ordinal < nodes; ordinal += 1) {
    if (!members.has(ordinal)) members.set(ordinal, { kind: "absent" });
  }
  return members;
}

/** True for the record of an earlier collection of this name that was deleted under Delete. */
function goesWithAnother(record: Live<ConfigMap>, collection: Live<OdgmCollection>): boolean {
  const owners = record.metadata.ownerReferences ?? [];
  return owners.length > 0 && owners.every((owner) => owner.uid !== collection.metadata.uid);
}

function memberTarget(pod: Live<Pod>, identity: string): readonly SeenTarget[] {
  const ip = pod.status?.podIP;
  const ended = pod.metadata.deletionTimestamp !== undefined;
  if (ip === undefined || ip === "" || ended || pod.status?.phase !== "Running") return [];
  const host = ip.includes(":") ? `[${ip}]` : ip;
  return [
    { ordinal: ordinalOf(pod.metadata.name), address: `${host}:${ODGM_PORTS.admin}`, identity },
  ];
}

function ordinalOf(name: string): number {
  return Number(/-(\d+)$/.exec(name)?.[1] ?? "0");
}

function observePod(pod: Live<Pod>): ObservedPod {
  const ready = pod.status?.conditions?.some(
    (entry) => entry.type === "Ready" && entry.status === "True",
  );
  const trouble = podTrouble(pod);
  return {
    name: pod.metadata.name,
    uid: pod.metadata.uid,
    ordinal: ordinalOf(pod.metadata.name),
    ready: ready ?? false,
    revision: pod.metadata.labels?.["controller-revision-hash"] ?? "",
    deleting: pod.metadata.deletionTimestamp !== undefined,
    ...(trouble === undefined ? {} : { trouble }),
  };
}

const WAITING_REASONS: Readonly<Record<string, string>> = {
  CrashLoopBackOff: REASONS.CrashLooping,
  CreateContainerConfigError: REASONS.ConfigError,
  ErrImageNeverPull: REASONS.ImagePullFailed,
  ErrImagePull: REASONS.ImagePullFailed,
  ImagePullBackOff: REASONS.ImagePullFailed,
  InvalidImageName: REASONS.ImagePullFailed,
};

function podTrouble(pod: Live<Pod>): ObservedPod["trouble"] {
  const name = pod.metadata.name;
  for (const container of pod.status?.containerStatuses ?? []) {
    const waiting = container.state?.waiting;
    const reason = WAITING_REASONS[waiting?.reason ?? ""];
    if (waiting === undefined || reason === undefined) continue;
    const last = container.lastState?.terminated;
    const exit =
      last === undefined ? "" : `; last exit code ${last.exitCode} ${last.message ?? ""}`;
    return { reason, message: `pod ${name}: ${waiting.message ?? waiting.reason ?? ""}${exit}` };
  }
  const scheduled = pod.status?.conditions?.find((entry) => entry.type === "PodScheduled");
  if (scheduled?.status !== "False") return undefined;
  return { reason: REASONS.Unschedulable, message: `pod ${name}: ${scheduled.message ?? ""}` };
}

function observeSet(set: Live<StatefulSet>): ObservedSet {
  const seen = set.status?.observedGeneration === set.metadata.generation;
  const revision = seen ? set.status?.updateRevision : undefined;
  return {
    replicas: set.spec?.replicas ?? 1,
    ...(revision === undefined ? {} : { updateRevision: revision }),
  };
}

function observeClaim(claim: Live<PersistentVolumeClaim>, reader: Reader): ObservedClaim {
  const volume = observeVolume(claim.spec?.volumeName ?? "", reader);
  return {
    name: claim.metadata.name,
    uid: claim.metadata.uid,
    ordinal: ordinalOf(claim.metadata.name),
    size: claim.spec?.resources?.requests?.["storage"] ?? "",
    deleting: claim.metadata.deletionTimestamp !== undefined,
    ...(volume === undefined ? {} : { volume }),
  };
}

function observeVolume(name: string, reader: Reader): ObservedVolume | undefined {
  if (name === "") return undefined;
  const volume = reader.get(KINDS.PersistentVolume, { namespace: "", name });
  if (volume === undefined) return undefined;
  const original = volume.metadata.annotations?.[ORIGINAL_RECLAIM_POLICY];
  return {
    name,
    reclaimPolicy: volume.spec?.persistentVolumeReclaimPolicy ?? "Retain",
    ...(original === undefined ? {} : { originalReclaimPolicy: original }),
  };
}

function observeCertificate(secret: Live<Secret>): ObservedCertificate | undefined {
  const annotations = secret.metadata.annotations ?? {};
  const renewAt = Date.parse(annotations[CERTIFICATE_ANNOTATIONS.renewAt] ?? "");
  const notAfter = Date.parse(annotations[ANNOTATIONS.certificateExpiry] ?? "");
  if (Number.isNaN(renewAt) || Number.isNaN(notAfter)) return undefined;
  return {
    renewAtMs: renewAt,
    bundle: annotations[CERTIFICATE_ANNOTATIONS.bundle] ?? "",
    issuer: annotations[CERTIFICATE_ANNOTATIONS.issuer] ?? "",
  };
}

/** The collections that a data pod or claim belongs to, by its labels. */
export function collectionsOf(
  object: { readonly metadata: { readonly namespace?: string; readonly labels?: object } },
  reader: Reader,
): readonly ObjectKey[] {
  const labels = (object.metadata.labels ?? {}) as Readonly<Record<string, string>>;
  const instance = labels[LABELS.instance];
  const namespace = object.metadata.namespace ?? "";
  return reader
    .list(COLLECTION, { namespace })
    .filter((found) => podSelector(found.metadata.name)[LABELS.instance] === instance)
    .map((found) => ({ namespace, name: found.metadata.name }));
}
