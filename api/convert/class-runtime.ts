// Upstream's ClassRuntime objects (same group, version and kind as ours, snake_case fields).

import type {
  ClassRuntime,
  ClassRuntimeSpec,
  CollectionShape,
  Enforcement,
  FunctionBinding,
} from "../oaas/v1alpha1/index.ts";

import { convertFunction } from "./functions.ts";
import { assignmentsOf, replication } from "./odgm-collection.ts";
import { dnsLabel, namedValues, nonEmpty, present, requirements, telemetry } from "./parts.ts";
import type { Field, Fields } from "./reader.ts";
import { DIMENSIONS, ENFORCEMENT_MODES, TEMPLATES } from "./words.ts";

/** One runtime. Its environment is left unset: upstream's is the cluster that it lives in. */
export function convertClassRuntime(fields: Fields): ClassRuntime | undefined {
  fields.get("apiVersion");
  fields.get("kind");
  fields.leave("it is observed, not declared", "status");
  const metadata = fields.get("metadata")?.fields();
  const name = dnsLabel(metadata?.get("name"), "the name of an object");
  const namespace = dnsLabel(metadata?.get("namespace"), "a namespace");
  metadata?.leave(
    "labels, annotations and finalizers of upstream's manager mean nothing here",
    "labels",
    "annotations",
    "finalizers",
  );
  const inner = fields.get("spec")?.fields();
  fields.done();
  if (inner === undefined) return fields.field.refuse("has no spec");
  const key = inner.get("package_class_key");
  const wireId = key?.text();
  const grid = inner.get("odgm_config")?.fields();
  const addons = inner.get("addons")?.texts();
  const called = calledOf(grid?.get("invocations"));
  const spec = present<Omit<ClassRuntimeSpec, "class">>({
    templateHint: inner.get("selected_template")?.word(TEMPLATES),
    addons: addons === undefined || addons.includes("odgm") ? undefined : [],
    functions: nonEmpty(
      (inner.get("functions")?.items() ?? []).flatMap(
        (item) => convertFunction(item, undefined) ?? [],
      ),
    ),
    ...called,
    collection: grid === undefined ? undefined : collectionOf(grid, wireId),
    requirements: requirements(inner.get("nfr_requirements")),
    enforcement: enforcementOf(inner.get("enforcement")),
    telemetry: telemetry(inner.get("telemetry"), grid?.get("log")),
  });
  grid?.done();
  inner.done();
  if (wireId === undefined) return inner.field.refuse("has no package_class_key");
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\.[A-Za-z_][A-Za-z0-9_-]*$/.test(wireId)) {
    return key?.refuse(`${JSON.stringify(wireId)} is not package.Class`);
  }
  if (name === undefined) return undefined;
  return {
    apiVersion: "oaas.io/v1alpha1",
    kind: "ClassRuntime",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec: { class: wireId, ...spec },
  };
}

type Called = Pick<ClassRuntimeSpec, "resolvedClass" | "disabledFunctions" | "standbyFunctions">;

/**
 * Routes of upstream say how functions are bound; their addresses follow from the functions here.
 */
function calledOf(field: Field | undefined): Called {
  const fields = field?.fields();
  if (fields === undefined) return {};
  const standby: string[] = [];
  const bindings = (fields.get("fn_routes")?.entries() ?? []).flatMap(([name, entry]) => {
    const route = entry.fields();
    if (route === undefined) return [];
    if (route.get("standby")?.boolean() === true) standby.push(name);
    const url = route.get("url");
    if (url !== undefined && url.text() !== "") url.warn("left out: it follows from the function");
    const binding = present<FunctionBinding>({
      name,
      function: route.get("function_key")?.text(),
      stateless: route.get("stateless")?.boolean(),
    });
    route.leave("the operator chooses who calls", "active_group");
    route.done();
    return [binding];
  });
  const disabled = fields.get("disabled_fn")?.texts() ?? [];
  fields.done();
  return present<Called>({
    resolvedClass: bindings.length === 0 ? undefined : { functions: bindings },
    disabledFunctions: nonEmpty(disabled),
    standbyFunctions: nonEmpty(standby),
  });
}

function collectionOf(fields: Fields, wireId: string | undefined): CollectionShape {
  for (const item of fields.get("collections")?.items() ?? []) {
    if (item.text() !== wireId) {
      item.refuse("a class has one collection, named as the class; make an OdgmCollection of it");
    }
  }
  const assigned = fields.get("collection_assignments")?.entries() ?? [];
  const own = assigned.find(([name]) => name === wireId)?.[1];
  for (const [name, entry] of assigned) {
    if (name !== wireId) entry.refuse("is not the collection of this class");
  }
  fields.leave("members are numbered by the operator", "env_node_ids", "node_id");
  return present<CollectionShape>({
    partitions: fields.get("partition_count")?.integer({ min: 1, max: 4096 }),
    ...replication(fields.get("shard_type"), fields.get("replica_count")),
    partitioning: "Explicit",
    options: namedValues(fields.get("options")),
    assignments: assignmentsOf(own),
  });
}

function enforcementOf(field: Field | undefined): Enforcement | undefined {
  const fields = field?.fields();
  if (fields === undefined) return undefined;
  const dimensions = fields.get("dimensions")?.items() ?? [];
  const enforcement = present<Enforcement>({
    mode: fields.get("mode")?.word(ENFORCEMENT_MODES),
    dimensions: nonEmpty(dimensions.flatMap((item) => item.word(DIMENSIONS) ?? [])),
  });
  fields.done();
  return enforcement;
}
