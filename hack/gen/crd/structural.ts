// JSON schema, as ts-json-schema-generator makes it, to a structural schema as the API server wants
// it. Every construct is either turned into an allowed one or refused with the line of its source.
// Rules: apiextensions-apiserver pkg/apiserver/schema/validation.go and
// pkg/apis/apiextensions/validation/validation.go; conventions of kubernetes/community.

import { valueProblems } from "./defaults.ts";
import { rootPlace } from "./place.ts";
import type { Place } from "./place.ts";
import { ruleList, rulesOf } from "./rules.ts";
import type { Schema } from "./schema.ts";
import type { Sources } from "./source.ts";
import { mergeVariants } from "./unions.ts";

/** What the generator made: named types that refer to each other. */
export interface Definitions {
  readonly [name: string]: Schema;
}

/** What may differ from project to project. */
export interface StructuralOptions {
  /** Refuses members without a description. */
  readonly requireDescriptions: boolean;
  /** Descriptions are cut to so many characters, at the end of a sentence if there is one. */
  readonly descriptionMax?: number;
}

/** Words that YAML 1.1, and so kubectl, reads as a boolean or as null where they are not quoted. */
const YAML_WORDS = /^(y|n|yes|no|on|off|true|false|null)$/i;

/** CamelCase words, a word of acronyms in front or behind; a size is written as a Quantity. */
const ENUM_VALUE = /^([A-Z]|([A-Z]+[a-z0-9]+)+[A-Z]*|[0-9]+[KMGT]i)$/;

/** What every API server checks; any other is ignored without a word. */
const STRING_FORMATS = new Set(
  (
    "bsonobjectid uri email hostname ipv4 ipv6 cidr mac uuid uuid3 uuid4 uuid5 isbn isbn10 " +
    "isbn13 creditcard ssn hexcolor rgbcolor byte password date duration date-time"
  ).split(" "),
);

/** Formats that bound the length by themselves, also where the cost of a rule is estimated. */
const BOUNDED_FORMATS = new Set(["date", "duration", "date-time"]);

const COST =
  ": the API server estimates the cost of CEL rules by the largest value, and takes the size of " +
  "a whole request where there is no bound";

/** Keys that pass as they are. */
const PASSED = [
  "pattern",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
  "minimum",
  "maximum",
  "multipleOf",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
] as const;

/** Keys that are turned into something, looked at elsewhere or for readers of the source only. */
const KNOWN = new Set<string>([
  ...PASSED,
  ..."type description format default enum const anyOf properties required".split(" "),
  ..."additionalProperties items uniqueItems anyCase growonly immutable recursionDepth".split(" "),
  ..."deprecated examples title".split(" "),
  "x-kubernetes-int-or-string",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-validations",
]);

const OPAQUE: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** Turns named types into structural schemas. Throws one error that lists every problem. */
export class StructuralCompiler {
  readonly #definitions: Definitions;
  readonly #sources: Sources;
  readonly #options: StructuralOptions;
  readonly #problems: string[] = [];

  constructor(definitions: Definitions, sources: Sources, options: StructuralOptions) {
    this.#definitions = definitions;
    this.#sources = sources;
    this.#options = options;
  }

  /** The structural schema of a named type, written under `path`. */
  compile(type: string, path: "spec" | "status"): Schema {
    const schema = this.#definitions[type];
    if (schema === undefined) throw new Error(`no schema of type ${type}`);
    const result = this.#node(schema, rootPlace(type, path));
    if (this.#problems.length > 0) throw new Error(this.#problems.join("\n"));
    return result;
  }

  #refuse(place: Place, problem: string): Schema {
    const where = this.#sources.locate(place.type, place.trail);
    const line = `${where}: ${place.path}: ${problem}`;
    // Variants of a union are met once more when they are merged.
    if (!this.#problems.includes(line)) this.#problems.push(line);
    return {};
  }

  #node(given: Schema, place: Place): Schema {
    const resolved = this.#resolve(given, place);
    if (resolved === undefined) return {};
    const [schema, inner] = resolved;
    for (const key of Object.keys(schema)) {
      if (!KNOWN.has(key)) this.#refuse(inner, `${key} has no place in a structural schema`);
    }
    if (schema["uniqueItems"] !== undefined) {
      this.#refuse(inner, "uniqueItems is quadratic; use @x-kubernetes-list-type set");
    }
    if (this.#options.requireDescriptions && place.item !== true && place.trail.length > 0) {
      if (typeof schema["description"] !== "string") this.#refuse(place, "has no description");
    }
    const { bare, nullable } = this.#withoutNull(schema, inner);
    const shape = this.#shape(bare, inner);
    const out: Record<string, unknown> = { ...this.#text(schema), ...shape };
    for (const key of PASSED) if (schema[key] !== undefined) out[key] = schema[key];
    if (nullable) out["nullable"] = true;
    const { rules, problems } = rulesOf(schema, inner.correlatable);
    for (const problem of problems) this.#refuse(inner, problem);
    const all = [...ruleList(shape), ...rules];
    if (all.length > 0) out["x-kubernetes-validations"] = all;
    else delete out["x-kubernetes-validations"];
    if (schema["default"] !== undefined) this.#default(schema["default"], out, inner);
    return out;
  }

  /** Inlines a reference. What the place of use says wins; rules of both count. */
  #resolve(given: Schema, place: Place): readonly [Schema, Place] | undefined {
    const ref = given["$ref"];
    if (typeof ref !== "string") return [given, place];
    const name = decodeURIComponent(ref.replace("#/definitions/", ""));
    const target = this.#definitions[name];
    if (target === undefined) throw new Error(`no definition of ${name}`);
    const { $ref: _ref, ...site } = given;
    if (site["x-kubernetes-preserve-unknown-fields"] === true) return [site, place];
    if (place.inside.includes(name)) {
      const depth = target["recursionDepth"];
      const levels = place.inside.filter((one) => one === name).length;
      if (typeof depth === "number" && levels >= depth) return [{ ...site, ...OPAQUE }, place];
      if (typeof depth !== "number") {
        const circle = [...place.inside.slice(place.inside.indexOf(name)), name].join(" -> ");
        this.#refuse(
          place,
          `${circle} is recursive; a CRD cannot be: tag the type @recursionDepth N, below which ` +
            "anything goes",
        );
        return undefined;
      }
    }
    const rules = [...ruleList(target), ...ruleList(site)];
    const merged = {
      ...target,
      ...site,
      ...(rules.length > 0 ? { "x-kubernetes-validations": rules } : {}),
    };
    return this.#resolve(merged, { ...place, inside: [...place.inside, name] });
  }

  #text(schema: Schema): Schema {
    const text = schema["description"];
    if (typeof text !== "string") return {};
    const clean = text
      .replace(/\{@link(?:code|plain)?\s+([^}|]+?)\s*(\|[^}]*)?\}(\s+(?=[.,;:)]))?/g, "$1")
      .replace(/\s+/g, " ")
      .trim();
    return clean === "" ? {} : { description: shortened(clean, this.#options.descriptionMax) };
  }

  /** Null is taken out where the source asks for it by its tag, and refused elsewhere. */
  #withoutNull(
    schema: Schema,
    place: Place,
  ): { readonly bare: Schema; readonly nullable: boolean } {
    const { type, enum: values, anyOf } = schema;
    const isNull = (member: unknown): boolean => (member as Schema)["type"] === "null";
    const bare: Record<string, unknown> = { ...schema };
    let found = false;
    if (Array.isArray(type) && type.includes("null")) {
      found = true;
      const others = type.filter((one) => one !== "null");
      bare["type"] = others.length === 1 ? (others[0] as unknown) : others;
    }
    if (Array.isArray(values) && values.includes(null)) {
      found = true;
      bare["enum"] = values.filter((value) => value !== null);
    }
    if (Array.isArray(anyOf) && anyOf.some(isNull)) {
      found = true;
      const others = anyOf.filter((member) => !isNull(member)) as readonly Schema[];
      const [only] = others;
      if (others.length === 1 && only !== undefined) {
        delete bare["anyOf"];
        const resolved = this.#resolve({ ...only, ...bare }, place);
        if (resolved !== undefined) Object.assign(bare, resolved[0]);
      } else {
        bare["anyOf"] = others;
      }
    }
    if (!found || this.#sources.isTagged(place.type, place.trail, "nullable")) {
      return { bare, nullable: found };
    }
    this.#refuse(
      place,
      "null is discouraged and breaks merges; make the field optional, or tag it @nullable",
    );
    return { bare, nullable: false };
  }

  #shape(schema: Schema, place: Place): Schema {
    if (schema["x-kubernetes-int-or-string"] === true) return this.#intOrString(schema, place);
    if (schema["x-kubernetes-preserve-unknown-fields"] === true) {
      return schema["type"] === "array"
        ? this.#refuse(place, "an opaque list has no structural form; tag the type of its items")
        : OPAQUE;
    }
    if (schema["const"] !== undefined) return this.#enumeration([schema["const"]], schema, place);
    if (Array.isArray(schema["enum"])) return this.#enumeration(schema["enum"], schema, place);
    if (Array.isArray(schema["anyOf"])) return this.#union(schema["anyOf"], place);
    const type = schema["type"];
    if (Array.isArray(type)) {
      const problem = `${type.join(" | ")} is not one type; tag it @x-kubernetes-int-or-string`;
      return this.#refuse(place, problem);
    }
    switch (type) {
      case "object":
        return this.#object(schema, place);
      case "array":
        return this.#array(schema, place);
      case "string":
        return this.#string(schema, place);
      case "integer":
        return this.#integer(schema, place);
      case "boolean":
        return { type: "boolean" };
      case "number":
        return this.#number(schema, place);
      case "null":
        return this.#refuse(place, "null is not a type of Kubernetes");
      default:
        return this.#refuse(
          place,
          "has no type; tag it @x-kubernetes-preserve-unknown-fields if that is meant",
        );
    }
  }

  #intOrString(schema: Schema, place: Place): Schema {
    const types = [...(Array.isArray(schema["type"]) ? (schema["type"] as unknown[]) : [])].sort();
    if (types.join() !== "number,string") {
      return this.#refuse(place, "@x-kubernetes-int-or-string needs the type string | number");
    }
    return {
      anyOf: [{ type: "integer" }, { type: "string" }],
      "x-kubernetes-int-or-string": true,
    };
  }

  #enumeration(values: readonly unknown[], schema: Schema, place: Place): Schema {
    for (const value of values) {
      if (typeof value !== "string") {
        const problem = `enum value ${JSON.stringify(value)} is no string`;
        return this.#refuse(place, problem);
      }
      if (schema["anyCase"] !== true && !ENUM_VALUE.test(value)) {
        return this.#refuse(
          place,
          `enum value ${JSON.stringify(value)} is not CamelCase; tag it @anyCase if the words ` +
            "are not ours to choose",
        );
      }
      if (YAML_WORDS.test(value) && !place.isStatus) {
        return this.#refuse(place, `enum value ${value} is no string in YAML 1.1 unless quoted`);
      }
    }
    return { type: "string", enum: values };
  }

  #union(members: readonly unknown[], place: Place): Schema {
    const inner = { ...place, item: true, variant: true };
    const shapes = members.map((member) => this.#node(member as Schema, inner));
    const values = shapes.flatMap((shape) =>
      Array.isArray(shape["enum"]) ? (shape["enum"] as unknown[]) : [undefined],
    );
    if (values.every((value) => typeof value === "string")) {
      return { type: "string", enum: [...new Set(values)] };
    }
    if (shapes.some((shape) => Object.keys(shape).length === 0)) return {};
    if (!shapes.every((shape) => shape["properties"] !== undefined)) {
      return this.#refuse(place, "a union of different types has no structural form");
    }
    const variants = shapes.map((schema, index) => ({
      name: nameOf(members[index] as Schema) ?? `variant ${index + 1}`,
      schema,
    }));
    const merged = mergeVariants(variants);
    if ("problem" in merged) return this.#refuse(place, merged.problem);
    const own = shapes.flatMap(ruleList);
    if (own.length === 0) return merged.schema;
    return this.#refuse(place, "rules on a variant of a union would hold for all; put them here");
  }

  #object(schema: Schema, place: Place): Schema {
    const properties = schema["properties"] as { readonly [name: string]: Schema } | undefined;
    const additional = schema["additionalProperties"];
    if (properties === undefined) return this.#map(schema, additional, place);
    if (additional !== undefined && additional !== false) {
      return this.#refuse(place, "named members and an index signature exclude each other");
    }
    const required = [...((schema["required"] as readonly string[] | undefined) ?? [])].sort();
    const compiled: Record<string, Schema> = {};
    for (const name of Object.keys(properties).sort()) {
      const member = properties[name];
      if (member === undefined) continue;
      const inner = this.#memberPlace(name, member, place);
      if (!/^[a-z][A-Za-z0-9]*$/.test(name)) this.#refuse(inner, "is not camelCase");
      if (YAML_WORDS.test(name)) {
        this.#refuse(inner, "is no string in YAML 1.1 unless quoted; kubectl would not find it");
      }
      if (member["default"] !== undefined && required.includes(name)) {
        this.#refuse(inner, "has a default, so nobody needs to set it; make it optional");
      }
      compiled[name] = this.#node(member, inner);
    }
    return {
      type: "object",
      properties: compiled,
      ...(required.length > 0 ? { required } : {}),
    };
  }

  #memberPlace(name: string, member: Schema, place: Place): Place {
    // The innermost type that has a source; anonymous ones belong to the member that holds them.
    const owner = place.inside.at(-1) ?? place.type;
    const isOwn = owner === place.type || !this.#sources.has(owner);
    return {
      ...place,
      path: `${place.path}.${name}`,
      type: isOwn ? place.type : owner,
      trail: isOwn ? [...place.trail, name] : [name],
      // The literal that tells a variant apart explains itself.
      item: place.variant === true && member["const"] !== undefined,
      variant: false,
    };
  }

  #map(schema: Schema, additional: unknown, place: Place): Schema {
    if (additional === undefined || additional === false || additional === true) {
      return this.#refuse(
        place,
        "an object without members prunes everything; tag it @x-kubernetes-preserve-unknown-fields",
      );
    }
    if (schema["maxProperties"] === undefined) {
      this.#refuse(place, `a map needs @maxProperties${COST}`);
    }
    const inner = { ...place, path: `${place.path}.*`, item: true };
    const value = { maxLength: MAP_TEXT_MAX, ...(additional as Schema) };
    const plain = (additional as Schema)["type"] === "string";
    return {
      type: "object",
      additionalProperties: this.#node(plain ? value : (additional as Schema), inner),
    };
  }

  #array(schema: Schema, place: Place): Schema {
    const items = schema["items"];
    if (items === undefined || Array.isArray(items)) {
      return this.#refuse(place, "a tuple has no structural form; use an interface");
    }
    if (schema["maxItems"] === undefined) this.#refuse(place, `a list needs @maxItems${COST}`);
    const listType = schema["x-kubernetes-list-type"];
    const correlatable = place.correlatable && listType === "map";
    const inner = { ...place, path: `${place.path}[]`, item: true, correlatable };
    const compiled = this.#node(items as Schema, inner);
    switch (listType) {
      case "atomic":
        break;
      case "set":
        if (compiled["type"] === "object" || compiled["type"] === "array") {
          this.#refuse(place, "the items of a set must be scalars");
        }
        break;
      case "map":
        this.#listMap(schema, compiled, place);
        break;
      default:
        this.#refuse(place, "a list needs @x-kubernetes-list-type atomic, set or map");
    }
    if (listType !== "atomic" && compiled["nullable"] === true) {
      this.#refuse(place, `the items of a list of type ${String(listType)} cannot be null`);
    }
    return { type: "array", items: compiled };
  }

  #listMap(schema: Schema, items: Schema, place: Place): void {
    const keys = schema["x-kubernetes-list-map-keys"];
    const properties = items["properties"] as { readonly [name: string]: Schema } | undefined;
    if (!Array.isArray(keys) || keys.length === 0 || properties === undefined) {
      this.#refuse(place, "a list map needs @x-kubernetes-list-map-keys and items with members");
      return;
    }
    if (new Set(keys).size !== keys.length) this.#refuse(place, "a list map key is named twice");
    const required = (items["required"] as readonly string[] | undefined) ?? [];
    for (const key of keys as readonly string[]) {
      const property = properties[key];
      if (property === undefined) this.#refuse(place, `list map key ${key} is no member`);
      else if (property["type"] === "object" || property["type"] === "array") {
        this.#refuse(place, `list map key ${key} must be a scalar`);
      } else if (property["nullable"] === true) {
        this.#refuse(place, `list map key ${key} cannot be null`);
      } else if (!required.includes(key) && property["default"] === undefined) {
        this.#refuse(place, `list map key ${key} must be required or have a default`);
      }
    }
  }

  #string(schema: Schema, place: Place): Schema {
    const format = schema["format"];
    if (format !== undefined && !STRING_FORMATS.has(String(format))) {
      this.#refuse(place, `format ${String(format)} is ignored by the API server`);
    }
    if (schema["maxLength"] === undefined && !BOUNDED_FORMATS.has(String(format))) {
      this.#refuse(place, `a string needs @maxLength${COST}`);
    }
    return { type: "string", ...(format === undefined ? {} : { format }) };
  }

  #integer(schema: Schema, place: Place): Schema {
    const format = schema["format"];
    if (format !== "int32" && format !== "int64") {
      this.#refuse(place, "an integer needs @format int32 or int64");
    }
    const { minimum, maximum } = schema;
    const exact = Number.MAX_SAFE_INTEGER;
    if (typeof minimum !== "number" || typeof maximum !== "number") {
      this.#refuse(place, "an integer needs @minimum and @maximum");
    } else if (minimum < -exact || maximum > exact) {
      this.#refuse(place, "an integer beyond 2^53 must be a string");
    }
    return { type: "integer", format };
  }

  #number(schema: Schema, place: Place): Schema {
    if (this.#sources.isBigint(place.type, place.trail)) {
      return this.#refuse(place, "a bigint does not survive JSON; use a string of digits");
    }
    const format = schema["format"];
    if (!place.isStatus) {
      return this.#refuse(
        place,
        "floats are not allowed in spec (bigint comes out as one); use @asType integer with " +
          "@format int32 or int64, or a decimal string",
      );
    }
    if (format === "float" || format === "double") return { type: "number", format };
    return this.#refuse(
      place,
      "a number needs @asType integer with @format int32 or int64; in status, where it may be " +
        "a float, @format double",
    );
  }

  #default(value: unknown, out: Record<string, unknown>, place: Place): void {
    const problems = valueProblems(out, value);
    for (const problem of problems) this.#refuse(place, `default is not valid: ${problem}`);
    out["default"] = value;
  }
}

/** Most characters of a plain string that is the value of a map. */
const MAP_TEXT_MAX = 4096;

/** The type that a member of a union refers to. */
function nameOf(member: Schema): string | undefined {
  const ref = member["$ref"];
  return typeof ref === "string"
    ? decodeURIComponent(ref.replace("#/definitions/", ""))
    : undefined;
}

/** At most `max` characters: whole sentences, or else cut short with dots. */
function shortened(text: string, max: number | undefined): string {
  if (max === undefined || text.length <= max) return text;
  const end = text.slice(0, max).lastIndexOf(". ");
  if (end > 0) return text.slice(0, end + 1);
  return `${text.slice(0, max - 1).trimEnd()}…`;
}
