// Status of a target from what was seen.
import { conditions, REASONS } from "#api/meta/index.ts";
import type { OstTargetStatus } from "#api/rawstor/v1alpha1/index.ts";
import { effectiveTopology } from "#api/rawstor/v1alpha1/index.ts";
import type { OstStatus } from "#api/workload/ost.ts";
import { ostPorts } from "#api/workload/ost.ts";
import { present } from "#controllers/objects/index.ts";

import type { Observed, TargetPlan } from "./plan/plan.ts";

/** Everything in status but what the framework adds. */
export type TargetFields = Omit<OstTargetStatus, "conditions" | "observedGeneration">;

/** A condition without its times. */
export interface ConditionDraft {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Longest message of an error in status; see the schema of DiskError. */
const MESSAGE_MAX = 512;

const REFUSAL_TEXT: Readonly<Record<string, string>> = {
  EmptyDisk: "the disk is blank but this target was registered before: bring its disk back",
  WrongDisk: "the disk belongs to another target or cluster",
  ForeignDisk: "the disk holds files of something else; nothing was touched",
  NewerFormat: "the disk was written by a newer program",
  DamagedSuperblock: "the superblock does not match its checksum",
  DiskInUse: "another process holds the disk",
  DiskUnavailable: "the disk cannot be read or written",
};

function diskHealthy(observed: Observed, plan: TargetPlan): ConditionDraft {
  const type = conditions.DISK_HEALTHY;
  const refusal = observed.pod?.refusal;
  if (refusal !== undefined && observed.seen.kind !== "known") {
    return { type, status: "False", reason: refusal, message: REFUSAL_TEXT[refusal] ?? refusal };
  }
  if (plan.trouble !== undefined) return { type, status: "False", ...plan.trouble };
  const { seen } = observed;
  if (seen.kind !== "known") {
    const message = seen.kind === "absent" ? "no pod runs" : seen.message;
    return { type, status: "Unknown", reason: REASONS.Unreachable, message };
  }
  const [last] = seen.status.lastErrors;
  if (seen.status.state === "Failed") {
    const message = last?.message ?? "a write could not be made durable";
    return { type, status: "False", reason: REASONS.DiskFailed, message };
  }
  const message = last === undefined ? "no errors" : `serving; last error: ${last.message}`;
  return { type, status: "True", reason: REASONS.Available, message };
}

function ready(observed: Observed, disk: ConditionDraft): ConditionDraft {
  const type = conditions.READY;
  if (disk.status === "False") return { ...disk, type };
  if (observed.nodeLabels === undefined) {
    const message = `there is no node ${observed.target.spec.nodeName}`;
    return { type, status: "False", reason: REASONS.NotFound, message };
  }
  const { pod } = observed;
  if (pod?.trouble !== undefined) return { type, status: "False", ...pod.trouble };
  if (pod?.mayFormat === true && pod.ready) {
    const message = "its disk is formatted; its pod is replaced by one that may not format";
    return { type, status: "False", reason: REASONS.Formatting, message };
  }
  if (isStillClosed(observed)) {
    const message = "an earlier target closed its disk for new objects; it is opened again";
    return { type, status: "False", reason: REASONS.Progressing, message };
  }
  if (pod?.ready !== true || disk.status !== "True" || observed.clusterIp === undefined) {
    const message =
      pod === undefined ? "its pod does not exist yet" : `pod ${pod.name} is not ready`;
    return { type, status: "False", reason: REASONS.WaitingForPods, message };
  }
  return { type, status: "True", reason: REASONS.Available, message: "serving" };
}

/** As the end of an earlier target left it; its own end closes it, too. */
function isStillClosed({ seen, target }: Observed): boolean {
  if (seen.kind !== "known" || target.metadata.deletionTimestamp !== undefined) return false;
  return seen.status.closedFor !== undefined;
}

/** What objects may still take: the file system's word, and the capacity that the user allows. */
function availableBytes({ availableBytes, capacityBytes, usedBytes }: OstStatus): number {
  return Math.max(0, Math.min(availableBytes, capacityBytes - usedBytes));
}

function fieldsOf(observed: Observed): TargetFields {
  const status = observed.seen.kind === "known" ? observed.seen.status : undefined;
  const topology = present(effectiveTopology(observed.target.spec, observed.nodeLabels ?? {}));
  const { clusterIp } = observed;
  return present({
    address: clusterIp === undefined ? undefined : `${clusterIp}:${ostPorts.protocol}`,
    capacity:
      status === undefined
        ? undefined
        : {
            totalBytes: status.capacityBytes,
            usedBytes: status.usedBytes,
            availableBytes: availableBytes(status),
          },
    objects: status?.objects,
    lastErrors: status?.lastErrors.map(({ time, code, message }) => ({
      time,
      code,
      message: message.slice(0, MESSAGE_MAX),
    })),
    topology: Object.keys(topology).length === 0 ? undefined : topology,
  });
}

function registered(plan: TargetPlan): ConditionDraft {
  const type = conditions.REGISTERED;
  const { incarnation } = plan.record;
  if (incarnation !== undefined) {
    const message = `incarnation ${incarnation}`;
    return { type, status: "True", reason: REASONS.Succeeded, message };
  }
  return { type, status: "False", reason: REASONS.Pending, message: "the disk was never seen" };
}

function drained(observed: Observed): ConditionDraft {
  const type = conditions.DRAINED;
  if (observed.seen.kind !== "known") {
    return { type, status: "Unknown", reason: REASONS.Unreachable, message: "not known" };
  }
  const { objects } = observed.seen.status;
  const message = objects === 1 ? "1 object is on it" : `${objects} objects are on it`;
  return { type, status: objects === 0 ? "True" : "False", reason: REASONS.Observed, message };
}

/** Fields and conditions. Refusal of the spec, failure and deletion are added by the framework. */
export function computeStatus(
  observed: Observed,
  plan: TargetPlan,
): { readonly fields: TargetFields; readonly conditions: readonly ConditionDraft[] } {
  const disk = diskHealthy(observed, plan);
  const summary = ready(observed, disk);
  const { reason, message } = summary;
  // A bad disk waits for a person; anything else that is not well may come by itself.
  const progress: ConditionDraft =
    disk.status === "False"
      ? { type: conditions.STALLED, status: "True", reason, message }
      : {
          type: conditions.RECONCILING,
          status: summary.status === "True" ? "False" : "True",
          reason,
          message,
        };
  return {
    fields: fieldsOf(observed),
    conditions: [summary, disk, registered(plan), drained(observed), progress],
  };
}
