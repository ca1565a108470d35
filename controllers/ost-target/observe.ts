// Reads everything that the plan needs, from caches and from the program's last words.
import type { Pod } from "kubernetes-types/core/v1.js";

import { LABELS, labelValue, REASONS } from "#api/meta/index.ts";
import type { OstTarget } from "#api/rawstor/v1alpha1/index.ts";
import { OST_TARGET } from "#api/rawstor/v1alpha1/index.ts";
import { ostHealthPaths, ostPorts, refusalOfExitCode } from "#api/workload/ost.ts";
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
export function observe(
  key: ObjectKey,
  reader: Reader,
  port: TargetPort,
  defaults: TargetDefaults,
): Observed | undefined {
  const target = reader.get(TARGET, key);
  if (target === undefined) {
    port.seen(key.name, undefined);
    return undefined;
  }
  const { namespace } = defaults;
  const names = targetNames(key.name);
  const all = reader.list(KINDS.Pod, { namespace });
  const mine = podSelector(key.name)[LABELS.target];
  const live = all.find((pod) => pod.metadata.labels?.[LABELS.target] === mine);
  const node = reader.get(KINDS.Node, { namespace: "", name: target.spec.nodeName });
  const identity = reader.get(KINDS.ConfigMap, { namespace, name: names.identity });
  const clusterIp = reader.get(KINDS.Service, { namespace, name: names.service })?.spec?.clusterIP;
  return {
    target,
    seen: port.seen(key.name, live === undefined ? undefined : statusUrl(live)),
    allPods: all.map(observePod),
    ...(node === undefined ? {} : { nodeLabels: node.metadata.labels ?? {} }),
    ...(live === undefined ? {} : { pod: observePod(live) }),
    ...(identity === undefined ? {} : { record: parseRecord(identity.data) }),
    ...(clusterIp === undefined || clusterIp === "" ? {} : { clusterIp }),
  };
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

function observePod(pod: Live<Pod>): TargetPod {
  const [container] = pod.status?.containerStatuses ?? [];
  const ended = container?.state?.terminated ?? container?.lastState?.terminated;
  const running = container?.state?.running !== undefined;
  const refusal = running || ended === undefined ? undefined : refusalOfExitCode(ended.exitCode);
  const waiting = container?.state?.waiting;
  const reason = WAITING_REASONS[waiting?.reason ?? ""];
  const scheduled = pod.status?.conditions?.find((entry) => entry.type === "PodScheduled");
  const trouble =
    reason !== undefined
      ? { reason, message: `pod ${pod.metadata.name}: ${waiting?.message ?? ""}` }
      : scheduled?.status === "False"
        ? { reason: REASONS.Unschedulable, message: scheduled.message ?? "" }
        : undefined;
  return {
    name: pod.metadata.name,
    namespace: pod.metadata.namespace ?? "",
    uid: pod.metadata.uid,
    ready:
      pod.status?.conditions?.some((entry) => entry.type === "Ready" && entry.status === "True") ??
      false,
    deleting: pod.metadata.deletionTimestamp !== undefined,
    template: pod.metadata.annotations?.[TEMPLATE_ANNOTATION] ?? "",
    ...(refusal === undefined ? {} : { refusal }),
    ...(trouble === undefined ? {} : { trouble }),
  };
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
