// Which template a runtime gets: what it says, else what its requirements ask for, else what its
// environment suggests. Requirements never choose less than the environment would have given.

import { assertNever } from "#api/base/index.ts";
import type { ClassRuntimeSpec, FunctionRequirements, Template } from "#api/oaas/v1alpha1/index.ts";

/** Templates that are served. */
export type ServedTemplate = Exclude<Template, "Knative">;

/** The chosen template and one sentence why. */
export interface TemplateChoice {
  readonly template: Template;
  readonly reason: string;
}

/** The strictest of what runtime and functions require, as numbers. */
export interface StrictestRequirements {
  readonly throughputRps: number | undefined;
  readonly latencyMs: number | undefined;
  readonly availability: number | undefined;
  readonly strong: boolean;
}

/** Chooses; the environment's default is the last word. */
export function chooseTemplate(
  spec: ClassRuntimeSpec,
  environment: { readonly name: string; readonly defaultTemplate: Template },
): TemplateChoice {
  if (spec.templateHint !== undefined) {
    return { template: spec.templateHint, reason: "spec.templateHint names it" };
  }
  const fallback: TemplateChoice = {
    template: environment.defaultTemplate,
    reason: `default of environment ${environment.name}`,
  };
  const asked = askedByRequirements(strictestRequirements(spec));
  if (asked === undefined || rank(asked.template) <= rank(fallback.template)) return fallback;
  return asked;
}

/** Folds the requirements of the runtime and of each of its functions. */
export function strictestRequirements(spec: ClassRuntimeSpec): StrictestRequirements {
  const all: readonly FunctionRequirements[] = [
    spec.requirements ?? {},
    ...(spec.functions ?? []).map((fn) => fn.requirements ?? {}),
  ];
  const numbers = (pick: (r: FunctionRequirements) => number | undefined): readonly number[] =>
    all.map(pick).filter((n) => n !== undefined);
  const most = (list: readonly number[]): number | undefined =>
    list.length === 0 ? undefined : Math.max(...list);
  const least = (list: readonly number[]): number | undefined =>
    list.length === 0 ? undefined : Math.min(...list);
  return {
    throughputRps: most(numbers((r) => r.throughputRps)),
    latencyMs: least(numbers((r) => r.latencyMs)),
    availability: most(
      numbers((r) => (r.availability === undefined ? undefined : Number(r.availability))),
    ),
    strong: spec.resolvedClass?.consistency === "Strong",
  };
}

// Points per requirement, as upstream scores its templates; a tie goes to the smaller one.
function askedByRequirements(asked: StrictestRequirements): TemplateChoice | undefined {
  const { throughputRps, latencyMs, availability, strong } = asked;
  const edge = [
    score(throughputRps !== undefined && throughputRps >= 300, 2, "at least 300 calls/s"),
    score(latencyMs !== undefined && latencyMs <= 150, 2, "latency of at most 150 ms"),
    score(availability !== undefined && availability >= 0.999, 1, "availability from 0.999"),
  ].flat();
  const cloud = [
    score(throughputRps !== undefined && throughputRps >= 1500, 3, "at least 1500 calls/s"),
    score(latencyMs !== undefined && latencyMs <= 50, 3, "latency of at most 50 ms"),
    score(availability !== undefined && availability >= 0.9995, 2, "availability from 0.9995"),
    score(strong, 2, "strong consistency"),
  ].flat();
  const sum = (list: readonly Point[]): number => list.reduce((total, p) => total + p.points, 0);
  if (sum(edge) === 0 && sum(cloud) === 0) return undefined;
  const winner = sum(cloud) > sum(edge) ? cloud : edge;
  return {
    template: winner === cloud ? "Cloud" : "Edge",
    reason: `required: ${winner.map((p) => p.why).join(", ")}`,
  };
}

interface Point {
  readonly points: number;
  readonly why: string;
}

function score(holds: boolean, points: number, why: string): readonly Point[] {
  return holds ? [{ points, why }] : [];
}

function rank(template: Template): number {
  switch (template) {
    case "Dev":
      return 0;
    case "Edge":
      return 1;
    case "Cloud":
      return 2;
    case "Knative":
      return 3;
    default:
      return assertNever(template);
  }
}
