// Reads everything that the plan needs, from caches and from the program's last words.
import type { PersistentVolumeClaim, Pod } from "kubernetes-types/core/v1.js";

import { LABELS, labelValue, REASONS } from "#api/meta/index.ts";
import type { OstTarget } from "#api/rawstor/v1alpha1/index.ts";
import { OST_TARGET } from "#api/rawstor/v1alpha1/index.ts";
import { ostHealthPaths, ostPorts, refusalOfExitCode, settingsOfEnv } from "#api/workload/ost.ts";
import type { Kind, Live, ObjectKey, Reader } from "#controllers/runtime/index.ts";
import { defineKind, KINDS } from "#controllers/runtime/index.ts";

import type { Observed, TargetDefaults, TargetPod } from "./plan/plan.ts";
import { TEMPLATE_ANNOTATION } from "./plan/plan.ts";
import { parseRecord } from "./plan/record.ts";
import type { TargetPort } from "./port.ts";
import { podSelector, targetNames } from "./render.ts";

/** The controller's own kind. */
export const TARGET: Kind<OstTarget> = defineKind<OstTarget>(OST_TARGET);

/** All reads of one pass; undefined if the target is gone. */
export async function observe(
  key: ObjectKey,
  reader: Reader,
  port: TargetPort,
  defaults: TargetDefaults,
): Promise<Observed | undefined> {
  const { namespace } = defaults;
  // The wait comes first: everything that is read from the caches is of one moment.
  const asked = podOf(key.name, reader, namespace);
  const seen = await port.seen(
    key.name,
    reader.get(TARGET, key) === undefined || asked === undefined ? undefined : statusUrl(asked),
  );
  const target = reader.get(TARGET, key);
  if (target === undefined) return undefined;
  const names = targetNames(key.name);
  const live = podOf(key.name, reader, namespace);
  const node = reader.get(KINDS.Node, { namespace: "", name: target.spec.nodeName });
  const identity = reader.get(KINDS.ConfigMap, { namespace, name: names.identity });
  const clusterIp = reader.get(KINDS.Service, { namespace, name: names.service })?.spec?.clusterIP;
  const claim = reader.get(KINDS.PersistentVolumeClaim, { namespace, name: names.claim });
  return {
    target,
    claim: claimState(claim),
    // Of the pod that was asked: another one has not said anything yet.
    seen: live?.metadata.uid === asked?.metadata.uid ? seen : { kind: "absent" },
    othersDown: othersDown(key.name, reader, port, namespace),
    ...(node === undefined ? {} : { nodeLabels: node.metadata.labels ?? {} }),
    ...(live === undefined ? {} : { pod: observePod(live, port) }),
    ...(identity === undefined ? {} : { record: parseRecord(identity.data) }),
    ...(clusterIp === undefined || clusterIp === "" ? {} : { clusterIp }),
  };
}

function claimState(claim: Live<PersistentVolumeClaim> | undefined): Observed["claim"] {
  if (claim === undefined) return "none";
  return claim.metadata.deletionTimestamp === undefined ? "kept" : "going";
}

function podOf(name: string, reader: Reader, namespace: string): Live<Pod> | undefined {
  const mine = podSelector(name)[LABELS.target];
  const [pod] = reader.list(KINDS.Pod, { namespace, labels: { [LABELS.target]: mine ?? "" } });
  return pod;
}

/** A target without a claim was never made: it is refused, or new. */
function othersDown(
  name: string,
  reader: Reader,
  port: TargetPort,
  namespace: string,
): readonly string[] {
  const others = reader.list(TARGET).map((target) => target.metadata.name);
  return others.filter((other) => {
    if (other === name) return false;
    const claim = { namespace, name: targetNames(other).claim };
    if (reader.get(KINDS.PersistentVolumeClaim, claim) === undefined) return false;
    const pod = podOf(other, reader, namespace);
    return pod === undefined || isGoing(pod, port) || !isTrue(pod, "Ready");
  });
}

/** A restart that was asked for counts at once, not only when the watch tells of it. */
function isGoing(pod: Live<Pod>, port: TargetPort): boolean {
  return pod.metadata.deletionTimestamp !== undefined || port.restarted(pod.metadata.uid);
}

function statusUrl(pod: Live<Pod>): string | undefined {
  const ip = pod.status?.podIP;
  const running = pod.status?.containerStatuses?.some(
    (container) => container.state?.running !== undefined,
  );
  if (ip === undefined || ip === "" || running !== true) return undefined;
  return `http://${ip.includes(":") ? `[${ip}]` : ip}:${ostPorts.health}${ostHealthPaths.status}`;
}

const WAITING_REASONS: Readonly<Record<string, string>> = {
  CrashLoopBackOff: REASONS.CrashLooping,
  CreateContainerConfigError: REASONS.ConfigError,
  ErrImageNeverPull: REASONS.ImagePullFailed,
  ErrImagePull: REASONS.ImagePullFailed,
  ImagePullBackOff: REASONS.ImagePullFailed,
  InvalidImageName: REASONS.ImagePullFailed,
};

function observePod(pod: Live<Pod>, port: TargetPort): TargetPod {
  const ready = isTrue(pod, "Ready");
  const [container] = pod.status?.containerStatuses ?? [];
  const ended = container?.state?.terminated ?? container?.lastState?.terminated;
  // A refused program runs for a moment at every retry; that is no news until it is ready.
  const refusal = ready || ended === undefined ? undefined : refusalOfExitCode(ended.exitCode);
  const trouble = troubleOf(pod);
  return {
    name: pod.metadata.name,
    namespace: pod.metadata.namespace ?? "",
    uid: pod.metadata.uid,
    ready,
    deleting: isGoing(pod, port),
    template: pod.metadata.annotations?.[TEMPLATE_ANNOTATION] ?? "",
    mayFormat: mayFormat(pod),
    ...(refusal === undefined ? {} : { refusal }),
    ...(trouble === undefined ? {} : { trouble }),
  };
}

function isTrue(pod: Live<Pod>, type: string): boolean {
  return (
    pod.status?.conditions?.some((entry) => entry.type === type && entry.status === "True") ?? false
  );
}

function mayFormat(pod: Live<Pod>): boolean {
  const env = pod.spec?.containers[0]?.env ?? [];
  const settings = settingsOfEnv(Object.fromEntries(env.map(({ name, value }) => [name, value])));
  return settings.format === "IfBlank";
}

function troubleOf(pod: Live<Pod>): TargetPod["trouble"] {
  const waiting = pod.status?.containerStatuses?.[0]?.state?.waiting;
  const reason = WAITING_REASONS[waiting?.reason ?? ""];
  if (reason !== undefined) {
    return { reason, message: `pod ${pod.metadata.name}: ${waiting?.message ?? ""}` };
  }
  const scheduled = pod.status?.conditions?.find((entry) => entry.type === "PodScheduled");
  if (scheduled?.status !== "False") return undefined;
  return { reason: REASONS.Unschedulable, message: scheduled.message ?? "" };
}

/** The targets that a pod or another child belongs to, by its label. */
export function targetsOf(
  object: { readonly metadata: { readonly labels?: object } },
  reader: Reader,
): readonly ObjectKey[] {
  const labels = (object.metadata.labels ?? {}) as Readonly<Record<string, string>>;
  const value = labels[LABELS.target];
  return reader
    .list(TARGET)
    .filter((target) => labelValue(target.metadata.name) === value)
    .map((target) => ({ namespace: "", name: target.metadata.name }));
}
