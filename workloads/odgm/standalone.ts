// ODGM_COLLECTION: upstream's JSON list of CreateCollectionRequest, as the generations of a program
// that runs alone. What cannot be honoured is refused by name; nothing is rounded or dropped.
import { create } from "@bufbuild/protobuf";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { CollectionSpecSchema } from "#api/gen/oaas-admin_pb.ts";
import { PlatformError } from "#api/base/index.ts";
import { PARTITIONS_MAX } from "#workloads/core/meta/index.ts";

/** The JSON is not what it should be; the message names the path. */
export class CollectionsError extends PlatformError {
  override readonly name = "CollectionsError";
  override readonly code = "ODGM_COLLECTIONS";
}

/** Upstream's names of shard types that one replica can be of. */
const SHARD_TYPES: ReadonlyMap<string, "Basic" | "Raft"> = new Map([
  ...["", "basic", "none", "single"].map((name) => [name, "Basic"] as const),
  ["raft", "Raft"],
]);
/** Options that mean something here; values are texts, as upstream's. */
const OPTIONS: ReadonlySet<string> = new Set([
  "invoke_only_primary",
  "offload_max_pool_size",
  "pool_max_idle_lifetime",
  "pool_max_lifetime",
  "mst_sync_interval",
  "raft_init_leader_only",
  "raft_net_leader_only",
]);

/** The collections of this text, as generation 1 each. Throws {@link CollectionsError}. */
export function parseCollections(text: string): readonly CollectionSpec[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause: unknown) {
    throw new CollectionsError("not JSON", { cause });
  }
  const specs = asList(value, "$").map((item, at) => parseCollection(item, `$[${at}]`));
  const names = specs.map((spec) => spec.collection);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new CollectionsError(`collection ${twice} is named twice`);
  return specs;
}

function parseCollection(value: unknown, path: string): CollectionSpec {
  const item = asRecord(value, path);
  const collection = asText(item["name"], `${path}.name`);
  if (collection === "") throw new CollectionsError(`${path}.name: is required`);
  const partitions = asCount(item["partition_count"] ?? 1, `${path}.partition_count`);
  const replicas = asCount(item["replica_count"] ?? 1, `${path}.replica_count`);
  if (partitions < 1 || partitions > PARTITIONS_MAX) {
    throw new CollectionsError(
      `${path}.partition_count: 1 to ${PARTITIONS_MAX}, not ${partitions}`,
    );
  }
  if (replicas > 1) {
    throw new CollectionsError(`${path}.replica_count: ${replicas} replicas are not served alone`);
  }
  const typeName = asText(item["shard_type"] ?? "", `${path}.shard_type`);
  const shardType = SHARD_TYPES.get(typeName);
  if (shardType === undefined) {
    throw new CollectionsError(`${path}.shard_type: "${typeName}" is not served alone`);
  }
  return create(CollectionSpecSchema, {
    collection,
    package: collection.includes(".") ? collection.slice(0, collection.lastIndexOf(".")) : "",
    generation: 1n,
    partitioning: "Explicit",
    shardType,
    persistent: true,
    options: parseOptions(item["options"], `${path}.options`),
    members: [{ id: 1n, ordinal: 0 }],
    partitions: Array.from({ length: partitions }, (_, partition) => ({
      partition,
      members: [1n],
      // The store of the program, whatever its incarnation will be.
      founders: shardType === "Raft" ? ["alone"] : [],
    })),
    functions: parseFunctions(item["invocations"], `${path}.invocations`),
  });
}

function parseOptions(value: unknown, path: string): Record<string, string> {
  const options: Record<string, string> = {};
  for (const [name, option] of Object.entries(asRecord(value ?? {}, path))) {
    if (!OPTIONS.has(name)) throw new CollectionsError(`${path}.${name}: unknown option`);
    options[name] = asText(option, `${path}.${name}`);
  }
  return options;
}

function parseFunctions(value: unknown, path: string) {
  if (value === undefined || value === null) return [];
  const invocations = asRecord(value, path);
  const disabledPath = `${path}.disabled_fn`;
  const disabled = new Set(
    asList(invocations["disabled_fn"] ?? [], disabledPath).map((name) =>
      asText(name, disabledPath),
    ),
  );
  const routes = asRecord(invocations["fn_routes"] ?? {}, `${path}.fn_routes`);
  return Object.entries(routes).map(([name, route]) => {
    const at = `${path}.fn_routes.${name}`;
    const item = asRecord(route, at);
    const url = asText(item["url"] ?? "", `${at}.url`);
    const wasm = item["wasm_module_url"];
    if (url.startsWith("wasm://") || (wasm !== undefined && wasm !== null)) {
      throw new CollectionsError(`${at}: WASM functions are not served`);
    }
    return {
      name,
      url,
      stateless: asFlag(item["stateless"] ?? false, `${at}.stateless`),
      standby: asFlag(item["standby"] ?? false, `${at}.standby`),
      activeGroup: asList(item["active_group"] ?? [], `${at}.active_group`).map((id) =>
        BigInt(asCount(id, `${at}.active_group`)),
      ),
      disabled: disabled.has(name),
      access: "Public",
      concurrency: "Shared",
    };
  });
}

function asRecord(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new CollectionsError(`${path}: must be an object`);
}

function asList(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new CollectionsError(`${path}: must be a list`);
}

function asText(value: unknown, path: string): string {
  if (typeof value === "string") return value;
  throw new CollectionsError(`${path}: must be a text`);
}

function asFlag(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  throw new CollectionsError(`${path}: must be true or false`);
}

function asCount(value: unknown, path: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new CollectionsError(`${path}: must be a whole number`);
}
