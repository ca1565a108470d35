// CEL rules of a type: those that are written out, and those that short tags stand for.

import type { Schema } from "./schema.ts";
import { growOnlyRules, immutableRules } from "./transitions.ts";
import type { HeldField } from "./transitions.ts";

const LISTS = ["x-kubernetes-validations", "immutable", "growonly"] as const;

/** The rules that the tags of a type make, and what is wrong with them. */
export function rulesOf(
  schema: Schema,
  correlatable: boolean,
): { readonly rules: readonly Schema[]; readonly problems: readonly string[] } {
  const problems: string[] = LISTS.filter(
    (tag) => schema[tag] !== undefined && !Array.isArray(schema[tag]),
  ).map((tag) => `@${tag} is no list`);
  const rules = [
    ...ruleList(schema),
    ...immutableRules(heldFields(schema["immutable"])),
    ...growOnlyRules(heldFields(schema["growonly"])),
  ].map(onOneLine);
  for (const { rule: expression, message } of rules) {
    if (typeof expression !== "string" || expression === "") {
      problems.push("a rule needs `rule`");
      continue;
    }
    if (typeof message !== "string" || message === "" || message.includes("\n")) {
      problems.push(`rule ${expression}: needs a message on one line`);
    }
    if (/\boldSelf\b/.test(expression) && !correlatable) {
      problems.push(`rule ${expression}: oldSelf needs a list map on the way to it`);
    }
  }
  return { rules, problems };
}

/** The rules that are written out. */
export function ruleList(schema: Schema): readonly Schema[] {
  const rules = schema["x-kubernetes-validations"];
  return Array.isArray(rules) ? (rules as Schema[]) : [];
}

/** Rules are wrapped in their source with escaped line ends, which leave the indentation behind. */
function onOneLine(rule: Schema): Schema {
  const clean = (value: unknown): unknown =>
    typeof value === "string" ? value.replace(/ {2,}/g, " ") : value;
  return Object.fromEntries(Object.entries(rule).map(([key, value]) => [key, clean(value)]));
}

function heldFields(tag: unknown): readonly HeldField[] {
  return Array.isArray(tag) ? (tag as HeldField[]) : [];
}
