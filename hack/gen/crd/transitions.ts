// `@immutable` and `@growonly` on an interface to rules on it. A rule on the field itself would let
// unset -> A -> unset -> B through, because transition rules do not run when a value comes or goes;
// so the parent compares value-or-default with old value-or-default, and names the field.

import type { Schema } from "./schema.ts";

/** One field that is held over an update. */
export interface HeldField {
  /** Dotted path below the tagged interface. */
  readonly field: string;
  /** Paths whose values count, in this order, where `field` is unset. */
  readonly or?: readonly string[];
  /** What an unset field means; leave out only for a required field. */
  readonly default?: string | number | boolean;
  /** What to do instead, for the message. */
  readonly mend: string;
}

/** The rules of `@immutable`. */
export function immutableRules(fields: readonly HeldField[]): readonly Schema[] {
  return fields.map((held) => ({
    rule: `${valueOf(held, "self")} == ${valueOf(held, "oldSelf")}`,
    message: `${held.field} is immutable: ${held.mend}`,
    fieldPath: `.${held.field}`,
  }));
}

/** The rules of `@growonly`, for fields that are quantities. */
export function growOnlyRules(fields: readonly HeldField[]): readonly Schema[] {
  return fields.map((held) => ({
    rule:
      `quantity(string(${valueOf(held, "self")}))` +
      `.compareTo(quantity(string(${valueOf(held, "oldSelf")}))) >= 0`,
    message: `${held.field} cannot shrink: ${held.mend}`,
    fieldPath: `.${held.field}`,
  }));
}

/**
 * `has(a) && has(a.b) ? a.b : <next>`, ending in the default. Ternaries keep CEL's size estimates.
 */
function valueOf(held: HeldField, self: string): string {
  if (held.default === undefined) return `${self}.${held.field}`;
  const paths = [held.field, ...(held.or ?? [])];
  const fallback = JSON.stringify(held.default).replaceAll('"', "'");
  return paths.reduceRight((otherwise, path) => {
    const parts = path.split(".");
    const present = parts.map(
      (_, index) => `has(${[self, ...parts.slice(0, index + 1)].join(".")})`,
    );
    return `(${present.join(" && ")} ? ${self}.${path} : ${otherwise})`;
  }, fallback);
}
