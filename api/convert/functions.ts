// Upstream's functions: OFunction of Java and oaas-rs, and FunctionDeploymentSpec of a
// ClassRuntime.

import type {
  ContainerParts,
  EnvVar,
  FunctionSpec,
  KnativeProvision,
  Macro,
  MacroStep,
  Provision,
  Scale,
  Variable,
} from "../oaas/v1alpha1/index.ts";

import { constraints, INT32, nonEmpty, PORT, present, requirements, resources } from "./parts.ts";
import type { Field, Fields } from "./reader.ts";
import { FUNCTION_STATES, FUNCTION_TYPES, PULL_POLICIES } from "./words.ts";

/** Port of a function of upstream that names none: what its Deployment template takes. */
const UPSTREAM_PORT = 80;

/** One function. `packageName` is the package that it must belong to, if it says one. */
export function convertFunction(
  field: Field,
  packageName: string | undefined,
): FunctionSpec | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const name = functionName(fields, packageName);
  const kind = fields.get("function_type", "type")?.word(FUNCTION_TYPES) ?? "Task";
  const config = configOf(fields);
  const provisioned = provisionOf(fields, config.env);
  const qos = fields.get("requirements", "qos_requirement", "nfr_requirements");
  const spec = present<Omit<FunctionSpec, "name">>({
    type: kind === "Wasm" ? undefined : kind,
    description: fields.get("description")?.text(),
    variables: variablesOf(fields.get("variableDescriptions", "variable_descriptions")),
    outputClass: fields.get("outputCls", "output_cls")?.text(),
    immutable: fields.get("immutable")?.boolean(),
    provision: provisioned?.provision,
    scale: provisioned?.scale,
    timeoutMs: config.timeout?.integer({ min: 1, max: 3_600_000 }),
    macro: macroOf(fields.get("macro")),
    requirements: requirements(qos),
    constraints: constraints(fields.get("constraints")),
    state: fields.get("state")?.word(FUNCTION_STATES),
  });
  fields.leave("it is observed, not declared", "status", "available_location", "_rev");
  fields.done();
  if (kind === "Wasm") {
    return field.refuse("a WASM module runs inside upstream's data grid; make an image of it");
  }
  if (kind === "Task" && provisioned === undefined) {
    return field.refuse("has no image: provision_config.container_image or provision is needed");
  }
  return name === undefined ? undefined : { name, ...spec };
}

function functionName(fields: Fields, packageName: string | undefined): string | undefined {
  const field = fields.get("key", "name", "function_key") ?? fields.get("_key");
  const own = fields.get("pkg");
  const key = fields.get("_key");
  if (own !== undefined && packageName !== undefined && own.text() !== packageName) {
    own.refuse(`is not this package, ${packageName}`);
  }
  if (field === undefined) return fields.field.refuse("has no key or name");
  const text = field.text();
  if (text === undefined) return undefined;
  const keyText = key?.text();
  if (key !== undefined && keyText !== text && keyText !== `${packageName ?? ""}.${text}`) {
    key.refuse(`is not the key of ${text}`);
  }
  if (/^[A-Za-z_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$/.test(text) && text.length <= 128) return text;
  return field.refuse(`${JSON.stringify(text)} cannot be the name of a function`);
}

/** `config`: in Java {timeout, env}, in oaas-rs the environment itself. */
function configOf(fields: Fields): {
  readonly timeout: Field | undefined;
  readonly env: readonly EnvVar[];
} {
  const config = fields.get("config");
  if (config?.source.kind !== "map") {
    config?.refuse("must be a map");
    return { timeout: undefined, env: [] };
  }
  const names = [...config.source.entries.keys()];
  const nested = config.source.entries.get("env")?.kind === "map";
  const java = nested || (fields.has("name") && names.length === 1 && names[0] === "timeout");
  if (!java) return { timeout: undefined, env: envOf(config) };
  const inner = config.fields();
  const result = { timeout: inner?.get("timeout"), env: envOf(inner?.get("env")) };
  inner?.done();
  return result;
}

function envOf(field: Field | undefined): readonly EnvVar[] {
  return (field?.entries() ?? []).flatMap(([name, entry]) => {
    const value = entry.text();
    if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name)) entry.refuse("is not a variable's name");
    return value === undefined ? [] : [{ name, value }];
  });
}

interface Provisioned {
  readonly provision: Provision;
  readonly scale: Scale | undefined;
}

function provisionOf(fields: Fields, env: readonly EnvVar[]): Provisioned | undefined {
  const flat = fields.get("provision_config");
  const nested = fields.get("provision");
  if (flat !== undefined && nested !== undefined) {
    nested.refuse("provision and provision_config say the same thing in two ways");
  }
  if (flat !== undefined) return flatProvision(flat, env);
  const inner = nested?.fields();
  if (inner === undefined) return undefined;
  const knative = inner.get("knative")?.fields();
  const docker = inner.get("docker", "deployment")?.fields();
  const staticUrl = inner.get("staticUrl", "static_url");
  inner.done();
  const given = [knative, docker, staticUrl].filter((way) => way !== undefined);
  if (given.length > 1)
    return inner.field.refuse("knative, docker and staticUrl exclude each other");
  if (knative !== undefined) return knativeProvision(knative, env);
  if (docker !== undefined) return dockerProvision(docker, env);
  const url = staticUrl?.source.kind === "map" ? staticUrl.fields()?.get("url") : staticUrl;
  const text = url?.text();
  return text === undefined ? undefined : { provision: { staticUrl: text }, scale: undefined };
}

/** oaas-rs: one flat block. */
function flatProvision(field: Field, env: readonly EnvVar[]): Provisioned | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const image = fields.get("container_image")?.text();
  const wasm = fields.get("wasm_module_url");
  wasm?.refuse("a WASM module runs inside upstream's data grid; make an image of it");
  const http2 = fields.get("need_http2")?.boolean();
  const concurrency = fields.get("max_concurrency")?.integer(INT32);
  const max = fields.get("max_scale")?.integer({ min: 1, max: 1000 });
  const scale = present<Scale>({
    min: fields.get("min_scale")?.integer({ min: 0, max: 1000 }),
    max,
    concurrency: concurrency === 0 ? undefined : concurrency,
  });
  const parts = present<Omit<ContainerParts, "image">>({
    port: portOf(fields.get("port"), env),
    protocol: http2 === true ? "Grpc" : undefined,
    env: nonEmpty(env),
    resources: resources({
      requestCpu: fields.get("cpu_request"),
      requestMemory: fields.get("memory_request"),
      limitCpu: fields.get("cpu_limit"),
      limitMemory: fields.get("memory_limit"),
    }),
  });
  fields.done();
  if (image === undefined || image === "") return undefined;
  return {
    provision: { deployment: { image, ...parts } },
    scale: Object.keys(scale).length === 0 ? undefined : scale,
  };
}

function knativeProvision(fields: Fields, config: readonly EnvVar[]): Provisioned | undefined {
  const image = fields.get("image");
  const env = mergedEnv(envOf(fields.get("env")), config, fields.field);
  const knative = present<Omit<KnativeProvision, "image">>({
    minScale: fields.get("minScale", "min_scale")?.integer({ min: 0, max: 1000 }),
    maxScale: fields.get("maxScale", "max_scale")?.integer({ min: 0, max: 1000 }),
    concurrency: fields.get("concurrency")?.integer(INT32),
    port: fields.get("port")?.integer(PORT),
    env: nonEmpty(env),
    imagePullPolicy: fields.get("pullPolicy", "pull_policy")?.word(PULL_POLICIES),
    resources: resources({
      requestCpu: fields.get("requestsCpu", "requests_cpu"),
      requestMemory: fields.get("requestsMemory", "requests_memory"),
      limitCpu: fields.get("cpu"),
      limitMemory: fields.get("memory"),
    }),
  });
  fields.done();
  const text = image?.text();
  if (text === undefined) return fields.field.refuse("has no image");
  return { provision: { knative: { image: text, ...knative } }, scale: undefined };
}

function dockerProvision(fields: Fields, config: readonly EnvVar[]): Provisioned | undefined {
  const image = fields.get("image")?.text();
  const env = mergedEnv(envOf(fields.get("env")), config, fields.field);
  const parts = present<Omit<ContainerParts, "image">>({
    port: portOf(fields.get("port"), env),
    env: nonEmpty(env),
    imagePullPolicy: fields.get("pullPolicy", "pull_policy")?.word(PULL_POLICIES),
  });
  fields.done();
  if (image === undefined) return fields.field.refuse("has no image");
  return { provision: { deployment: { image, ...parts } }, scale: undefined };
}

/** The port that is named, else what HTTP_PORT tells the function, else upstream's default. */
function portOf(field: Field | undefined, env: readonly EnvVar[]): number | undefined {
  if (field !== undefined) return field.integer(PORT);
  const told = env.find((variable) => variable.name === "HTTP_PORT")?.value ?? "";
  const port = /^[0-9]{1,5}$/.test(told) ? Number(told) : UPSTREAM_PORT;
  return port >= PORT.min && port <= PORT.max ? port : UPSTREAM_PORT;
}

function mergedEnv(
  own: readonly EnvVar[],
  config: readonly EnvVar[],
  field: Field,
): readonly EnvVar[] {
  for (const { name, value } of own) {
    const other = config.find((variable) => variable.name === name);
    if (other !== undefined && other.value !== value) {
      field.refuse(`variable ${name} has another value in config.env`);
    }
  }
  return [...own, ...config.filter(({ name }) => !own.some((variable) => variable.name === name))];
}

function variablesOf(field: Field | undefined): readonly Variable[] | undefined {
  if (field === undefined) return undefined;
  return nonEmpty(
    field.items().flatMap((item): readonly Variable[] => {
      if (item.source.kind === "scalar") {
        const name = item.text();
        return name === undefined ? [] : [{ name }];
      }
      const fields = item.fields();
      const name = fields?.get("name")?.text();
      const description = fields?.get("description", "displayName", "display_name")?.text();
      fields?.done();
      if (name === undefined) {
        item.refuse("has no name");
        return [];
      }
      return [present<Variable>({ name, description, required: undefined })];
    }),
  );
}

function macroOf(field: Field | undefined): Macro | undefined {
  const fields = field?.fields();
  if (fields === undefined) return undefined;
  const steps = fields
    .get("steps")
    ?.items()
    .flatMap((item, index) => stepOf(item, index) ?? []);
  const output = fields.get("output", "export")?.text();
  fields.done();
  if (steps === undefined || steps.length === 0) return fields.field.refuse("has no steps");
  return present<Macro>({ steps, output });
}

function stepOf(field: Field, index: number): MacroStep | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const named = fields.get("as", "name");
  const name = named?.text() ?? `step-${index + 1}`;
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) {
    named?.refuse(`${JSON.stringify(name)} cannot name a step: lower-case letters, digits and -`);
  }
  const called = fields.get("function");
  const args = fields.get("args")?.entries() ?? [];
  const step = present<Omit<MacroStep, "name" | "function">>({
    target: fields.get("target")?.text(),
    args: nonEmpty(
      args.flatMap(([argument, entry]) => {
        const value = entry.text();
        return value === undefined ? [] : [{ name: argument, value }];
      }),
    ),
    dependsOn: nonEmpty(fields.get("dependsOn", "depends_on")?.texts() ?? []),
    timeoutMs: fields.get("timeoutMs", "timeout")?.integer({ min: 1, max: 3_600_000 }),
  });
  fields.get("argRefs", "arg_refs")?.refuse("write these arguments as JSONPath templates in args");
  fields.done();
  const functionText = called?.text();
  if (functionText === undefined) return field.refuse("has no function");
  return { name, function: functionText, ...step };
}
