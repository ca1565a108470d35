// Upstream's classes: OClass of Java and oaas-rs.

import type {
  FunctionBinding,
  KeySpec,
  OPackageClass,
  ReferenceSpec,
  Storage,
} from "../oaas/v1alpha1/index.ts";

import { nonEmpty, present } from "./parts.ts";
import type { Field, Fields } from "./reader.ts";
import { ACCESSES, CONSISTENCIES, KEY_TYPES, STATE_TYPES, STORAGE_PROVIDERS } from "./words.ts";

/** What a class is read against. */
export interface PackageContext {
  readonly packageName: string;
  /** Names of the package's functions. */
  readonly functions: ReadonlySet<string>;
  readonly dependencies: ReadonlySet<string>;
}

/** One class. Its partitioning is Explicit: upstream's callers choose partitions themselves. */
export function convertClass(field: Field, context: PackageContext): OPackageClass | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const name = className(fields, context);
  const state = stateOf(fields.get("stateSpec", "state_spec"));
  const disabled = fields.get("disabled")?.boolean();
  const bindings = fields.get("functions", "function_bindings")?.items() ?? [];
  const references = fields.get("refSpec", "ref_spec", "refSpecs")?.items() ?? [];
  const spec = present<Omit<OPackageClass, "name">>({
    description: fields.get("description")?.text(),
    stateType: fields.get("stateType", "state_type")?.word(STATE_TYPES),
    parents: nonEmpty(fields.get("parents")?.texts() ?? []),
    ...state,
    partitioning: "Explicit",
    references: nonEmpty(references.flatMap((item) => convertReference(item) ?? [])),
    functions: nonEmpty(bindings.flatMap((item) => convertBinding(item, context) ?? [])),
    state: disabled === true ? "Disabled" : undefined,
  });
  const removal = fields.get("markForRemoval", "mark_for_removal");
  if (removal?.boolean() === true) removal.refuse("remove the class from the document instead");
  fields.leave("the API server versions objects", "_rev");
  fields.done();
  return name === undefined ? undefined : { name, ...spec };
}

function className(fields: Fields, context: PackageContext): string | undefined {
  const field = fields.get("key", "name") ?? fields.get("_key");
  const own = fields.get("pkg");
  if (own !== undefined && own.text() !== context.packageName) {
    own.refuse(`is not this package, ${context.packageName}`);
  }
  const key = fields.get("_key");
  const text = field?.text();
  if (field === undefined) return fields.field.refuse("has no key or name");
  if (text === undefined) return undefined;
  const name = text.startsWith(`${context.packageName}.`)
    ? text.slice(context.packageName.length + 1)
    : text;
  const keyText = key?.text();
  if (key !== undefined && keyText !== name && keyText !== `${context.packageName}.${name}`) {
    key.refuse(`is not the key of ${name}`);
  }
  if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) && name.length <= 63) return name;
  return field.refuse(`${JSON.stringify(text)} cannot be the name of a class`);
}

type StateFields = Pick<
  OPackageClass,
  "consistency" | "stalenessBoundSeconds" | "persistent" | "storage" | "keys"
>;

function stateOf(field: Field | undefined): StateFields {
  const fields = field?.fields();
  if (fields === undefined) return {};
  const keys = fields.get("keySpecs", "key_specs")?.items() ?? [];
  const persistent = fields.get("persistent")?.boolean();
  const model = fields.get("consistency_model", "consistencyModel");
  const consistency = model?.word(CONSISTENCIES);
  const bound = fields.get("staleness_bound_seconds", "stalenessBoundSeconds");
  const seconds = bound?.integer({ min: 1, max: 86_400 });
  if (consistency === "BoundedStaleness" && bound === undefined) {
    model?.refuse("needs a bound: add staleness_bound_seconds beside it");
  }
  const storage = storageOf(fields.get("defaultProvider", "default_provider"), persistent);
  const format = fields.get("serialization_format", "serializationFormat");
  if (format !== undefined && format.text() !== "") format.warn("left out: values are bytes here");
  fields.done();
  return present<StateFields>({
    consistency,
    stalenessBoundSeconds: seconds,
    persistent: storage?.provider === "Memory" ? false : persistent,
    storage,
    keys: nonEmpty(keys.flatMap((item) => convertKey(item) ?? [])),
  });
}

function storageOf(field: Field | undefined, persistent: boolean | undefined): Storage | undefined {
  if (field === undefined || field.text() === "") return undefined;
  const provider = field.word(STORAGE_PROVIDERS);
  if (provider !== "Memory") return provider === undefined ? undefined : { provider };
  if (persistent === true) return field.refuse("memory is not persistent: drop one of the two");
  field.warn("kept as Memory: data is lost with the pod; leave it out to keep data");
  return { provider };
}

function convertKey(field: Field): KeySpec | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const name = fields.get("name");
  const optional = fields.get("optional")?.boolean();
  const key = present<Omit<KeySpec, "name">>({
    type: fields.get("type", "key_type")?.word(KEY_TYPES),
    required: optional === undefined ? undefined : !optional,
    access: fields.get("access")?.word(ACCESSES),
  });
  fields.done();
  const text = name?.text();
  if (text === undefined) return field.refuse("has no name");
  if (!/^[A-Za-z0-9._:-]+$/.test(text)) name?.refuse(`${JSON.stringify(text)} cannot be a key`);
  return { name: text, ...key };
}

function convertReference(field: Field): ReferenceSpec | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const name = fields.get("name")?.text();
  const target = fields.get("cls", "class", "clsKey", "cls_key")?.text();
  const access = fields.get("access")?.word(ACCESSES);
  fields.done();
  if (name === undefined || target === undefined) return field.refuse("needs name and cls");
  return present<ReferenceSpec>({ name, class: target, access });
}

function convertBinding(field: Field, context: PackageContext): FunctionBinding | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const name = fields.get("name")?.text();
  const called = fields.get("function", "function_key");
  const target = called === undefined ? undefined : functionRef(called, context);
  const condition = fields.get("condition");
  const conditionText = condition?.text();
  if (conditionText !== undefined && conditionText !== "") {
    condition?.warn("kept as written; conditions are CEL over request and object here");
  }
  const binding = present<Omit<FunctionBinding, "name">>({
    function: target === name ? undefined : target,
    access: fields.get("access", "access_modifier")?.word(ACCESSES),
    stateless: fields.get("stateless")?.boolean(),
    immutable: fields.get("immutable")?.boolean(),
    outputClass: fields.get("outputCls", "output_cls")?.text(),
    defaultRoute: fields.get("defaultRoute", "default_route")?.boolean(),
    condition: conditionText === "" ? undefined : conditionText,
  });
  const parameters = fields.get("parameters");
  if (parameters !== undefined && parameters.items().length > 0) {
    parameters.warn("left out: describe them as variables of the function");
  }
  fields.done();
  if (name === undefined) return field.refuse("has no name");
  return { name, ...binding };
}

/** "Record.echo", ".echo", "package.echo" or a dependency's "other.echo". */
function functionRef(field: Field, context: PackageContext): string | undefined {
  const text = field.text();
  if (text === undefined) return undefined;
  const own = `${context.packageName}.`;
  const candidates = [
    text,
    ...(text.startsWith(".") ? [text.slice(1)] : []),
    ...(text.startsWith(own) ? [text.slice(own.length)] : []),
  ];
  const local = candidates.find((candidate) => context.functions.has(candidate));
  if (local !== undefined) return local;
  const dependency = [...context.dependencies].find((name) => text.startsWith(`${name}.`));
  if (dependency !== undefined) return `${dependency}/${text.slice(dependency.length + 1)}`;
  return field.refuse(`${JSON.stringify(text)} is no function of this package or of a dependency`);
}
