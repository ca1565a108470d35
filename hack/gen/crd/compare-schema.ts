// Two schemas, node by node: what the newer one refuses or prunes that the older one took.

import type { Finding } from "./finding.ts";
import type { Schema } from "./schema.ts";
import { asList, asSchema, isSchema } from "./schema.ts";

interface Pair {
  readonly old: Schema;
  readonly now: Schema;
  /** `v1.spec.a.list[].b` */
  readonly path: string;
}

/** Everything in `now` that could break a user of `old`. */
export function schemaFindings(old: Schema, now: Schema, path: string): readonly Finding[] {
  const pair = { old, now, path };
  const type = typeFinding(pair);
  // Below another type nothing can be compared.
  if (type !== undefined) return [type];
  return [
    ...enumFindings(pair),
    ...boundFindings(pair),
    ...patternFindings(pair),
    ...formatFindings(pair),
    ...flagFindings(pair),
    ...listFindings(pair),
    ...defaultFindings(pair),
    ...junctorFindings(pair),
    ...ruleFindings(pair),
    ...memberFindings(pair),
    ...below(pair),
  ];
}

/** What a schema takes, in one word. */
function typeOf(schema: Schema): string {
  if (schema["x-kubernetes-int-or-string"] === true) return "int-or-string";
  if (schema["additionalProperties"] !== undefined) return "map";
  return String(schema["type"] ?? "anything");
}

/** Types that take all that another one takes. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  integer: ["number", "int-or-string"],
  string: ["int-or-string"],
};

function typeFinding({ old, now, path }: Pair): Finding | undefined {
  const [before, after] = [typeOf(old), typeOf(now)];
  if (before === after || WIDER[before]?.includes(after) === true) return undefined;
  if (after === "anything" && now["x-kubernetes-preserve-unknown-fields"] === true)
    return undefined;
  return {
    path,
    change: "TypeChanged",
    severity: "Breaking",
    problem: `was ${before} and is ${after}`,
    mend: "keep the field as it is and add one with another name",
  };
}

function enumFindings({ old, now, path }: Pair): readonly Finding[] {
  const [before, after] = [old["enum"], now["enum"]];
  if (!Array.isArray(after)) return [];
  const gone = Array.isArray(before) ? before.filter((value) => !after.includes(value)) : undefined;
  if (gone?.length === 0) return [];
  const lost = gone === undefined ? "anything else" : gone.join(", ");
  return [
    {
      path,
      change: "EnumNarrowed",
      severity: "Breaking",
      problem: `${lost} is refused now`,
      mend: "keep the value, and say in its description that it is deprecated",
    },
  ];
}

const LOWER_BOUNDS = ["minimum", "minLength", "minItems", "minProperties"] as const;
const UPPER_BOUNDS = ["maximum", "maxLength", "maxItems", "maxProperties"] as const;

function boundFindings({ old, now, path }: Pair): readonly Finding[] {
  const narrowed = [
    ...LOWER_BOUNDS.filter((key) => numberOf(now[key], -Infinity) > numberOf(old[key], -Infinity)),
    ...UPPER_BOUNDS.filter((key) => numberOf(now[key], Infinity) < numberOf(old[key], Infinity)),
    ...(["exclusiveMinimum", "exclusiveMaximum"] as const).filter(
      (key) => now[key] === true && old[key] !== true,
    ),
    ...(isFiner(old["multipleOf"], now["multipleOf"]) ? [] : (["multipleOf"] as const)),
  ];
  return narrowed
    .filter((key) => !isEmptyBound(key, now[key]))
    .map((key) => ({
      path,
      change: "BoundNarrowed",
      severity: "Breaking",
      problem: `${key} was ${String(old[key] ?? "open")} and is ${String(now[key])}`,
      mend: "keep the bound, and refuse what cannot be served by a condition in status",
    }));
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/** A length of at least 0 bounds nothing. */
function isEmptyBound(key: string, value: unknown): boolean {
  return value === 0 && /^min(Length|Items|Properties)$/.test(key);
}

function isFiner(old: unknown, now: unknown): boolean {
  if (typeof now !== "number") return true;
  return typeof old === "number" && Number.isInteger(old / now);
}

function patternFindings({ old, now, path }: Pair): readonly Finding[] {
  const [before, after] = [old["pattern"], now["pattern"]];
  if (after === undefined || before === after) return [];
  return [
    {
      path,
      change: "PatternChanged",
      severity: before === undefined ? "Breaking" : "Possible",
      problem:
        before === undefined
          ? `must match ${String(after)} now`
          : `must match ${String(after)} instead of ${String(before)}`,
      mend: "make sure that the new pattern takes all that the old one took",
    },
  ];
}

function formatFindings({ old, now, path }: Pair): readonly Finding[] {
  const [before, after] = [old["format"], now["format"]];
  if (after === undefined || before === after) return [];
  if ((before === "int32" && after === "int64") || (before === "float" && after === "double")) {
    return [];
  }
  return [
    {
      path,
      change: "FormatChanged",
      severity: "Breaking",
      problem: `format was ${String(before ?? "open")} and is ${String(after)}`,
      mend: "keep the format and add a field with another name",
    },
  ];
}

function flagFindings({ old, now, path }: Pair): readonly Finding[] {
  const findings: Finding[] = [];
  if (old["nullable"] === true && now["nullable"] !== true) {
    findings.push({
      path,
      change: "NullForbidden",
      severity: "Breaking",
      problem: "null is refused or dropped now",
      mend: "keep it nullable",
    });
  }
  const keeps = "x-kubernetes-preserve-unknown-fields";
  if (old[keeps] === true && now[keeps] !== true) {
    findings.push({
      path,
      change: "UnknownFieldsPruned",
      severity: "Breaking",
      problem: "unknown fields are pruned now",
      mend: "keep preserving them beside the new members",
    });
  }
  return findings;
}

const LIST_KEYS = [
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
] as const;

/** What the API server takes where nothing is said. */
const LIST_DEFAULTS: Readonly<Record<string, string>> = {
  "x-kubernetes-list-type": "atomic",
  "x-kubernetes-map-type": "granular",
};

function listFindings({ old, now, path }: Pair): readonly Finding[] {
  const valueOf = (schema: Schema, key: (typeof LIST_KEYS)[number]): string =>
    keyText(schema[key] ?? LIST_DEFAULTS[key]);
  // Other keys go with another type: the first difference says it.
  const changed = LIST_KEYS.find((key) => valueOf(old, key) !== valueOf(now, key));
  if (changed === undefined) return [];
  return [
    {
      path,
      change: "ListTypeChanged",
      severity: "Breaking",
      problem: `${changed} was ${valueOf(old, changed)} and is ${valueOf(now, changed)}`,
      mend: "keep it: server-side apply has recorded owners by it; add a field of another name",
    },
  ];
}

function keyText(value: unknown): string {
  if (value === undefined) return "nothing";
  return Array.isArray(value) ? [...(value as unknown[])].sort().join(",") : String(value);
}

function defaultFindings({ old, now, path }: Pair): readonly Finding[] {
  const [before, after] = [JSON.stringify(old["default"]), JSON.stringify(now["default"])];
  if (before === after) return [];
  return [
    {
      path,
      change: "DefaultChanged",
      severity: "Possible",
      problem: `default was ${before ?? "none"} and is ${after ?? "none"}`,
      mend: "objects that do not set it change their meaning: keep the old default",
    },
  ];
}

/** allOf and its kin: whether they became stricter cannot be told, only that they are others. */
function junctorFindings({ old, now, path }: Pair): readonly Finding[] {
  if (now["x-kubernetes-int-or-string"] === true) return [];
  const changed = ["allOf", "anyOf", "oneOf", "not"].filter(
    (key) => now[key] !== undefined && JSON.stringify(now[key]) !== JSON.stringify(old[key]),
  );
  return changed.map((key) => ({
    path,
    change: "RuleAdded",
    severity: "Possible",
    problem: `${key} is new or another one`,
    mend: "make sure that it takes all that was taken before",
  }));
}

function ruleFindings({ old, now, path }: Pair): readonly Finding[] {
  const rulesOf = (schema: Schema): readonly string[] =>
    asList(schema["x-kubernetes-validations"]).map((rule) => String(asSchema(rule)["rule"]));
  const before = new Set(rulesOf(old));
  const known = asSchema(old["properties"]);
  return rulesOf(now)
    .filter((rule) => !before.has(rule) && !isAboutNewMember(rule, known))
    .map((rule) => ({
      path,
      change: "RuleAdded",
      severity: "Possible",
      problem: `new rule ${rule}`,
      mend: "make sure that no object that was valid breaks it; updates of such objects would fail",
    }));
}

/** `!has(self.a) || ...` holds for all old objects if there was no `a`. */
function isAboutNewMember(rule: string, known: Schema): boolean {
  const member = /^!has\(self\.([A-Za-z0-9_]+)\) \|\| /.exec(rule)?.[1];
  return member !== undefined && known[member] === undefined && !rule.includes("?");
}

function memberFindings({ old, now, path }: Pair): readonly Finding[] {
  const [before, after] = [asSchema(old["properties"]), asSchema(now["properties"])];
  const findings: Finding[] = [];
  const keeps = now["x-kubernetes-preserve-unknown-fields"] === true;
  for (const name of Object.keys(before)) {
    if (after[name] !== undefined || keeps) continue;
    findings.push({
      path: `${path}.${name}`,
      change: "FieldRemoved",
      severity: "Breaking",
      problem: "the field is removed and its values are pruned",
      mend: "keep it, and say in its description that it is deprecated",
    });
  }
  const required = asList(old["required"]).map(String);
  for (const name of asList(now["required"]).map(String)) {
    const hasDefault = asSchema(after[name])["default"] !== undefined;
    if (required.includes(name) || hasDefault) continue;
    findings.push({
      path: `${path}.${name}`,
      change: "FieldRequired",
      severity: "Breaking",
      problem: before[name] === undefined ? "is new and required" : "was optional and is required",
      mend: "leave it optional, and let the controller fill in what it means when unset",
    });
  }
  return findings;
}

function below({ old, now, path }: Pair): readonly Finding[] {
  const [before, after] = [asSchema(old["properties"]), asSchema(now["properties"])];
  const members = Object.keys(before)
    .filter((name) => after[name] !== undefined)
    .flatMap((name) =>
      schemaFindings(asSchema(before[name]), asSchema(after[name]), `${path}.${name}`),
    );
  const pairs: readonly (readonly [string, string])[] = [
    ["items", "[]"],
    ["additionalProperties", ".*"],
  ];
  const others = pairs.flatMap(([key, suffix]) =>
    isSchema(old[key]) && isSchema(now[key])
      ? schemaFindings(old[key], now[key], `${path}${suffix}`)
      : [],
  );
  return [...members, ...others];
}
