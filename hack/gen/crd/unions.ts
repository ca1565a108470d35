// Unions of objects have no structural form: a junctor may only say what the core has said. They
// become one object of optional members and rules that allow exactly the members of one variant.

import type { Schema } from "./schema.ts";

/** A variant of a union, compiled. */
export interface Variant {
  /** For messages. */
  readonly name: string;
  readonly schema: Schema;
}

type Members = Readonly<Record<string, Schema>>;

/** The merged object, or why there is none. */
export type Merged = { readonly schema: Schema } | { readonly problem: string };

const ADVICE =
  "a union of objects has no structural form; give every variant a member that tells them apart " +
  "by one string literal, or exactly one required member of its own";

/**
 * Merges variants. Told apart by a string literal, that becomes an enum, and rules say what goes
 * with which value; else each variant must have exactly one required member that no other has, and
 * exactly one of them must be set.
 */
export function mergeVariants(variants: readonly Variant[]): Merged {
  const tag = discriminatorOf(variants);
  if (tag !== undefined) return mergeTagged(variants, tag);
  return mergeExclusive(variants);
}

function membersOf(variant: Variant): Members {
  return (variant.schema["properties"] ?? {}) as Members;
}

function requiredOf(variant: Variant): readonly string[] {
  return (variant.schema["required"] ?? []) as readonly string[];
}

/** The literal of a member, if it allows only one. */
function literalOf(member: Schema | undefined): string | undefined {
  const values = member?.["enum"];
  return Array.isArray(values) && values.length === 1 ? String(values[0]) : undefined;
}

/** A required member of all variants whose literals all differ. */
function discriminatorOf(variants: readonly Variant[]): string | undefined {
  const [first, ...others] = variants;
  if (first === undefined) return undefined;
  return requiredOf(first).find((name) => {
    const literals = [first, ...others].map((variant) =>
      requiredOf(variant).includes(name) ? literalOf(membersOf(variant)[name]) : undefined,
    );
    return !literals.includes(undefined) && new Set(literals).size === variants.length;
  });
}

function mergeTagged(variants: readonly Variant[], tag: string): Merged {
  const valueOf = (variant: Variant): string => literalOf(membersOf(variant)[tag]) ?? "";
  const values = variants.map(valueOf);
  const merged = mergeMembers(variants, tag);
  if ("problem" in merged) return merged;
  const everywhere = Object.keys(merged.members).filter((name) =>
    variants.every((variant) => requiredOf(variant).includes(name)),
  );
  const rules = Object.keys(merged.members).flatMap((name) => {
    const having = variants.filter((variant) => name in membersOf(variant)).map(valueOf);
    const needing = variants.filter((one) => requiredOf(one).includes(name)).map(valueOf);
    return everywhere.includes(name) ? [] : tagRules(tag, name, { values, having, needing });
  });
  const described = variants.map((variant) => membersOf(variant)[tag]?.["description"]);
  const description = described.find((text) => typeof text === "string");
  return {
    schema: {
      type: "object",
      properties: sorted({
        ...merged.members,
        [tag]: {
          description: description ?? `Which it is: ${values.join(", ")}.`,
          type: "string",
          enum: values,
        },
      }),
      required: [tag, ...everywhere].sort(),
      "x-kubernetes-validations": rules,
    },
  };
}

/** What a member asks of the discriminator. */
function tagRules(
  tag: string,
  name: string,
  of: {
    readonly values: readonly string[];
    readonly having: readonly string[];
    readonly needing: readonly string[];
  },
): readonly Schema[] {
  const self = `self.${celName(name)}`;
  const oneOf = (values: readonly string[]): string => {
    const texts = values.map(celText);
    const field = `self.${celName(tag)}`;
    return texts.length === 1 ? `${field} == ${texts.join()}` : `${field} in [${texts.join(", ")}]`;
  };
  const forbidden =
    of.having.length === of.values.length
      ? []
      : [
          {
            rule: `!has(${self}) || ${oneOf(of.having)}`,
            message: `${name} goes only with ${tag} ${of.having.join(" or ")}`,
            fieldPath: `.${name}`,
          },
        ];
  const demanded =
    of.needing.length === 0
      ? []
      : [
          {
            rule: `has(${self}) || !(${oneOf(of.needing)})`,
            message: `${tag} ${of.needing.join(" or ")} needs ${name}`,
            fieldPath: `.${name}`,
          },
        ];
  return [...forbidden, ...demanded];
}

function mergeExclusive(variants: readonly Variant[]): Merged {
  const keys = variants.map((variant) => {
    const own = requiredOf(variant).filter((name) =>
      variants.every((other) => other === variant || !(name in membersOf(other))),
    );
    return own.length === 1 && requiredOf(variant).length === 1 ? own[0] : undefined;
  });
  const known = keys.filter((key) => key !== undefined);
  if (known.length !== variants.length) return { problem: ADVICE };
  const merged = mergeMembers(variants);
  if ("problem" in merged) return merged;
  const rules = Object.keys(merged.members)
    .filter((name) => !known.includes(name))
    .flatMap((name) => {
      const having = variants.flatMap((variant, index) =>
        name in membersOf(variant) ? [known[index] ?? ""] : [],
      );
      if (having.length === variants.length) return [];
      const any = having.map((key) => `has(self.${celName(key)})`).join(" || ");
      return [
        {
          rule: `!has(self.${celName(name)}) || ${any}`,
          message: `${name} goes only with ${having.join(" or ")}`,
          fieldPath: `.${name}`,
        },
      ];
    });
  const present = known.map((key) => `has(self.${celName(key)})`).join(", ");
  return {
    schema: {
      type: "object",
      properties: sorted(merged.members),
      "x-kubernetes-validations": [
        {
          rule: `[${present}].exists_one(present, present)`,
          message: `exactly one of ${known.join(", ")} must be set`,
        },
        ...rules,
      ],
    },
  };
}

/** Members of all variants; one that stands in several must mean the same in each. */
function mergeMembers(
  variants: readonly Variant[],
  except?: string,
): { readonly members: Members } | { readonly problem: string } {
  const members: Record<string, Schema> = {};
  const from: Record<string, string> = {};
  for (const variant of variants) {
    for (const [name, member] of Object.entries(membersOf(variant))) {
      if (name === except) continue;
      const before = members[name];
      if (before === undefined) {
        members[name] = member;
        from[name] = variant.name;
      } else if (shapeText(before) !== shapeText(member)) {
        const problem =
          `${name} is not the same in ${from[name]} and ${variant.name}, and one member cannot ` +
          "have two schemas; give them different names";
        return { problem };
      }
    }
  }
  return { members };
}

/** A schema as text, without its own description. */
function shapeText(schema: Schema): string {
  const { description: _description, ...shape } = schema;
  return JSON.stringify(shape);
}

function sorted(members: Members): Members {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Words that CEL keeps for itself; as names of fields they stand between double underscores. */
const CEL_WORDS = new Set(
  (
    "true false null in as break const continue else for function if import let loop package " +
    "namespace return var void while"
  ).split(" "),
);

/** A field's name as CEL wants it. */
export function celName(name: string): string {
  return CEL_WORDS.has(name) ? `__${name}__` : name;
}

function celText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
