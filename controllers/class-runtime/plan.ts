// What a ClassRuntime needs next, decided from what was observed: whether it may be served at all
// (class name, environment, unsupported values), with which template, how many pods per function,
// how many data pods. A plan is whole even when it is refused, so that status can still tell about
// the children that are there.

import { REASONS } from "#api/meta/index.ts";
import type {
  ClassRuntime,
  Environment,
  FunctionBinding,
  FunctionSpec,
  OdgmCollection,
  Template,
} from "#api/oaas/v1alpha1/index.ts";
import {
  effectiveClassRuntime,
  effectiveEnvironment,
  effectiveFunction,
} from "#api/oaas/v1alpha1/index.ts";
import { FUNCTION_PORTS } from "#api/workload/function.ts";
import type { Problem } from "#controllers/objects/index.ts";
import {
  invalid,
  KNATIVE_UNSUPPORTED,
  refusalOf,
  unsupported,
} from "#controllers/objects/index.ts";
import type { Deployment } from "kubernetes-types/apps/v1.js";
import type { Pod } from "kubernetes-types/core/v1.js";

import { unsupportedValues } from "./fields.ts";
import { planScale, scaleProblems } from "./plan/scale.ts";
import type { ScalePlan } from "./plan/scale.ts";
import { chooseTemplate } from "./plan/template.ts";
import type { ServedTemplate } from "./plan/template.ts";
import { functionUrl } from "./render/names.ts";

/** Where the runtime is placed, as seen. Implied: `default` without an object of that name. */
export type ObservedEnvironment =
  | { readonly kind: "found"; readonly environment: Environment }
  | { readonly kind: "implied" }
  | { readonly kind: "missing" };

/** All reads of one pass. */
export interface ObservedRuntime {
  readonly runtime: ClassRuntime;
  readonly environment: ObservedEnvironment;
  /** `namespace/name` of the runtime that claimed the class before this one, if any. */
  readonly claimedBy: string | undefined;
  /** Deployments of ours, by name. */
  readonly deployments: ReadonlyMap<string, Deployment>;
  /** Pods of our functions, in any order. */
  readonly pods: readonly Pod[];
  /** Names of Deployments in the namespace that an autoscaler, ours or not, is pointed at. */
  readonly autoscaled: ReadonlySet<string>;
  readonly collection: OdgmCollection | undefined;
}

/** Settings of the operator that this controller needs. */
export interface ClassRuntimeDefaults {
  /** Namespace of the gateway, the only caller from outside of the runtime's namespace. */
  readonly systemNamespace: string;
}

/** One function: where it is called, and what runs it. */
export interface FunctionPlan {
  readonly spec: FunctionSpec;
  /** False: no pods, and its routes are disabled. */
  readonly served: boolean;
  /** Undefined for a function without a workload and without an address. */
  readonly url: string | undefined;
  /** Undefined: nothing of ours runs it. */
  readonly scale: ScalePlan | undefined;
  /** Time for one call, within the hard limits. */
  readonly timeoutMs: number;
}

/** The data pods. */
export interface CollectionPlan {
  /** 0: the runtime is disabled, the data rests in its claims. */
  readonly nodes: number;
  readonly spread: "Hard" | "Soft";
}

/** What happens next. `halt` says why nothing may be touched. */
export interface RuntimePlan {
  readonly halt:
    | { readonly kind: "refused"; readonly reason: string; readonly message: string }
    | { readonly kind: "held"; readonly reason: string; readonly message: string }
    | undefined;
  readonly template: ServedTemplate;
  readonly templateReason: string;
  readonly functions: readonly FunctionPlan[];
  /** Undefined: a class without data. */
  readonly collection: CollectionPlan | undefined;
  /** Labels of the nodes on which everything runs. */
  readonly nodeSelector: Readonly<Record<string, string>>;
}

const NO_LIMIT = Number.POSITIVE_INFINITY;

const dataNodes: Readonly<Record<ServedTemplate, number>> = { Dev: 1, Edge: 2, Cloud: 3 };

/** Decides; see the head of the file. */
export function plan(observed: ObservedRuntime): RuntimePlan {
  const { spec } = observed.runtime;
  const environment = environmentOf(observed);
  const choice = chooseTemplate(spec, environment);
  const template = choice.template === "Knative" ? "Dev" : choice.template;
  const functions = (spec.functions ?? []).map((fn) =>
    planFunction(observed.runtime, fn, template),
  );
  return {
    halt: haltOf(observed, choice.template),
    template,
    templateReason: choice.reason,
    functions,
    collection: planCollection(observed, template),
    nodeSelector: environment.nodeSelector,
  };
}

interface Place {
  readonly name: string;
  readonly defaultTemplate: Template;
  readonly nodeSelector: Readonly<Record<string, string>>;
}

function environmentOf(observed: ObservedRuntime): Place {
  const { environment: name } = effectiveClassRuntime(observed.runtime.spec);
  const spec = observed.environment.kind === "found" ? observed.environment.environment.spec : {};
  const { defaultTemplate, nodeSelector } = effectiveEnvironment(spec);
  return { name, defaultTemplate, nodeSelector };
}

/** Why nothing may be touched, the user's own faults first. */
function haltOf(observed: ObservedRuntime, template: Template): RuntimePlan["halt"] {
  const { spec } = observed.runtime;
  const refusal = refusalOf([...problemsOf(observed, template), ...unsupportedValues(spec)]);
  if (refusal !== undefined) return { kind: "refused", ...refusal };
  if (observed.claimedBy !== undefined) {
    return {
      kind: "refused",
      reason: REASONS.ClassNameConflict,
      message: `spec.class: ${spec.class} is claimed by ClassRuntime ${observed.claimedBy}`,
    };
  }
  if (observed.environment.kind === "missing") {
    const { environment } = effectiveClassRuntime(spec);
    return {
      kind: "held",
      reason: REASONS.NotFound,
      message: `spec.environment: there is no Environment ${environment}`,
    };
  }
  if (spec.suspend === true) {
    return { kind: "held", reason: REASONS.Suspended, message: "spec.suspend is set" };
  }
  return undefined;
}

function problemsOf(observed: ObservedRuntime, template: Template): readonly Problem[] {
  const { spec } = observed.runtime;
  const found: Problem[] = [];
  const functions = spec.functions ?? [];
  const names = new Set(functions.map((fn) => fn.name));
  functions.forEach((fn, i) => {
    const path = `spec.functions[${i}]`;
    found.push(...scaleProblems(fn, spec.constraints, path));
    if (fn.type === "Logical") {
      found.push(invalid(`${path}.type`, "a Logical function cannot run; bind a Task instead"));
    }
  });
  bindingsOf(observed.runtime).forEach((binding, i) => {
    const target = binding.function ?? binding.name;
    if (names.has(target)) return;
    const path = `spec.resolvedClass.functions[${i}].function`;
    found.push(invalid(path, `there is no function ${target} in spec.functions`));
  });
  (spec.disabledFunctions ?? []).forEach((name, i) => {
    if (names.has(name)) return;
    const path = `spec.disabledFunctions[${i}]`;
    found.push(invalid(path, `there is no function ${name} in spec.functions`));
  });
  if (observed.environment.kind === "found") {
    found.push(...environmentProblems(observed, observed.environment.environment));
  }
  if (template === "Knative" && spec.templateHint === undefined) {
    found.push(unsupported("spec.environment", KNATIVE_UNSUPPORTED));
  }
  return found;
}

function environmentProblems(
  observed: ObservedRuntime,
  environment: Environment,
): readonly Problem[] {
  const { spec } = observed.runtime;
  const name = environment.metadata.name ?? "";
  if (environment.spec.kubeconfigSecretRef !== undefined) {
    const message = `environment ${name} is another cluster, which is not served yet`;
    return [unsupported("spec.environment", message)];
  }
  const allowed = spec.constraints?.jurisdiction ?? [];
  const { region } = environment.spec;
  if (allowed.length === 0 || (region !== undefined && allowed.includes(region))) return [];
  const where = region === undefined ? "has no region" : `is in region ${region}`;
  return [
    invalid(
      "spec.constraints.jurisdiction",
      `environment ${name} ${where}; allowed: ${allowed.join(", ")}`,
    ),
  ];
}

function planFunction(
  runtime: ClassRuntime,
  fn: FunctionSpec,
  template: ServedTemplate,
): FunctionPlan {
  const { spec } = runtime;
  const { state, timeoutMs } = effectiveFunction(fn);
  const served =
    effectiveClassRuntime(spec).state === "Enabled" &&
    state !== "Disabled" &&
    !(spec.disabledFunctions ?? []).includes(fn.name);
  const deployed = fn.provision?.deployment !== undefined;
  return {
    spec: fn,
    served,
    url: deployed ? functionUrl(runtime, fn.name, FUNCTION_PORTS.service) : fn.provision?.staticUrl,
    scale: deployed && served ? planScale(template, fn, spec.constraints) : undefined,
    timeoutMs: Math.min(
      timeoutMs,
      fn.constraints?.hardLatencyMs ?? NO_LIMIT,
      spec.constraints?.hardLatencyMs ?? NO_LIMIT,
    ),
  };
}

/**
 * The data pods. The collection that is there is the memory: a plan of our own only raises the
 * count, lowering it (which moves data) takes an explicit `collection.nodes`.
 */
function planCollection(
  observed: ObservedRuntime,
  template: ServedTemplate,
): CollectionPlan | undefined {
  const { spec } = observed.runtime;
  const effective = effectiveClassRuntime(spec);
  if (effective.collection === undefined) return undefined;
  const planned = Math.max(dataNodes[template], effective.collection.replicas);
  const remembered = observed.collection?.spec.nodes ?? 0;
  const nodes = spec.collection?.nodes ?? Math.max(planned, remembered);
  return {
    nodes: effective.state === "Disabled" ? 0 : nodes,
    spread: spec.collection?.placement?.spread ?? (template === "Dev" ? "Soft" : "Hard"),
  };
}

/**
 * The bindings of the class; a runtime made by hand without a resolved class binds every function
 * under its own name.
 */
export function bindingsOf(runtime: ClassRuntime): readonly FunctionBinding[] {
  const { resolvedClass, functions } = runtime.spec;
  return resolvedClass === undefined
    ? (functions ?? []).map((fn) => ({ name: fn.name }))
    : (resolvedClass.functions ?? []);
}
