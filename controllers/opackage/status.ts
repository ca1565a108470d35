// Status of a package, from what was seen and never from what was just asked for. What is wrong in
// a runtime below (down to a pod that cannot pull its image) is told here too, with paths of this
// document.

import { conditions as types, LABELS, REASONS } from "#api/meta/index.ts";
import type { Condition } from "#api/meta/index.ts";
import type {
  ClassRuntime,
  ClassStatus,
  DeploymentCondition,
  DeploymentStatus,
  OPackageStatus,
  ResourceRef,
} from "#api/oaas/v1alpha1/index.ts";
import { CLASS_RUNTIME, DEFAULT_ENVIRONMENT } from "#api/oaas/v1alpha1/index.ts";
import { counted, nonEmpty, present } from "#controllers/objects/index.ts";

import type { PackagePlan } from "./plan.ts";
import { availabilityText } from "./plan/data.ts";
import type { DeploymentPlan, RuntimeTarget } from "./plan/deployments.ts";
import type { ObservedPackage } from "./plan/observed.ts";
import { dependentsOf } from "./plan/observed.ts";
import { translateRuntimePaths } from "./plan/paths.ts";

/** A condition without time and generation, which the status writer adds. */
export interface ConditionDraft {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Status fields besides conditions and observedGeneration. */
export type OPackageFields = Omit<OPackageStatus, "observedGeneration" | "conditions">;

/** The whole status. */
export interface OPackageStatusDraft {
  readonly fields: OPackageFields;
  readonly conditions: readonly ConditionDraft[];
}

/** How the pass went, as far as it matters here. */
export type PassOutcome =
  | { readonly kind: "applied" | "held" | "failed" | "finalizing" }
  | {
      readonly kind: "refused";
      /** Given where it was not the plan that refused: a field that is not served, a child. */
      readonly refusal?: {
        readonly reason: string;
        readonly message: string;
        readonly path?: string;
      };
    };

const REFS_MAX = 64;
const MESSAGE_MAX = 1024;
const WHY_MAX = 16;

/** Computes the status. */
export function computeStatus(
  observed: ObservedPackage,
  plan: PackagePlan,
  outcome: PassOutcome,
): OPackageStatusDraft {
  const judged = plan.deployments.map((deployment) => judgeDeployment(observed, deployment));
  const leaving = leavingDeployments(observed, plan);
  const valid = validCondition(plan);
  const planned = plannedCondition(plan, outcome);
  const deployed = deployedCondition(judged, leaving);
  return {
    fields: present({
      acceptedGeneration:
        outcome.kind === "applied"
          ? (observed.package.metadata.generation ?? 0)
          : observed.package.status?.acceptedGeneration,
      classes: nonEmpty(plan.classes.map(classStatus)),
      deployments: nonEmpty([...judged.map((one) => one.status), ...leaving]),
      resourceRefs: nonEmpty(observed.runtimes.slice(0, REFS_MAX).map(refOf)),
    }),
    conditions: [
      ...summary(observed, plan, { valid, planned, deployed, judged }),
      valid,
      planned,
      deployed,
    ],
  };
}

function classStatus(resolution: PackagePlan["classes"][number]): ClassStatus {
  return present({
    name: resolution.member.name,
    inherited: nonEmpty(resolution.inherited),
    hash: resolution.hash,
  });
}

function refOf(runtime: ClassRuntime): ResourceRef {
  return { kind: CLASS_RUNTIME.kind, name: runtime.metadata.name ?? "" };
}

/** A deployment with what its runtimes say. */
interface JudgedDeployment {
  readonly status: DeploymentStatus;
  /** Why it is not as wanted; undefined if it is. */
  readonly trouble: Trouble | undefined;
}

interface Trouble {
  readonly reason: string;
  readonly message: string;
  /** The runtime waits for somebody to edit something. */
  readonly stalled: boolean;
}

interface JudgedRuntime {
  readonly condition: DeploymentCondition;
  readonly trouble: Trouble | undefined;
}

function judgeDeployment(observed: ObservedPackage, plan: DeploymentPlan): JudgedDeployment {
  const runtimes = plan.runtimes.map((target) => judgeRuntime(observed, plan, target));
  const pending: JudgedRuntime[] =
    plan.pending === undefined && plan.runtimes.length > 0
      ? []
      : [
          {
            condition: "Pending",
            trouble: {
              reason: REASONS.Pending,
              message: plan.pending ?? "it is not planned yet",
              stalled: false,
            },
          },
        ];
  const worst = [...runtimes, ...pending].toSorted((a, b) => rank(b) - rank(a))[0];
  const message = worst?.trouble?.message ?? (plan.disabled ? "disabled: not served" : undefined);
  return {
    trouble: worst?.trouble,
    status: present({
      name: plan.deployment.name,
      condition: worst?.condition,
      message: message?.slice(0, MESSAGE_MAX),
      environments: nonEmpty(plan.runtimes.map((target) => target.place.name)),
      replicas: plan.data?.replicas,
      partitions: plan.data?.partitions,
      shardType: plan.data?.shardType,
      achievedAvailability: plan.data && availabilityText(plan.data.achieved),
      why: nonEmpty(plan.why.slice(0, WHY_MAX)),
    }),
  };
}

/** Down is worse than Deploying, which is worse than Pending; a stalled runtime beats all. */
function rank(runtime: JudgedRuntime): number {
  const order: readonly DeploymentCondition[] = [
    "Running",
    "Pending",
    "Deploying",
    "Down",
    "Deleted",
  ];
  return order.indexOf(runtime.condition) + (runtime.trouble?.stalled === true ? 10 : 0);
}

function judgeRuntime(
  observed: ObservedPackage,
  plan: DeploymentPlan,
  target: RuntimeTarget,
): JudgedRuntime {
  const runtime = observed.runtimes.find((one) => one.metadata.name === target.name);
  const where = `${plan.deployment.name} in ${target.place.name}`;
  const trouble = (reason: string, message: string, stalled = false): Trouble => ({
    reason,
    message: `${where}: ${translateRuntimePaths(message, plan, target)}`,
    stalled,
  });
  if (runtime === undefined) {
    return { condition: "Pending", trouble: trouble(REASONS.Pending, "not created yet") };
  }
  const stalled = conditionOf(runtime, types.STALLED);
  if (stalled?.status === "True") {
    const message =
      stalled.reason === REASONS.ChildStalled
        ? stalled.message
        : `${stalled.reason}: ${stalled.message}`;
    return { condition: "Down", trouble: trouble(REASONS.ChildStalled, message, true) };
  }
  const ready = conditionOf(runtime, types.READY);
  if (ready === undefined) {
    const message = "its runtime has not reported yet";
    return { condition: "Deploying", trouble: trouble(REASONS.WaitingForChildren, message) };
  }
  if (ready.status === "True") {
    return { condition: plan.disabled ? "Down" : "Running", trouble: undefined };
  }
  const down = (runtime.status?.functions ?? []).some(
    (fn) => fn.condition === "Down" && fn.reason !== REASONS.Disabled,
  );
  return {
    condition: down ? "Down" : "Deploying",
    trouble: trouble(ready.reason, ready.message),
  };
}

/** The runtime's condition, if it is about its present spec. */
function conditionOf(runtime: ClassRuntime, type: string): Condition | undefined {
  const seen = runtime.status?.observedGeneration ?? -1;
  if (seen < (runtime.metadata.generation ?? 0)) return undefined;
  return runtime.status?.conditions?.find((condition) => condition.type === type);
}

/** Deployments that are no longer wanted and whose runtimes are still there. */
function leavingDeployments(
  observed: ObservedPackage,
  plan: PackagePlan,
): readonly DeploymentStatus[] {
  const wanted = new Set(plan.deployments.flatMap((d) => d.runtimes.map((target) => target.name)));
  const names = new Set(plan.deployments.map((d) => d.deployment.name));
  const leaving = observed.runtimes.filter(
    (runtime) => !wanted.has(runtime.metadata.name ?? "") && plan.halt === undefined,
  );
  const byName = new Map<string, DeploymentStatus>();
  for (const runtime of leaving) {
    const name = runtime.metadata.labels?.[LABELS.instance] ?? runtime.metadata.name ?? "";
    if (names.has(name) || byName.has(name)) continue;
    byName.set(name, {
      name,
      condition: "Deleted",
      message: "it left the package; its runtime is going",
      environments: [runtime.spec.environment ?? DEFAULT_ENVIRONMENT],
    });
  }
  return [...byName.values()];
}

function validCondition(plan: PackagePlan): ConditionDraft {
  const wrong = plan.problems.filter((problem) => problem.reason === REASONS.Invalid);
  const draft = { type: types.VALID };
  if (wrong.length > 0) {
    const told = wrong.map((problem) => `${problem.path}: ${problem.message}`).join("; ");
    return { ...draft, status: "False", reason: REASONS.Invalid, message: told };
  }
  if (plan.missing.length > 0) {
    const message = `spec.dependencies: waiting for ${plan.missing.join(", ")}`;
    return { ...draft, status: "Unknown", reason: REASONS.WaitingForDependency, message };
  }
  const message = "the package is consistent";
  return { ...draft, status: "True", reason: REASONS.Succeeded, message };
}

function plannedCondition(plan: PackagePlan, outcome: PassOutcome): ConditionDraft {
  const draft = { type: types.PLANNED };
  if (outcome.kind === "refused" && outcome.refusal !== undefined) {
    const { reason, path, message } = outcome.refusal;
    const told = path === undefined ? message : `${path}: ${message}`;
    return { ...draft, status: "False", reason, message: told };
  }
  if (plan.halt?.kind === "refused") {
    const { reason, message } = plan.halt;
    return { ...draft, status: "False", reason, message };
  }
  const pending = plan.deployments.find((deployment) => deployment.pending !== undefined);
  if (pending !== undefined) {
    const message = `${pending.deployment.name}: ${pending.pending ?? ""}`;
    return { ...draft, status: "False", reason: REASONS.Pending, message };
  }
  const message = `${counted(plan.deployments.length, "deployment")} planned`;
  return { ...draft, status: "True", reason: REASONS.Succeeded, message };
}

function deployedCondition(
  judged: readonly JudgedDeployment[],
  leaving: readonly DeploymentStatus[],
): ConditionDraft {
  const draft = { type: types.DEPLOYED };
  const troubled = judged.filter((deployment) => deployment.trouble !== undefined);
  const worst = troubled.find((one) => one.status.condition === "Down") ?? troubled[0];
  if (worst?.trouble !== undefined) {
    const { reason, message } = worst.trouble;
    const others = troubled.length - 1;
    const more = others === 0 ? "" : `; ${counted(others, "more deployment")} not running`;
    return { ...draft, status: "False", reason, message: message + more };
  }
  const [gone] = leaving;
  if (gone !== undefined) {
    const message = `${gone.name}: ${gone.message ?? ""}`;
    return { ...draft, status: "False", reason: REASONS.Deleting, message };
  }
  const message = `${counted(judged.length, "deployment")} as wanted`;
  return { ...draft, status: "True", reason: REASONS.Available, message };
}

interface Parts {
  readonly valid: ConditionDraft;
  readonly planned: ConditionDraft;
  readonly deployed: ConditionDraft;
  readonly judged: readonly JudgedDeployment[];
}

/** Ready, and Reconciling or Stalled where they hold. */
function summary(
  observed: ObservedPackage,
  plan: PackagePlan,
  parts: Parts,
): readonly ConditionDraft[] {
  const ready = (status: ConditionDraft["status"], reason: string, message: string) => ({
    type: types.READY,
    status,
    reason,
    message,
  });
  if (observed.package.metadata.deletionTimestamp !== undefined) {
    const users = dependentsOf(observed);
    if (users.length === 0) return [ready("False", REASONS.Deleting, "it is being deleted")];
    const message = `serving until these packages let go of it: ${users.join(", ")}`;
    return [ready("False", REASONS.InUse, message)];
  }
  const { valid, planned, deployed } = parts;
  const unready = [valid, planned, deployed].find((part) => part.status !== "True");
  if (plan.halt?.kind === "held") {
    const { reason, message } = plan.halt;
    const fine = unready === undefined && reason === REASONS.Suspended;
    const also = reason === REASONS.Suspended && unready ? `; ${unready.message}` : "";
    return [ready(fine ? "True" : "False", reason, message + also)];
  }
  const stalled = parts.judged.find((one) => one.trouble?.stalled === true)?.trouble;
  if (stalled !== undefined) {
    const { reason, message } = stalled;
    const draft = ready("False", reason, message);
    return [draft, { ...draft, type: types.STALLED, status: "True" }];
  }
  if (unready === undefined) {
    const off = observed.package.spec.state === "Disabled";
    return off
      ? [ready("True", REASONS.Disabled, "spec.state is Disabled: nothing is served")]
      : [ready("True", REASONS.Available, deployed.message)];
  }
  const draft = ready("False", unready.reason, unready.message);
  return isPassing(unready.reason) ? [draft, reconciling(unready)] : [draft];
}

function reconciling(cause: ConditionDraft): ConditionDraft {
  return { type: types.RECONCILING, status: "True", reason: cause.reason, message: cause.message };
}

const passing: ReadonlySet<string> = new Set([
  REASONS.Deleting,
  REASONS.Formatting,
  REASONS.Moving,
  REASONS.Progressing,
  REASONS.Resyncing,
  REASONS.WaitingForChildren,
  REASONS.WaitingForData,
  REASONS.WaitingForPods,
  REASONS.Pending,
]);

/** Work is under way, as opposed to something being wrong. */
function isPassing(reason: string): boolean {
  return passing.has(reason);
}
