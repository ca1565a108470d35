// A function: what runs, how it is scaled, what it promises. Written in a package, carried down to
// the ClassRuntime unchanged.

import type { DnsLabel, Int32, Ratio } from "../../meta/index.ts";

import type { ContainerParts } from "./pod-parts.ts";
import type { FunctionConstraints, FunctionRequirements } from "./requirements.ts";

/**
 * Name of a function in its package; may contain dots ("Record.echo").
 *
 * @pattern ^[A-Za-z_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$
 * @maxLength 128
 */
export type FunctionName = string;

/**
 * "Class", or "package.Class" for one of another package.
 *
 * @pattern ^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\.)?[A-Za-z_][A-Za-z0-9_-]*$
 * @maxLength 192
 */
export type ClassRef = string;

/**
 * A function.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "(has(self.type) ? self.type : 'Task') != 'Task' || has(self.provision)",
 *     message: "a Task needs provision: one of deployment, knative, staticUrl",
 *     fieldPath: ".provision",
 *   },
 *   {
 *     rule: "(has(self.type) ? self.type : 'Task') == 'Task' || !has(self.provision)",
 *     message: "only a Task has provision",
 *     fieldPath: ".provision",
 *   },
 *   {
 *     rule: "((has(self.type) ? self.type : 'Task') == 'Macro') == has(self.macro)",
 *     message: "macro belongs to type Macro and is needed there",
 *     fieldPath: ".macro",
 *   },
 *   {
 *     rule: "!has(self.scale) || (has(self.provision) && has(self.provision.deployment))",
 *     message: "scale belongs to provision.deployment; a knative function has its own",
 *     fieldPath: ".scale",
 *   },
 * ]
 */
export interface FunctionSpec {
  /** Name, unique in the package. */
  readonly name: FunctionName;
  /**
   * What the function is. Task: a workload of the user. Builtin: part of the data grid. Macro: a
   * flow of other functions. Logical: a contract that a subclass must bind. Default Task.
   */
  readonly type?: FunctionType;
  /**
   * For people.
   *
   * @maxLength 1024
   */
  readonly description?: string;
  /**
   * What it expects in its payload, for people and tools.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly variables?: readonly Variable[];
  /** Class of the object that it creates. */
  readonly outputClass?: ClassRef;
  /** The function does not change the object that it is called on. */
  readonly immutable?: boolean;
  /** Where it runs. */
  readonly provision?: Provision;
  /** Number of pods and how it changes. */
  readonly scale?: Scale;
  /**
   * Time for one call. Default 30000.
   *
   * @minimum 1
   * @maximum 3600000
   */
  readonly timeoutMs?: Int32;
  /**
   * How long the result of an asynchronous call is kept. Default 3600.
   *
   * @maximum 2592000
   */
  readonly asyncResultTtlSeconds?: Int32;
  /** The flow of a Macro. */
  readonly macro?: Macro;
  /** What it shall reach; narrows the deployment's. */
  readonly requirements?: FunctionRequirements;
  /** What it may never exceed; narrows the deployment's. */
  readonly constraints?: FunctionConstraints;
  /** Disabled: not served. Frozen: served, but not rolled or scaled any more. Default Enabled. */
  readonly state?: FunctionState;
}

/** What a function is. */
export type FunctionType = "Task" | "Builtin" | "Macro" | "Logical";

/** Whether a function is served and changed. */
export type FunctionState = "Enabled" | "Disabled" | "Frozen";

/** A variable of a function's payload. */
export interface Variable {
  /**
   * Name, unique in the list.
   *
   * @minLength 1
   * @maxLength 128
   */
  readonly name: string;
  /**
   * For people.
   *
   * @maxLength 1024
   */
  readonly description?: string;
  /** Whether a call without it is refused. */
  readonly required?: boolean;
}

/**
 * Where a function runs.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "[has(self.deployment), has(self.knative), has(self.staticUrl)].exists_one(x, x)",
 *     message: "set exactly one of deployment, knative, staticUrl",
 *   },
 * ]
 */
export interface Provision {
  /** A Deployment of its own. */
  readonly deployment?: ContainerParts;
  /** A Knative Service. */
  readonly knative?: KnativeProvision;
  /**
   * An address outside: http://host[:port]/ or grpc://host:port.
   *
   * @pattern ^(https?|grpcs?)://[^\s/?#@]+(/[^\s]*)?$
   * @maxLength 1024
   */
  readonly staticUrl?: string;
}

/**
 * A Knative Service.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "!has(self.minScale) || !has(self.maxScale) || self.maxScale == 0 || self.minScale <= \
 *       self.maxScale",
 *     message: "minScale must not be above maxScale",
 *     fieldPath: ".minScale",
 *   },
 * ]
 */
export interface KnativeProvision extends ContainerParts {
  /**
   * Fewest pods; 0 lets it sleep. Default 0.
   *
   * @maximum 1000
   */
  readonly minScale?: Int32;
  /**
   * Most pods; 0: no limit. Default 0.
   *
   * @maximum 1000
   */
  readonly maxScale?: Int32;
  /** Calls at the same time per pod; 0: no limit. Default 0. */
  readonly concurrency?: Int32;
}

/**
 * Number of pods and how it changes.
 *
 * @x-kubernetes-validations [
 *   {
 *     rule: "!has(self.max) || (has(self.min) ? self.min : 1) <= self.max",
 *     message: "min (default 1) must not be above max",
 *     fieldPath: ".min",
 *   },
 * ]
 */
export interface Scale {
  /**
   * Fewest pods. Default by the template.
   *
   * @maximum 1000
   */
  readonly min?: Int32;
  /**
   * Most pods; above min, the template may add an autoscaler.
   *
   * @minimum 1
   * @maximum 1000
   */
  readonly max?: Int32;
  /**
   * Calls at the same time per pod that are wanted.
   *
   * @minimum 1
   */
  readonly concurrency?: Int32;
  /** Share of requested CPU at which pods are added, such as "0.8". */
  readonly targetCpuUtilization?: Ratio;
}

/** A flow of functions: a directed acyclic graph by dependsOn and by what args refer to. */
export interface Macro {
  /**
   * The steps.
   *
   * @minItems 1
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly steps: readonly MacroStep[];
  /**
   * The result: a JSONPath template over input, object and steps. Default: the last step's result.
   *
   * @maxLength 4096
   */
  readonly output?: string;
}

/** One step of a flow. */
export interface MacroStep {
  /** Name, unique in the macro. */
  readonly name: DnsLabel;
  /** Binding of the target's class. */
  readonly function: FunctionName;
  /**
   * The object it is called on: a JSONPath template that gives an object id, "$.self" for the
   * macro's own, nothing for a stateless call.
   *
   * @maxLength 1024
   */
  readonly target?: string;
  /**
   * Arguments by name.
   *
   * @maxItems 64
   * @x-kubernetes-list-type map
   * @x-kubernetes-list-map-keys ["name"]
   */
  readonly args?: readonly MacroArgument[];
  /**
   * Steps that must have ended before.
   *
   * @maxItems 64
   * @x-kubernetes-list-type set
   */
  readonly dependsOn?: readonly DnsLabel[];
  /** What happens when it fails. Default: the macro fails. */
  readonly retry?: Retry;
  /**
   * Time for the step. Default: the called function's.
   *
   * @minimum 1
   * @maximum 3600000
   */
  readonly timeoutMs?: Int32;
}

/** An argument of a step. */
export interface MacroArgument {
  /**
   * Name, unique in the list.
   *
   * @minLength 1
   * @maxLength 128
   */
  readonly name: string;
  /**
   * A JSONPath template.
   *
   * @maxLength 4096
   */
  readonly value: string;
}

/** Repetition of a failed step. */
export interface Retry {
  /**
   * Tries in all. Default 1.
   *
   * @minimum 1
   * @maximum 100
   */
  readonly maxAttempts?: Int32;
  /**
   * Wait before the second try; doubles, with jitter. Default 100.
   *
   * @maximum 600000
   */
  readonly backoffMs?: Int32;
}
