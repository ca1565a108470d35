// What happens next to one OstTarget. Pure.
//
// A disk is formatted once: the intent is recorded in the identity ConfigMap first, the pod may
// format a blank disk while the record says so, and the incarnation that it then serves is recorded.
// From there on a blank disk is a lost or swapped one and stays refused.
import { ANNOTATIONS, REASONS } from "#api/meta/index.ts";
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
  /** The program's own reason for refusing the disk. */
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
  /** Pods of all targets, for the rule that they never restart together. */
  readonly allPods: readonly TargetPod[];
}

/** Settings of the operator. */
export interface TargetDefaults {
  readonly image: string;
  readonly namespace: string;
  readonly clusterUid: string;
  /** `spec.path` must lie under one of these. */
  readonly allowedPathPrefixes: readonly string[];
}

/** One call outside of server-side apply. */
export type TargetCall = {
  readonly kind: "restart-pod";
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};

/** The plan. */
export interface TargetPlan {
  readonly refusal?: { readonly reason: string; readonly message: string; readonly path?: string };
  readonly record: TargetRecord;
  readonly format: "Never" | "IfBlank";
  /** The disk is another one than on record. */
  readonly trouble?: { readonly reason: string; readonly message: string };
}

/** Pod annotation that names the template it was made from, but for the format policy. */
export const TEMPLATE_ANNOTATION = "rawstor.io/template";
/** Escape annotation of the finalizer. */
export const ABANDON = ANNOTATIONS.abandonRawstor;

type Problem = NonNullable<TargetPlan["refusal"]>;

/** Decides what happens next. */
export function plan(observed: Observed, _now: Date, defaults: TargetDefaults): TargetPlan {
  const { target } = observed;
  const fresh: TargetRecord = { target: target.metadata.uid };
  const refusal = invalid(observed, defaults) ?? recordProblem(observed);
  if (refusal !== undefined) return { refusal, record: fresh, format: "Never" };
  const stored =
    observed.record === undefined || "malformed" in observed.record ? undefined : observed.record;
  const record = stored ?? fresh;
  const { seen } = observed;
  if (seen.kind === "known") {
    const { incarnation } = seen.status;
    if (seen.status.target !== record.target || seen.status.cluster !== defaults.clusterUid) {
      const message = `the disk is of target ${seen.status.target} in cluster ${seen.status.cluster}`;
      return { record, format: "Never", trouble: { reason: REASONS.WrongDisk, message } };
    }
    if (record.incarnation === undefined) {
      return { record: { ...record, incarnation }, format: "Never" };
    }
    if (record.incarnation !== incarnation) {
      const message = `the disk is incarnation ${incarnation}, on record is ${record.incarnation}`;
      return { record, format: "Never", trouble: { reason: REASONS.WrongDisk, message } };
    }
  }
  // Formatting is allowed only once the stored record shows the intent.
  const intended = stored !== undefined && stored.incarnation === undefined;
  return { record, format: intended ? "IfBlank" : "Never" };
}

function invalid(observed: Observed, defaults: TargetDefaults): Problem | undefined {
  const { spec } = observed.target;
  const { medium } = effectiveOstTarget(spec);
  if (medium?.kind === "device") {
    const message = "raw devices are not served yet; mount it and use path";
    return { reason: REASONS.Unsupported, path: "spec.device", message };
  }
  if (medium?.kind !== "path") return undefined;
  const allowed = defaults.allowedPathPrefixes.some((prefix) =>
    medium.path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`),
  );
  if (allowed && !medium.path.split("/").includes("..")) return undefined;
  const message = `${medium.path} is not under ${defaults.allowedPathPrefixes.join(" or ")}`;
  return { reason: REASONS.Invalid, path: "spec.path", message };
}

/**
 * A record nobody understands. A target that was deleted and made again under the same name is none:
 * the record keeps the old uid, which the disk names too, so its data is found again.
 */
function recordProblem({ record }: Observed): Problem | undefined {
  if (record === undefined || !("malformed" in record)) return undefined;
  return { reason: REASONS.IdentityLost, message: record.malformed };
}

/** Calls of a plan: at most one restart, never of two targets together. */
export function calls(observed: Observed, template: string): readonly TargetCall[] {
  const { pod, allPods } = observed;
  if (pod === undefined || pod.deleting || pod.template === template) return [];
  const { namespace, name, uid } = pod;
  const restart: TargetCall = { kind: "restart-pod", namespace, name, uid };
  if (!pod.ready) return [restart];
  const others = allPods.filter((other) => other.uid !== uid);
  if (others.some((other) => other.deleting || !other.ready)) return [];
  return [restart];
}
