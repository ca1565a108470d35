// Values for a property, from its schema alone: two that are legal, at the ends of what is allowed,
// and those that are not.
import type { Schema } from "./schema.ts";

/** For each pattern of a string in our CRDs, a short text of it and how to make a long one. */
const SAMPLES: Readonly<Record<string, readonly [string, (length: number) => string]>> = {
  "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\\.[A-Za-z_][A-Za-z0-9_-]*$": [
    "p.C",
    (n) => `p.${long("C", n - 2)}`,
  ],
  "^[^\\s/]+:[0-9]{1,5}$": ["h:1", (n) => `${long("h", n - 6)}:65535`],
  "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": ["a", (n) => long("a", n)],
  "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$": ["", (n) => long("A", n)],
  "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$": ["a", (n) => long("a", n)],
  "^([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$": [
    "1Gi",
    () => "2500Mi",
  ],
  "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$": ["A", (n) => long("A", n)],
  "^[A-Za-z_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$": ["f", (n) => long("f", n)],
  "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\\.)?[A-Za-z_][A-Za-z0-9_-]*$": [
    "C",
    (n) => `p.${long("C", n - 2)}`,
  ],
  "^[-._a-zA-Z][-._a-zA-Z0-9]*$": ["E", (n) => long("E", n)],
  "^[-._a-zA-Z0-9]+$": ["k", (n) => long("k", n)],
  "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$": ["a", (n) => long("a", n)],
  "^/[^:]*$": ["/a", (n) => `/${long("a", n - 1)}`],
  "^(https?|grpcs?)://[^\\s/?#@]+(/[^\\s]*)?$": [
    "http://h",
    (n) => `grpcs://h:1/${long("a", n - 12)}`,
  ],
  "^(0(\\.[0-9]{1,9})?|1(\\.0{1,9})?)$": ["0.5", () => "0.999999999"],
  "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$": [
    "f",
    (n) => `p/${long("f", n - 2)}`,
  ],
  "^[A-Za-z0-9._:-]+$": ["k", (n) => long("k", n)],
  "^(\\S+ ){4}\\S+$": ["0 3 * * *", () => "*/5 0-23 1,15 * *"],
  "^(\\$source|[A-Za-z0-9._:-]+)$": ["$source", (n) => long("o", n)],
  "^[A-Za-z0-9._:-]*\\*?$": ["*", (n) => long("k", n)],
  "^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?):[0-9]{1,5}$": [
    "h:1",
    (n) => `${long("h", n - 6)}:65535`,
  ],
  "^https?://[^\\s?#@]+$": ["http://h", (n) => `https://h/${long("a", n - 10)}`],
  "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$": ["C", (n) => long("C", n)],
  "^[A-Za-z_][A-Za-z0-9_-]*$": ["C", (n) => long("C", n)],
  "^/dev/disk/by-(id|path|partuuid|uuid|partlabel)/[-A-Za-z0-9_.:+]+$": [
    "/dev/disk/by-id/a",
    (n) => `/dev/disk/by-uuid/${long("a", n - 18)}`,
  ],
  "^(/[A-Za-z0-9_][-A-Za-z0-9_.]*)+$": ["/a", (n) => `/${long("a", n - 1)}`],
  "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$": [
    "0195f6c2-7a1e-7c3d-9b40-5e2f10a4c6d8",
    () => "0195f6c2-7a1e-7c3d-9b40-5e2f10a4c6d9",
  ],
};
/** Longest text that is tried: names are joined into others that have limits of their own. */
const LENGTH_MAX = 63;
const INTEGER_MAX = 2 ** 31 - 1;

function long(letter: string, length: number): string {
  return letter.repeat(Math.max(1, Math.min(length, LENGTH_MAX)));
}

/** Two legal values that differ, the smaller or shorter first. Throws for a pattern not known here. */
export function legalValues(schema: Schema): readonly [unknown, unknown] {
  if (schema["x-kubernetes-int-or-string"] === true) return quantities(schema);
  switch (schema.type) {
    case "boolean":
      return [false, true];
    case "integer":
    case "number": {
      const least = schema.minimum ?? 0;
      return [least, Math.max(least, schema.maximum ?? INTEGER_MAX)];
    }
    case "array": {
      const [one, two] = legalValues(schema.items ?? {});
      return [[one], (schema.maxItems ?? 2) > 1 ? [one, two] : [two]];
    }
    case "object": {
      const [one, two] = legalValues(schema.additionalProperties ?? { type: "string" });
      return [{ "a.example.com/k": one }, { "a.example.com/k": two }];
    }
    case "string":
      return texts(schema);
    default:
      return ["a", "b"];
  }
}

function quantities(schema: Schema): readonly [unknown, unknown] {
  return schema.pattern === undefined ? [1, "http"] : ["1Gi", "2500Mi"];
}

function texts(schema: Schema): readonly [string, string] {
  const values = schema.enum;
  if (values !== undefined) return [values[0] ?? "", values.at(-1) ?? ""];
  const length = schema.maxLength ?? LENGTH_MAX;
  if (schema.pattern === undefined) {
    return [(schema.minLength ?? 0) > 0 ? "a" : "", long("b", length)];
  }
  const sample = SAMPLES[schema.pattern];
  if (sample === undefined) throw new Error(`no sample of a text like ${schema.pattern}`);
  const [short, make] = sample;
  const letters = short === "" ? "a" : short;
  return [letters, make(length)];
}

/** A value that the schema forbids, and how it is wrong. */
export interface WrongValue {
  readonly how: string;
  readonly value: unknown;
}

/** Values of another type, out of range, of no enum, empty, too long, against the pattern. */
export function wrongValues(schema: Schema): readonly WrongValue[] {
  const found: WrongValue[] = [];
  const add = (how: string, value: unknown): void => void found.push({ how, value });
  if (schema["x-kubernetes-int-or-string"] === true) {
    add("of another type", { wrong: true });
    if (schema.pattern !== undefined) add("no quantity", "-1");
    return found;
  }
  switch (schema.type) {
    case "string":
      add("of another type", 7);
      if (schema.enum !== undefined) add("of no enum", "NoSuchValue");
      if (schema.pattern !== undefined) add("against the pattern", "\u0001 /:*\u0001");
      if ((schema.minLength ?? 0) > 0) add("empty", "");
      if (schema.maxLength !== undefined && schema.enum === undefined) {
        add("too long", "a".repeat(schema.maxLength + 1));
      }
      break;
    case "integer":
    case "number":
      add("of another type", "seven");
      if (schema.minimum !== undefined) add("too small", schema.minimum - 1);
      if (schema.maximum !== undefined) add("too large", schema.maximum + 1);
      break;
    case "boolean":
      add("of another type", "yes");
      break;
    case "array":
      add("of another type", "no list");
      if (schema.maxItems !== undefined && schema.maxItems < 200) {
        const [one] = legalValues(schema.items ?? {});
        add(
          "too many",
          Array.from({ length: schema.maxItems + 1 }, () => one),
        );
      }
      break;
    default:
      add("of another type", 7);
      break;
  }
  return found;
}

/** A legal value with only what is required in it. */
export function leastValue(schema: Schema): unknown {
  if (schema.type === "object" && schema.properties !== undefined) {
    const required = schema.required ?? [];
    return Object.fromEntries(
      required.map((name) => [name, leastValue(schema.properties?.[name] ?? {})]),
    );
  }
  if (schema.type === "array" && schema.items?.properties !== undefined) {
    return [leastValue(schema.items)];
  }
  return legalValues(schema)[0];
}
