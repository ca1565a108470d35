// A plan for people: a tree of who makes what, one sign per object as in a diff, fields below it,
// and at the end what is refused, what is waited for, and the sum. Pure.

import type { PlannedChange, PlannedObject, PlanResult } from "./types.ts";

const SIGNS: Readonly<Record<PlannedChange["action"], string>> = {
  Create: "+",
  Configure: "~",
  Delete: "-",
  Keep: "=",
  Unchanged: " ",
};
const WORDS: Readonly<Record<PlannedChange["action"], string>> = {
  Create: "create",
  Configure: "configure",
  Delete: "delete",
  Keep: "keep, though nobody wants it any more",
  Unchanged: "unchanged",
};
const VALUE_MAX = 100;
/** Annotations that only we read; told if nothing else is to be told. */
const INTERNAL =
  /^metadata\.(annotations|labels)\[[^\]]*\/(owner|owner-uid|applied-fields|prune)\]$/;

/** The text, with a line break at its end. */
export function printPlan(plan: PlanResult): string {
  const lines: string[] = [];
  const roots = plan.changes.filter((one) => !hasParent(one, plan.changes));
  for (const root of roots) printTree(root, plan.changes, "", lines);
  section(
    lines,
    "Refused",
    plan.refusals.map((one) => {
      const path = one.path === undefined || one.path === "" ? "" : `${one.path}: `;
      return `! ${nameOf(one)}: ${one.reason}: ${path}${one.message}`;
    }),
  );
  section(
    lines,
    "Waiting",
    plan.waits.map((one) => `? ${nameOf(one)}: ${one.reason}: ${one.message}`),
  );
  section(
    lines,
    "Calls outside Kubernetes",
    plan.calls.map((one) => `> ${nameOf(one)}: ${one.calls.map(callOf).join(", ")}`),
  );
  section(
    lines,
    "Notes",
    plan.notes.map((note) => `# ${note}`),
  );
  lines.push("", sum(plan));
  return `${lines.join("\n").trimStart()}\n`;
}

function printTree(
  change: PlannedChange,
  all: readonly PlannedChange[],
  indent: string,
  lines: string[],
): void {
  const due = change.due === true ? " (due in any case)" : "";
  lines.push(`${SIGNS[change.action]} ${indent}${nameOf(change)}  ${WORDS[change.action]}${due}`);
  const told = change.fields.filter((one) => !INTERNAL.test(one.path));
  for (const field of told.length > 0 ? told : change.fields) {
    lines.push(`  ${indent}    ${field.path}: ${valueOf(field)}`);
  }
  for (const child of all) {
    if (child !== change && child.parent !== undefined && isSame(child.parent, change)) {
      printTree(child, all, `${indent}  `, lines);
    }
  }
}

function valueOf(field: PlannedChange["fields"][number]): string {
  const { from, to } = field;
  if (from === undefined && to === undefined) return "changes";
  if (from === undefined) return `${short(to ?? "")} is new`;
  return to === undefined ? `${short(from)} goes` : `${short(from)} -> ${short(to)}`;
}

function short(json: string): string {
  return json.length <= VALUE_MAX ? json : `${json.slice(0, VALUE_MAX)}...`;
}

/** What a controller calls is its own affair; most of them name it. */
function callOf(call: unknown): string {
  const named = call as { readonly kind?: unknown; readonly call?: { readonly kind?: unknown } };
  const kind = named.call?.kind ?? named.kind;
  return typeof kind === "string" ? kind : typeof call === "string" ? call : "a call";
}

function section(lines: string[], title: string, items: readonly string[]): void {
  if (items.length > 0) lines.push("", `${title}:`, ...items);
}

function sum({ changes, refusals, waits }: PlanResult): string {
  const count = (action: PlannedChange["action"]): number =>
    changes.filter((one) => one.action === action).length;
  const parts = [
    `${count("Create")} to create`,
    `${count("Configure")} to configure`,
    `${count("Delete")} to delete`,
    ...(count("Keep") > 0 ? [`${count("Keep")} kept`] : []),
    `${count("Unchanged")} unchanged`,
    ...(refusals.length > 0 ? [`${refusals.length} refused`] : []),
    ...(waits.length > 0 ? [`${waits.length} waiting`] : []),
  ];
  return `${parts.join(", ")}. Nothing was written.`;
}

function nameOf({ kind, namespace, name, cluster }: PlannedObject): string {
  const where = cluster === undefined ? "" : ` in cluster ${cluster}`;
  return `${kind} ${namespace === "" ? "" : `${namespace}/`}${name}${where}`;
}

function hasParent(change: PlannedChange, all: readonly PlannedChange[]): boolean {
  const { parent } = change;
  return parent !== undefined && all.some((one) => one !== change && isSame(parent, one));
}

function isSame(a: PlannedObject, b: PlannedObject): boolean {
  return (
    a.kind === b.kind &&
    a.apiVersion === b.apiVersion &&
    a.namespace === b.namespace &&
    a.name === b.name
  );
}
