// From drafts to conditions that kstatus and Argo CD read rightly. The one place that knows: error
// retried means not stalled; refused means stalled; times move only when a status does.
// Pure; the time is an argument. Source: sigs.k8s.io/cli-utils pkg/kstatus, Kubernetes API
// conventions "Typical status properties".

import type { Condition } from "#api/meta/index.ts";
import { assert } from "#api/base/index.ts";
import { conditions as types, REASONS } from "#api/meta/index.ts";

import type { ConditionDraft, Outcome } from "../controller/types.ts";

/** Longest message; the schema of a condition allows 32,768 and ours 4,096. */
const MESSAGE_MAX = 4_096;

/** All that conditions are made of. */
export interface ConditionInput {
  readonly drafts: readonly ConditionDraft[];
  readonly outcome: Outcome;
  readonly previous: readonly Condition[];
  readonly generation: number;
  readonly now: Date;
  /** Named in the message once a finalizer is overdue. */
  readonly escapeAnnotation?: string;
}

/**
 * The conditions to write, sorted: Ready first, then by type. `Ready` is always there,
 * `Reconciling` and `Stalled` only while True, and what the outcome demands overrides the drafts.
 */
export function computeConditions(input: ConditionInput): readonly Condition[] {
  const wanted = new Map<string, ConditionDraft>();
  for (const draft of input.drafts) {
    assert(draft.reason !== "", `condition ${draft.type} without a reason`);
    assert(!wanted.has(draft.type), `condition ${draft.type} twice`);
    wanted.set(draft.type, draft);
  }
  assert(wanted.has(types.READY), "status without a Ready condition");
  for (const draft of demanded(input)) wanted.set(draft.type, draft);
  // What is tried again is not stalled, whatever a child that is mirrored says.
  if (input.outcome.kind === "failed") wanted.delete(types.STALLED);
  // Work goes on or it does not: an object that waits for an edit is not reconciling.
  if (wanted.get(types.STALLED)?.status === "True") wanted.delete(types.RECONCILING);
  for (const type of [types.RECONCILING, types.STALLED]) {
    if (wanted.get(type)?.status !== "True") wanted.delete(type);
  }
  const previous = new Map(input.previous.map((condition) => [condition.type, condition]));
  return [...wanted.values()]
    .sort((a, b) => rank(a.type) - rank(b.type) || (a.type < b.type ? -1 : 1))
    .map((draft) => condition(draft, previous.get(draft.type), input));
}

function condition(
  draft: ConditionDraft,
  before: Condition | undefined,
  input: ConditionInput,
): Condition {
  const message = draft.message.slice(0, MESSAGE_MAX);
  const same = before?.status === draft.status;
  return {
    type: draft.type,
    status: draft.status,
    observedGeneration: input.generation,
    lastTransitionTime: same ? before.lastTransitionTime : transitionTime(before, input.now),
    reason: draft.reason,
    message,
  };
}

/** Now, but never before the last one: the clock of an earlier leader may have been ahead. */
function transitionTime(before: Condition | undefined, now: Date): string {
  const text = rfc3339(now);
  const last = before?.lastTransitionTime ?? "";
  return last > text ? last : text;
}

/** What the outcome says whatever the controller drafted. */
function demanded(input: ConditionInput): readonly ConditionDraft[] {
  const { outcome } = input;
  switch (outcome.kind) {
    case "applied":
    case "held":
      return [];
    case "refused": {
      const { reason, path } = outcome.refusal;
      const message =
        path === undefined ? outcome.refusal.message : `${path}: ${outcome.refusal.message}`;
      return [
        { type: types.READY, status: "False", reason, message },
        { type: types.STALLED, status: "True", reason, message },
      ];
    }
    case "failed":
      return [
        {
          type: types.RECONCILING,
          status: "True",
          reason: outcome.reason,
          message: outcome.message,
        },
      ];
    case "finalizing":
      return finalizing(outcome, input.escapeAnnotation ?? "");
  }
}

function finalizing(
  outcome: Outcome & { readonly kind: "finalizing" },
  escapeAnnotation: string,
): readonly ConditionDraft[] {
  const ready: ConditionDraft = {
    type: types.READY,
    status: "False",
    reason: REASONS.Deleting,
    message: outcome.message,
  };
  if (!outcome.overdue) {
    const { reason, message } = outcome;
    return [ready, { type: types.RECONCILING, status: "True", reason, message }];
  }
  const message =
    `${outcome.message}; to let the object go without this, set the annotation ` +
    `${escapeAnnotation}: "true"`;
  return [
    { ...ready, message },
    { type: types.STALLED, status: "True", reason: REASONS.CleanupTimedOut, message },
  ];
}

function rank(type: string): number {
  return type === types.READY ? 0 : type === types.RECONCILING || type === types.STALLED ? 2 : 1;
}

/** `metav1.Time`: whole seconds in UTC. */
export function rfc3339(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
