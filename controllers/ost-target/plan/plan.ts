// What happens next to one OstTarget. Pure.
//
// A disk is formatted once: the intent is recorded in the identity ConfigMap first, the pod may
// then format a blank disk, and the incarnation that it serves is recorded.
// From there on a blank disk is a lost or swapped one and stays refused.
import { REASONS } from "#api/meta/index.ts";
import { effectiveOstTarget } from "#api/rawstor/v1alpha1/index.ts";
import type { OstTarget } from "#api/rawstor/v1alpha1/index.ts";
import type { OstRefusal, OstStatus } from "#api/workload/ost.ts";

/** The target with what the API server filled in. */
export type ObservedTarget = OstTarget & {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
};

/** The one pod of a target. */
export interface TargetPod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly ready: boolean;
  readonly deleting: boolean;
  /** Value of {@link TEMPLATE_ANNOTATION}. */
  readonly template: string;
  /** True if it was made with permission to format a blank disk. */
  readonly mayFormat: boolean;
  /** The program's own reason for refusing the disk, until a later run is ready. */
  readonly refusal?: OstRefusal;
  /** Why it does not run otherwise, in the kubelet's or scheduler's words. */
  readonly trouble?: { readonly reason: string; readonly message: string };
}

/** What is on record about a target's disk. */
export interface TargetRecord {
  readonly target: string;
  /** Undefined: formatting is intended. */
  readonly incarnation?: string;
}

/** What the program says of itself. */
export type OstSeen =
  | { readonly kind: "absent" }
  | { readonly kind: "unreachable"; readonly message: string }
  | { readonly kind: "known"; readonly status: OstStatus };

/** Everything that was seen in one pass. */
export interface Observed {
  readonly target: ObservedTarget;
  /** Undefined: there is no such node. */
  readonly nodeLabels?: Readonly<Record<string, string>>;
  readonly pod?: TargetPod;
  readonly record?: TargetRecord | { readonly malformed: string };
  readonly seen: OstSeen;
  readonly clusterIp?: string;
  /** Its claim, the first child that is deleted when it goes. `none`: never made, or gone. */
  readonly claim: "none" | "kept" | "going";
  /** Names of the other targets that were made and do not serve now. */
  readonly othersDown: readonly string[];
}

/** Settings of the operator. */
export interface TargetDefaults {
  readonly image: string;
  readonly namespace: string;
  readonly clusterUid: string;
  /** `spec.path` must lie under one of these. */
  readonly allowedPathPrefixes: readonly string[];
}

/** Deletes the pod if it still is this one. */
export interface RestartPod {
  readonly kind: "restart-pod";
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** The program of `target` shall take no new objects, for the end that `holder` names. */
export interface CloseDisk {
  readonly kind: "close-disk";
  readonly target: string;
  readonly holder: string;
}

/** The program of `target` shall take new objects again if it is closed for `holder`. */
export interface OpenDisk {
  readonly kind: "open-disk";
  readonly target: string;
  readonly holder: string;
}

/** One call outside of server-side apply. */
export type TargetCall = RestartPod | CloseDisk | OpenDisk;

/** The plan. */
export interface TargetPlan {
  readonly refusal?: { readonly reason: string; readonly message: string; readonly path?: string };
  readonly record: TargetRecord;
  readonly format: "Never" | "IfBlank";
  /** False until the record is stored: nothing that touches the disk is made before. */
  readonly serve: boolean;
  /** The disk is another one than on record. */
  readonly trouble?: { readonly reason: string; readonly message: string };
}

/** Pod annotation that names the template it was made from, but for the format policy. */
export const TEMPLATE_ANNOTATION = "rawstor.io/template";
type Problem = NonNullable<TargetPlan["refusal"]>;

/** Decides what happens next. */
export function plan(observed: Observed, _now: Date, defaults: TargetDefaults): TargetPlan {
  const fresh: TargetRecord = { target: observed.target.metadata.uid };
  const refusal = invalid(observed, defaults) ?? recordProblem(observed);
  if (refusal !== undefined) return { refusal, record: fresh, format: "Never", serve: false };
  const stored =
    observed.record === undefined || "malformed" in observed.record ? undefined : observed.record;
  const record = stored ?? fresh;
  const { seen } = observed;
  if (seen.kind === "known") {
    const message = otherDisk(seen.status, record, defaults);
    if (message !== undefined) {
      const trouble = { reason: REASONS.WrongDisk, message };
      return { record, format: "Never", serve: true, trouble };
    }
    const { incarnation } = seen.status;
    return { record: { ...record, incarnation }, format: "Never", serve: true };
  }
  // Formatting is allowed only once the stored record shows the intent.
  const intended = stored !== undefined && stored.incarnation === undefined;
  return { record, format: intended ? "IfBlank" : "Never", serve: stored !== undefined };
}

/** How the disk that is served differs from the one on record. */
function otherDisk(
  { target, cluster, incarnation }: OstStatus,
  record: TargetRecord,
  defaults: TargetDefaults,
): string | undefined {
  if (target !== record.target || cluster !== defaults.clusterUid) {
    return `the disk is of target ${target} in cluster ${cluster}`;
  }
  if (record.incarnation === undefined || record.incarnation === incarnation) return undefined;
  return `the disk is incarnation ${incarnation}, on record is ${record.incarnation}`;
}

function invalid(observed: Observed, defaults: TargetDefaults): Problem | undefined {
  const { spec } = observed.target;
  const { medium } = effectiveOstTarget(spec);
  if (medium?.kind !== "path") return undefined;
  const allowed = defaults.allowedPathPrefixes.some((prefix) =>
    medium.path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`),
  );
  if (allowed && !medium.path.split("/").includes("..")) return undefined;
  const message = `${medium.path} is not under ${defaults.allowedPathPrefixes.join(" or ")}`;
  return { reason: REASONS.Invalid, path: "spec.path", message };
}

/**
 * A record that is gone or that nobody understands. Without one a blank disk could be taken for a
 * new one, so the target waits unless its program still says which disk it serves. A target that
 * was deleted and made again under the same name is no problem: the record keeps the old uid, which
 * the disk names too, so its data is found again.
 */
function recordProblem({ record, claim, seen, target }: Observed): Problem | undefined {
  const reason = REASONS.IdentityLost;
  if (record !== undefined && "malformed" in record) return { reason, message: record.malformed };
  if (record !== undefined || claim === "none" || seen.kind === "known") return undefined;
  const name = `${target.metadata.name}-identity`;
  const message = `ConfigMap ${name} is gone: which disk is the right one is on record no more`;
  return { reason, message };
}

/**
 * Calls of a plan: a disk that was closed for the end of an earlier target is opened, and at most
 * one restart. See {@link restart}.
 */
export function calls(
  observed: Observed,
  next: TargetPlan,
  template: string,
): readonly TargetCall[] {
  return [...open(observed, next), ...restart(observed, next, template)];
}

function open({ seen, target }: Observed, next: TargetPlan): readonly TargetCall[] {
  if (seen.kind !== "known" || next.refusal !== undefined || next.trouble !== undefined) return [];
  const { closedFor: holder } = seen.status;
  if (holder === undefined) return [];
  return [{ kind: "open-disk", target: target.metadata.name, holder }];
}

/** True if the pod is not the one that is wanted, whether it may be replaced now or not. */
export function isOutdated({ pod }: Observed, next: TargetPlan, template: string): boolean {
  if (pod === undefined || next.refusal !== undefined) return false;
  const otherFormat = pod.mayFormat !== (next.format === "IfBlank");
  return pod.template !== template || otherFormat;
}

/**
 * Two targets never restart together, but a pod that serves nothing may always go, and so may one
 * that has just formatted its disk: it is not Ready before it runs without that permission, for a
 * restarted container would format a swapped disk too.
 */
function restart(observed: Observed, next: TargetPlan, template: string): readonly TargetCall[] {
  const { pod, othersDown } = observed;
  if (pod === undefined || pod.deleting || !isOutdated(observed, next, template)) return [];
  if (pod.ready && !pod.mayFormat && othersDown.length > 0) return [];
  const { namespace, name, uid } = pod;
  return [{ kind: "restart-pod", namespace, name, uid }];
}
