// Why a function's pods are not there. Kubernetes spreads the answer over three places: the
// kubelet's waiting reasons on the pods, the ReplicaFailure condition that the Deployment copies
// from its ReplicaSet (quota, Pod Security, admission), and the Deployment's own progress deadline.
// This file turns them into one reason and one sentence; the most concrete one wins.

import type { Deployment } from "kubernetes-types/apps/v1.js";
import type { ContainerStatus, Pod } from "kubernetes-types/core/v1.js";

import { REASONS } from "#api/meta/index.ts";
import type { Reason } from "#api/meta/index.ts";
import { compareText } from "#controllers/objects/index.ts";

/** One reason and one sentence for people. */
export interface Trouble {
  readonly reason: Reason;
  readonly message: string;
  /** False: it may still pass by itself without anything being wrong (pods are just starting). */
  readonly failing: boolean;
}

/** What was seen of one workload. */
export interface WorkloadHealth {
  readonly ready: number;
  /** The wanted count, as the Deployment has it now (an autoscaler may have changed it). */
  readonly replicas: number;
  /** Every wanted pod runs the present template and is ready. */
  readonly settled: boolean;
  readonly trouble?: Trouble;
}

/** Judges one Deployment and its pods (any order; other workloads' pods must be left out). */
export function judgeWorkload(
  deployment: Deployment | undefined,
  pods: readonly Pod[],
): WorkloadHealth {
  if (deployment === undefined) {
    return {
      ready: 0,
      replicas: 0,
      settled: false,
      trouble: { reason: REASONS.Pending, message: "not created yet", failing: false },
    };
  }
  const replicas = deployment.spec?.replicas ?? 1;
  const status = deployment.status ?? {};
  const ready = status.readyReplicas ?? 0;
  const seen = (status.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0);
  const settled =
    seen &&
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas;
  if (settled) return { ready, replicas, settled };
  const trouble = podTrouble(pods) ?? rolloutTrouble(deployment) ?? waiting(ready, replicas);
  return { ready, replicas, settled, trouble };
}

function waiting(ready: number, replicas: number): Trouble {
  return {
    reason: REASONS.WaitingForPods,
    message: `${ready} of ${replicas} pods are ready`,
    failing: false,
  };
}

const imageReasons = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "ImageInspectError",
  "RegistryUnavailable",
  "SignatureValidationFailed",
]);
const configReasons = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "CreatePodSandboxError",
  "RunContainerError",
  "PostStartHookError",
  "PreCreateHookError",
]);

/** The trouble of the newest pod that has any; undefined if all are merely starting. */
function podTrouble(pods: readonly Pod[]): Trouble | undefined {
  const newestFirst = pods
    .filter((pod) => pod.metadata?.deletionTimestamp === undefined)
    .toSorted(
      (a, b) =>
        compareText(b.metadata?.creationTimestamp ?? "", a.metadata?.creationTimestamp ?? "") ||
        compareText(a.metadata?.name ?? "", b.metadata?.name ?? ""),
    );
  for (const pod of newestFirst) {
    const trouble = troubleOfPod(pod);
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}

function troubleOfPod(pod: Pod): Trouble | undefined {
  const statuses = [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ];
  for (const container of statuses) {
    const trouble = troubleOfContainer(container);
    if (trouble !== undefined) return trouble;
  }
  const scheduled = pod.status?.conditions?.find((c) => c.type === "PodScheduled");
  if (scheduled?.status === "False" && scheduled.reason === "Unschedulable") {
    return {
      reason: REASONS.Unschedulable,
      message: oneLine(scheduled.message ?? "no node fits"),
      failing: true,
    };
  }
  if (pod.status?.phase === "Failed") {
    const why = [pod.status.reason, pod.status.message].filter((x) => x !== undefined).join(": ");
    return {
      reason: REASONS.PodsRejected,
      message: oneLine(why === "" ? "the pod failed" : why),
      failing: true,
    };
  }
  return undefined;
}

function troubleOfContainer(container: ContainerStatus): Trouble | undefined {
  const waitingFor = container.state?.waiting;
  const reason = waitingFor?.reason ?? "";
  if (imageReasons.has(reason)) {
    const detail = waitingFor?.message ?? reason;
    return {
      reason: REASONS.ImagePullFailed,
      message: oneLine(`image ${container.image}: ${detail}`),
      failing: true,
    };
  }
  if (configReasons.has(reason)) {
    return {
      reason: REASONS.ConfigError,
      message: oneLine(`${reason}: ${waitingFor?.message ?? "no detail"}`),
      failing: true,
    };
  }
  const ended = container.state?.terminated ?? container.lastState?.terminated;
  const crashes =
    reason === "CrashLoopBackOff" ||
    container.state?.terminated !== undefined ||
    (ended !== undefined && ended.exitCode !== 0 && !container.ready);
  if (!crashes) return undefined;
  const why = ended?.reason === undefined ? "" : ` (${ended.reason})`;
  const how = ended === undefined ? "ended" : `ended with code ${ended.exitCode}${why}`;
  const last = ended?.message === undefined ? "" : `: ${ended.message}`;
  return {
    reason: REASONS.CrashLooping,
    message: oneLine(
      `container ${container.name} ${how}, ${container.restartCount} restarts${last}`,
    ),
    failing: true,
  };
}

/** What the Deployment itself says: pods refused at creation, or no progress in time. */
function rolloutTrouble(deployment: Deployment): Trouble | undefined {
  const conditions = deployment.status?.conditions ?? [];
  const refused = conditions.find((c) => c.type === "ReplicaFailure" && c.status === "True");
  if (refused !== undefined) {
    const message = oneLine(refused.message ?? refused.reason ?? "pods are refused");
    return { reason: refusalReason(message), message, failing: true };
  }
  const progress = conditions.find((c) => c.type === "Progressing");
  if (progress?.status === "False" && progress.reason === "ProgressDeadlineExceeded") {
    return {
      reason: REASONS.ProgressDeadlineExceeded,
      message: oneLine(progress.message ?? "the rollout makes no progress"),
      failing: true,
    };
  }
  return undefined;
}

function refusalReason(message: string): Reason {
  if (message.includes("exceeded quota") || message.includes("failed quota")) {
    return REASONS.QuotaExceeded;
  }
  if (message.includes("violates PodSecurity")) return REASONS.PodSecurityViolation;
  return REASONS.PodsRejected;
}

const MESSAGE_MAX = 512;

/** One line of bounded length: status stays small whatever a registry answers. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= MESSAGE_MAX ? line : `${line.slice(0, MESSAGE_MAX - 3)}...`;
}
