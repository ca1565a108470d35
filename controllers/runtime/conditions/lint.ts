// Is a status as the API conventions and kstatus want it, and does it follow from the one before?
// In development and in tests every status that our writer sends goes through here. Pure.
// Source: API conventions "Typical status properties", cli-utils pkg/kstatus/status.

import type { Condition } from "#api/meta/index.ts";
import { conditions as types } from "#api/meta/index.ts";

import { exactDifferences } from "../apply/match.ts";
import type { Outcome } from "../controller/types.ts";
import { computeKstatus } from "./kstatus.ts";

/** An object with a status, as it was read or written. */
export interface WithStatus {
  readonly metadata: {
    readonly uid?: string;
    readonly generation?: number;
    readonly deletionTimestamp?: string;
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
  };
}

const TYPE = /^([a-z0-9.-]+\/)?[A-Z][A-Za-z0-9]{0,62}$/;
const REASON = /^[A-Z][A-Za-z0-9]{0,127}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;
const MESSAGE_MAX = 32_768;
const STATES = ["True", "False", "Unknown"];

/** What is wrong with a status by itself; empty if nothing is. */
export function lintStatus(object: WithStatus): readonly string[] {
  const { status } = object;
  if (status === undefined) return ["there is no status"];
  const found: string[] = [];
  const generation = object.metadata.generation ?? 0;
  const { observedGeneration, conditions = [] } = status;
  if (observedGeneration === undefined) found.push("observedGeneration is missing");
  else if (observedGeneration > generation) found.push("observedGeneration is ahead of generation");
  if ("phase" in status) found.push("phase: conditions are there for that");
  const seen = new Set<string>();
  for (const condition of conditions) {
    if (seen.has(condition.type)) found.push(`${condition.type}: twice`);
    seen.add(condition.type);
    found.push(...lintCondition(condition, generation));
  }
  if (!seen.has(types.READY)) found.push("Ready is missing");
  const isTrue = (type: string): boolean =>
    conditions.some((one) => one.type === type && one.status === "True");
  if (isTrue(types.STALLED) && isTrue(types.READY)) found.push("Stalled and Ready at once");
  if (isTrue(types.STALLED) && isTrue(types.RECONCILING)) {
    found.push("Stalled and Reconciling at once");
  }
  return found;
}

/** What is wrong with writing `after` over `before`, as the outcome of a pass. */
export function lintStatusWrite(
  before: WithStatus,
  after: WithStatus,
  outcome?: Outcome["kind"],
): readonly string[] {
  const found = [...lintStatus(after)];
  const verdict = computeKstatus(after);
  const wanted = after.metadata.deletionTimestamp === undefined ? wantedBy(outcome) : undefined;
  if (wanted !== undefined && verdict !== wanted && isCurrent(after)) {
    found.push(`kstatus reads ${verdict} after a pass that was ${outcome ?? ""}`);
  }
  if (before.metadata.uid !== after.metadata.uid || before.status === undefined) return found;
  if (exactDifferences(after.status ?? {}, before.status).length === 0) {
    found.push("it was written although it was so");
  }
  const was = before.status.observedGeneration ?? -1;
  if ((after.status?.observedGeneration ?? -1) < was) found.push("observedGeneration went back");
  const previous = new Map((before.status.conditions ?? []).map((one) => [one.type, one]));
  for (const condition of after.status?.conditions ?? []) {
    const known = previous.get(condition.type);
    if (known === undefined) continue;
    const moved = condition.lastTransitionTime !== known.lastTransitionTime;
    if (condition.status === known.status && moved) {
      found.push(`${condition.type}: lastTransitionTime moved, the status did not`);
    }
    if (condition.lastTransitionTime < known.lastTransitionTime) {
      found.push(`${condition.type}: lastTransitionTime went back`);
    }
  }
  return found;
}

/** False if the object was edited meanwhile: then kstatus rightly says that work is under way. */
function isCurrent({ metadata, status }: WithStatus): boolean {
  return metadata.generation === status?.observedGeneration;
}

function wantedBy(outcome: Outcome["kind"] | undefined): string | undefined {
  if (outcome === "refused") return "Failed";
  return outcome === "failed" ? "InProgress" : undefined;
}

function lintCondition(condition: Condition, generation: number): readonly string[] {
  const { type, status, reason, message, lastTransitionTime, observedGeneration } = condition;
  const found: string[] = [];
  const rule = (holds: boolean, what: string): void => {
    if (!holds) found.push(`${type}: ${what}`);
  };
  rule(TYPE.test(type), "the type is not in PascalCase");
  rule(STATES.includes(status), `the status is ${status}`);
  rule(REASON.test(reason), `the reason "${reason}" is not in CamelCase`);
  rule(message.length <= MESSAGE_MAX, "the message is too long");
  rule(TIME.test(lastTransitionTime), "lastTransitionTime is not in whole seconds of UTC");
  rule((observedGeneration ?? 0) <= generation, "observedGeneration is ahead of generation");
  const whileTrue = type === types.RECONCILING || type === types.STALLED;
  rule(!whileTrue || status === "True", "is there although it is not True");
  return found;
}
