// Every property of a kind's spec, from its CRD: none can be forgotten.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "yaml";

import { repositoryRoot } from "../kinds/api-server.ts";

/** The part of a structural schema that is used here. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly "x-kubernetes-int-or-string"?: boolean;
}

/** A step from a value to one inside it: a member by name, or the one element that is looked at. */
export type Step = string | "[]";

/** A property without properties of its own: a plain value, a list of such, or a map. */
export interface Property {
  /** Below spec, as a user would write it: `classes[].keys[].type`. */
  readonly path: string;
  readonly steps: readonly Step[];
  readonly schema: Schema;
}

interface Crd {
  readonly spec?: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** Schema of a kind's spec. */
export function specSchema(kind: string): Schema {
  const folder = join(repositoryRoot, "crds");
  for (const file of readdirSync(folder).sort()) {
    const crd = parse(readFileSync(join(folder, file), "utf8")) as Crd;
    if (crd.spec?.names.kind !== kind) continue;
    const spec = crd.spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"];
    if (spec !== undefined) return spec;
  }
  throw new Error(`no CRD of ${kind}`);
}

/** All properties below a schema, in its order. */
export function propertiesOf(schema: Schema, steps: readonly Step[] = []): readonly Property[] {
  const members = Object.entries(schema.properties ?? {});
  if (members.length > 0) {
    return members.flatMap(([name, below]) => propertiesOf(below, [...steps, name]));
  }
  if (schema.items?.properties !== undefined) return propertiesOf(schema.items, [...steps, "[]"]);
  return [{ path: pathText(steps), steps, schema }];
}

/** The schema that these steps lead to. */
export function schemaAt(schema: Schema, steps: readonly Step[]): Schema {
  return steps.reduce((at, step) => {
    const below = step === "[]" ? at.items : at.properties?.[step];
    if (below === undefined) throw new Error(`no ${pathText(steps)} in the schema`);
    return below;
  }, schema);
}

/** `a.b[].c` */
export function pathText(steps: readonly Step[]): string {
  return steps.reduce<string>(
    (text, step) => (step === "[]" ? `${text}[]` : text === "" ? step : `${text}.${step}`),
    "",
  );
}
