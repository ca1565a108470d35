// JSON schema, as ts-json-schema-generator makes it, to a structural schema as the API server wants
// it. Every construct is either turned into an allowed one or refused with the line of its source.
// Rules: apiextensions-apiserver pkg/apiserver/schema/validation.go and
// pkg/apis/apiextensions/validation/validation.go; conventions of kubernetes/community.

import type { Schema } from "./schema.ts";
import type { Sources } from "./source.ts";
import { growOnlyRules, immutableRules } from "./transitions.ts";
import type { HeldField } from "./transitions.ts";

/** What the generator made: named types that refer to each other. */
export interface Definitions {
  readonly [name: string]: Schema;
}

interface Place {
  /** JSON path of the field, for messages. */
  readonly path: string;
  /** The type and member in whose source the schema is written. */
  readonly type: string;
  readonly member?: string;
  /** True for items of lists and values of maps: they need no description. */
  readonly item?: boolean;
  /** Named types that are being inlined, outermost first. */
  readonly inside: readonly string[];
  /** False below a list that is not a map: transition rules cannot work there. */
  readonly correlatable: boolean;
}

/** Words that YAML 1.1, and so kubectl, reads as a boolean or as null where they are not quoted. */
const YAML_WORDS = /^(y|n|yes|no|on|off|true|false|null)$/i;

const FORMATS = new Set(["int32", "int64", "date-time", "date", "byte", "duration"]);

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

/** Keys that are turned into something or looked at elsewhere. */
const KNOWN = new Set<string>([
  ...PASSED,
  "type",
  "description",
  "format",
  "default",
  "enum",
  "const",
  "anyOf",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "nullable",
  "uniqueItems",
  "x-kubernetes-int-or-string",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-validations",
  "immutable",
  "growonly",
]);

/** Turns named types into structural schemas. Throws one error that lists every problem. */
export class StructuralCompiler {
  readonly #definitions: Definitions;
  readonly #sources: Sources;
  readonly #problems: string[] = [];

  constructor(definitions: Definitions, sources: Sources) {
    this.#definitions = definitions;
    this.#sources = sources;
  }

  /** The structural schema of a named type, written under `path`. */
  compile(type: string, path: string): Schema {
    const schema = this.#definitions[type];
    if (schema === undefined) throw new Error(`no schema of type ${type}`);
    const place = { path, type, inside: [type], correlatable: true };
    const result = this.#node(schema, place);
    if (this.#problems.length > 0) throw new Error(this.#problems.join("\n"));
    return result;
  }

  #refuse(place: Place, problem: string): Schema {
    const where = this.#sources.locate(place.type, place.member);
    this.#problems.push(`${where}: ${place.path}: ${problem}`);
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
    const named = place.member !== undefined && place.item !== true;
    if (named && typeof schema["description"] !== "string") {
      this.#refuse(place, "has no description");
    }
    const out: Record<string, unknown> = { ...this.#text(schema), ...this.#shape(schema, inner) };
    for (const key of PASSED) if (schema[key] !== undefined) out[key] = schema[key];
    if (schema["nullable"] === true) out["nullable"] = true;
    const rules = this.#rules(schema, inner);
    if (rules.length > 0) out["x-kubernetes-validations"] = rules;
    if (schema["default"] !== undefined) this.#default(schema, out, inner);
    return out;
  }

  /** Inlines a reference. What the place of use says wins; rules of both count. */
  #resolve(given: Schema, place: Place): readonly [Schema, Place] | undefined {
    const ref = given["$ref"];
    if (typeof ref !== "string") return [given, place];
    const name = decodeURIComponent(ref.replace("#/definitions/", ""));
    if (place.inside.includes(name)) {
      this.#refuse(place, `${[...place.inside, name].join(" -> ")} is recursive; a CRD cannot be`);
      return undefined;
    }
    const target = this.#definitions[name];
    if (target === undefined) throw new Error(`no definition of ${name}`);
    const { $ref: _ref, ...site } = given;
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
      .replace(/\{@link\s+([^}|]+?)\s*(\|[^}]*)?\}(\s+(?=[.,;:)]))?/g, "$1")
      .replace(/\s+/g, " ")
      .trim();
    return clean === "" ? {} : { description: clean };
  }

  #shape(schema: Schema, place: Place): Schema {
    if (schema["x-kubernetes-int-or-string"] === true) return this.#intOrString(schema, place);
    if (schema["x-kubernetes-preserve-unknown-fields"] === true) {
      return { type: "object", "x-kubernetes-preserve-unknown-fields": true };
    }
    if (schema["const"] !== undefined) return this.#enumeration([schema["const"]], place);
    if (Array.isArray(schema["enum"])) return this.#enumeration(schema["enum"], place);
    if (Array.isArray(schema["anyOf"])) return this.#union(schema["anyOf"], place);
    const type = schema["type"];
    if (Array.isArray(type)) {
      const types = type.join(" | ");
      return type.includes("null")
        ? this.#refuse(place, "null is discouraged and breaks merges; make the field optional")
        : this.#refuse(place, `${types} is not one type; tag it @x-kubernetes-int-or-string`);
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
        return this.#refuse(
          place,
          "floats are not allowed (bigint comes out as one); use Int32, Int64 or a decimal string",
        );
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

  #enumeration(values: readonly unknown[], place: Place): Schema {
    for (const value of values) {
      // A size is written as a Quantity, everything else in CamelCase.
      if (typeof value !== "string" || !/^([A-Z]|([A-Z][a-z0-9]+)+|[0-9]+[KMGT]i)$/.test(value)) {
        return this.#refuse(place, `enum value ${JSON.stringify(value)} is not CamelCase`);
      }
      // Programs write status; people write spec.
      if (YAML_WORDS.test(value) && !place.path.startsWith("status")) {
        return this.#refuse(place, `enum value ${value} is no string in YAML 1.1 unless quoted`);
      }
    }
    return { type: "string", enum: values };
  }

  #union(members: readonly unknown[], place: Place): Schema {
    const shapes = members.map((member) => this.#node(member as Schema, { ...place, item: true }));
    const values = shapes.flatMap((shape) =>
      Array.isArray(shape["enum"]) ? (shape["enum"] as unknown[]) : [undefined],
    );
    if (values.every((value) => typeof value === "string")) {
      return { type: "string", enum: values };
    }
    return this.#refuse(
      place,
      "a union of objects has no structural form; use one interface of optional members and a rule",
    );
  }

  #object(schema: Schema, place: Place): Schema {
    const properties = schema["properties"] as { readonly [name: string]: Schema } | undefined;
    const additional = schema["additionalProperties"];
    if (properties === undefined) return this.#map(schema, additional, place);
    if (additional !== undefined && additional !== false) {
      return this.#refuse(place, "named members and an index signature exclude each other");
    }
    const owner = place.inside.at(-1) ?? place.type;
    const compiled: Record<string, Schema> = {};
    for (const name of Object.keys(properties).sort()) {
      const member = properties[name];
      if (member === undefined) continue;
      const inner: Place = {
        ...place,
        path: `${place.path}.${name}`,
        type: owner,
        member: name,
        item: false,
      };
      if (!/^[a-z][A-Za-z0-9]*$/.test(name)) this.#refuse(inner, "is not camelCase");
      if (YAML_WORDS.test(name)) {
        this.#refuse(inner, "is no string in YAML 1.1 unless quoted; kubectl would not find it");
      }
      compiled[name] = this.#node(member, inner);
    }
    const required = [...((schema["required"] as readonly string[] | undefined) ?? [])].sort();
    return {
      type: "object",
      properties: compiled,
      ...(required.length > 0 ? { required } : {}),
    };
  }

  #map(schema: Schema, additional: unknown, place: Place): Schema {
    if (additional === undefined || additional === false || additional === true) {
      return this.#refuse(
        place,
        "an object without members prunes everything; tag it @x-kubernetes-preserve-unknown-fields",
      );
    }
    if (schema["maxProperties"] === undefined) this.#refuse(place, "a map needs @maxProperties");
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
    if (schema["maxItems"] === undefined) this.#refuse(place, "a list needs @maxItems");
    const listType = schema["x-kubernetes-list-type"];
    const correlatable = place.correlatable && listType !== "atomic";
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
    return { type: "array", items: compiled };
  }

  #listMap(schema: Schema, items: Schema, place: Place): void {
    const keys = schema["x-kubernetes-list-map-keys"];
    const properties = items["properties"] as { readonly [name: string]: Schema } | undefined;
    if (!Array.isArray(keys) || keys.length === 0 || properties === undefined) {
      this.#refuse(place, "a list map needs @x-kubernetes-list-map-keys and items with members");
      return;
    }
    const required = (items["required"] as readonly string[] | undefined) ?? [];
    for (const key of keys as readonly string[]) {
      const property = properties[key];
      if (property === undefined) this.#refuse(place, `list map key ${key} is no member`);
      else if (property["type"] === "object" || property["type"] === "array") {
        this.#refuse(place, `list map key ${key} must be a scalar`);
      } else if (!required.includes(key) && property["default"] === undefined) {
        this.#refuse(place, `list map key ${key} must be required or have a default`);
      }
    }
  }

  #string(schema: Schema, place: Place): Schema {
    const format = schema["format"];
    if (format !== undefined && !FORMATS.has(String(format))) {
      this.#refuse(place, `format ${String(format)} is ignored by the API server`);
    }
    if (schema["maxLength"] === undefined) this.#refuse(place, "a string needs @maxLength");
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

  #rules(schema: Schema, place: Place): readonly Schema[] {
    for (const tag of ["x-kubernetes-validations", "immutable", "growonly"]) {
      const value = schema[tag];
      if (value !== undefined && !Array.isArray(value)) this.#refuse(place, `@${tag} is no list`);
    }
    const rules = [
      ...ruleList(schema),
      ...immutableRules(heldFields(schema["immutable"])),
      ...growOnlyRules(heldFields(schema["growonly"])),
    ].map(onOneLine);
    for (const rule of rules) {
      const { rule: expression, message } = rule;
      if (typeof expression !== "string" || expression === "") {
        this.#refuse(place, "a rule needs `rule`");
        continue;
      }
      if (typeof message !== "string" || message === "" || message.includes("\n")) {
        this.#refuse(place, `rule ${expression}: needs a message on one line`);
      }
      if (/\boldSelf\b/.test(expression) && !place.correlatable) {
        this.#refuse(place, `rule ${expression}: oldSelf needs a list map on the way to it`);
      }
    }
    return rules;
  }

  #default(schema: Schema, out: Record<string, unknown>, place: Place): void {
    const value = schema["default"];
    const type = out["type"];
    const fits =
      (type === "string" && typeof value === "string") ||
      (type === "boolean" && typeof value === "boolean") ||
      (type === "integer" && Number.isInteger(value));
    if (!fits)
      this.#refuse(place, `default ${JSON.stringify(value)} is not of type ${String(type)}`);
    if (Array.isArray(out["enum"]) && !(out["enum"] as unknown[]).includes(value)) {
      this.#refuse(place, `default ${JSON.stringify(value)} is not in the enum`);
    }
    out["default"] = value;
  }
}

/** Most characters of a plain string that is the value of a map. */
const MAP_TEXT_MAX = 4096;

/** Rules are wrapped in their source with escaped line ends, which leave the indentation behind. */
function onOneLine(rule: Schema): Schema {
  const clean = (value: unknown): unknown =>
    typeof value === "string" ? value.replace(/ {2,}/g, " ") : value;
  return Object.fromEntries(Object.entries(rule).map(([key, value]) => [key, clean(value)]));
}

function heldFields(tag: unknown): readonly HeldField[] {
  return Array.isArray(tag) ? (tag as HeldField[]) : [];
}

function ruleList(schema: Schema): readonly Schema[] {
  const rules = schema["x-kubernetes-validations"];
  return Array.isArray(rules) ? (rules as Schema[]) : [];
}
