// `ODGM_COLLECTION`: upstream's JSON array of CreateCollectionRequest.

import type {
  CollectionShape,
  FunctionRoute,
  OdgmCollection,
  OdgmCollectionSpec,
  ShardAssignment,
} from "../oaas/v1alpha1/index.ts";

import { integers } from "./deployments.ts";
import { INT64, namedValues, nonEmpty, present } from "./parts.ts";
import type { Field } from "./reader.ts";
import { SHARD_TYPES } from "./words.ts";

/** One collection, with Explicit partitioning as upstream's callers expect. */
export function convertCollection(field: Field): OdgmCollection | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const named = fields.get("name");
  const collection = named?.text();
  const shape = present<CollectionShape>({
    partitions: fields.get("partition_count")?.integer({ min: 1, max: 4096 }),
    ...replication(fields.get("shard_type"), fields.get("replica_count")),
    partitioning: "Explicit",
    options: namedValues(fields.get("options")),
    assignments: assignmentsOf(fields.get("shard_assignments")),
  });
  const spec = present<Omit<OdgmCollectionSpec, "collection">>({
    ...shape,
    routes: routesOf(fields.get("invocations")),
  });
  fields.done();
  if (named === undefined || collection === undefined) return field.refuse("has no name");
  if (!/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$/.test(collection)) {
    return named.refuse(`${JSON.stringify(collection)} cannot be the name of a collection`);
  }
  return {
    apiVersion: "oaas.io/v1alpha1",
    kind: "OdgmCollection",
    metadata: { name: objectName(collection) },
    spec: { collection, ...spec },
  };
}

/** The wire name stays as it is; the object's is its lower-case form. */
function objectName(collection: string): string {
  const lower = collection.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return lower.slice(0, 63).replace(/-+$/, "");
}

/** Shard type and replicas, which must fit together. */
export function replication(
  type: Field | undefined,
  count: Field | undefined,
): Pick<CollectionShape, "shardType" | "replicas"> {
  const shardType = type?.text() === "" ? undefined : type?.word(SHARD_TYPES);
  const replicas = count?.integer({ min: 1, max: 9 });
  if (replicas !== undefined && replicas > 1 && (shardType ?? "Basic") === "Basic") {
    count?.refuse("replicas of this shard type would be unrelated copies; use mst or raft");
  }
  return present<Pick<CollectionShape, "shardType" | "replicas">>({ shardType, replicas });
}

/** Assignments whose `primary` is a shard id, as upstream has it; ours is a member. */
export function assignmentsOf(field: Field | undefined): readonly ShardAssignment[] | undefined {
  if (field === undefined) return undefined;
  return nonEmpty(field.items().flatMap((item) => assignmentOf(item) ?? []));
}

function assignmentOf(field: Field): ShardAssignment | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const owners = integers(fields.get("replica"));
  const shardIds = integers(fields.get("shard_ids"));
  const primaryField = fields.get("primary");
  const shard = primaryField?.integer(INT64);
  fields.done();
  if (owners.length === 0) return field.refuse("has no replica");
  if (new Set(owners).size < owners.length) return field.refuse("names a member twice");
  if (shard === undefined)
    return present<ShardAssignment>({ owners, shardIds: nonEmpty(shardIds) });
  const primary = owners[shardIds.indexOf(shard)];
  if (primary === undefined) return primaryField?.refuse(`${shard} is not in shard_ids`);
  return { primary, owners, shardIds };
}

/** Routes and disabled functions as one list, in the order of the document. */
export function routesOf(field: Field | undefined): readonly FunctionRoute[] | undefined {
  const fields = field?.fields();
  if (fields === undefined) return undefined;
  const disabled = new Set(fields.get("disabled_fn")?.texts() ?? []);
  const routes = (fields.get("fn_routes")?.entries() ?? []).flatMap(([name, entry]) => {
    const route = routeOf(name, entry, disabled.has(name));
    return route === undefined ? [] : [route];
  });
  fields.done();
  const known = new Set(routes.map((route) => route.name));
  const rest = [...disabled].filter((name) => !known.has(name));
  return nonEmpty([...routes, ...rest.map((name) => ({ name, disabled: true }))]);
}

function routeOf(name: string, field: Field, disabled: boolean): FunctionRoute | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const urlField = fields.get("url");
  const url = urlField?.text();
  const route = present<Omit<FunctionRoute, "name">>({
    url: url === "" ? undefined : url,
    stateless: fields.get("stateless")?.boolean(),
    standby: fields.get("standby")?.boolean(),
    activeGroup: nonEmpty(integers(fields.get("active_group"))),
    disabled: disabled ? true : undefined,
  });
  const wasm = fields.get("wasm_module_url");
  if (wasm !== undefined && wasm.text() !== "") {
    wasm.refuse("a WASM module runs inside upstream's data grid; make an image of it");
  }
  fields.leave("the route's name says it", "function_key");
  fields.done();
  if (!disabled && route.url === undefined) return field.refuse("has no url");
  if (route.url !== undefined && !/^(https?|grpcs?):\/\/[^\s/?#@]+(\/\S*)?$/.test(route.url)) {
    return urlField?.refuse(`${JSON.stringify(route.url)} is not an http or grpc URL`);
  }
  return { name, ...route };
}
