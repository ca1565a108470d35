// Upstream's deployments: OClassDeployment of Java and oaas-rs.

import type {
  DeploymentMember,
  OPackageDeployment,
  ShardAssignment,
} from "../oaas/v1alpha1/index.ts";

import type { PackageContext } from "./classes.ts";
import {
  constraints,
  dnsLabel,
  INT32,
  INT64,
  leaveObserved,
  namedValues,
  nonEmpty,
  present,
  requirements,
  telemetry,
} from "./parts.ts";
import type { Field, Fields } from "./reader.ts";
import { SHARD_TYPES, TEMPLATES } from "./words.ts";

/** One deployment. */
export function convertDeployment(
  field: Field,
  context: PackageContext,
): OPackageDeployment | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const named = fields.get("key", "name") ?? fields.get("_key");
  fields.get("_key");
  const target = fields.get("class_key", "class", "cls", "clsKey") ?? named;
  const own = fields.get("package_name", "pkg");
  if (own !== undefined && own.text() !== "" && own.text() !== context.packageName) {
    own.refuse(`is not this package, ${context.packageName}`);
  }
  const grid = gridOf(fields, target?.text(), context);
  const functions = fields.get("functions");
  if (functions !== undefined && functions.items().length > 0) {
    functions.refuse("functions of a deployment are the package's here: put them there");
  }
  const shardType = grid.shardType?.word(SHARD_TYPES);
  const replicas = grid.replicas?.integer({ min: 1, max: 9 });
  if (replicas !== undefined && replicas > 1 && shardType === "Basic") {
    grid.replicas?.refuse("replicas of this shard type would be unrelated copies; use mst or raft");
  }
  const assignments = fields.get("assignments")?.items() ?? [];
  const spec = present<Omit<OPackageDeployment, "name" | "class">>({
    ...placesOf(fields),
    partitions: grid.partitions?.integer({ min: 1, max: 4096 }),
    replicas,
    shardType,
    assignments: nonEmpty(assignments.flatMap((item) => convertAssignment(item) ?? [])),
    options: namedValues(fields.get("options")),
    requirements: requirements(fields.get("nfr_requirements", "requirements")),
    constraints: constraints(fields.get("constraints")),
    telemetry: telemetry(fields.get("telemetry"), grid.log),
  });
  leaveObserved(fields, "condition", "status", "created_at", "updated_at", "_rev");
  fields.done();
  const name = deploymentName(named);
  const className = classRef(target, context);
  if (name === undefined || className === undefined) return undefined;
  return { name, class: className, ...spec };
}

/** The key, in lower case where it must be: it is no part of a wire id. */
function deploymentName(field: Field | undefined): string | undefined {
  const text = field?.text();
  if (field === undefined || text === undefined) return undefined;
  const lower = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  if (lower === "" || lower.length > 63) {
    return field.refuse(`${JSON.stringify(text)} cannot be the name of a deployment`);
  }
  if (lower !== text) field.warn(`is called ${lower} here; the class keeps its name`);
  return lower;
}

function classRef(field: Field | undefined, context: PackageContext): string | undefined {
  const text = field?.text();
  if (field === undefined || text === undefined) return undefined;
  const own = `${context.packageName}.`;
  return text.startsWith(own) ? text.slice(own.length) : text;
}

interface Grid {
  readonly partitions: Field | undefined;
  readonly replicas: Field | undefined;
  readonly shardType: Field | undefined;
  readonly log: Field | undefined;
}

/** The data section: fields of their own in Java, `odgm` in oaas-rs. */
function gridOf(fields: Fields, className: string | undefined, context: PackageContext): Grid {
  const inner = fields.get("odgm")?.fields();
  for (const item of inner?.get("collections")?.items() ?? []) {
    const text = item.text();
    if (text !== `${context.packageName}.${className ?? ""}` && text !== className) {
      item.refuse("a class has one collection, named package.Class; make an OdgmCollection of it");
    }
  }
  const nodeIds = inner?.get("env_node_ids");
  if (nodeIds !== undefined && nodeIds.entries().length > 0) {
    nodeIds.warn("left out: members are numbered by the operator");
  }
  const grid = {
    partitions: inner?.get("partition_count") ?? fields.get("partitionCount"),
    replicas: inner?.get("replica_count") ?? fields.get("replicaCount"),
    shardType: inner?.get("shard_type") ?? fields.get("shardType"),
    log: inner?.get("log"),
  };
  inner?.done();
  return grid;
}

type Places = Pick<OPackageDeployment, "environments" | "members" | "availableEnvironments">;

/** Environments by name, or members where something is said about one of them. */
function placesOf(fields: Fields): Places {
  const members = fields.get("members")?.items() ?? [];
  const targets = fields.get("target_envs", "targetEnvs")?.items() ?? [];
  const available = fields.get("available_envs", "availableEnvs");
  const names = available?.items().flatMap((item) => dnsLabel(item, "an environment") ?? []) ?? [];
  const templates = fields.get("env_templates")?.entries() ?? [];
  const environments = targets.flatMap((item) => dnsLabel(item, "an environment") ?? []);
  if (members.length > 0) return memberPlaces(members, environments, fields);
  if (environments.length === 0) {
    for (const [name, template] of templates) {
      template.refuse(`${name} is not in target_envs; name it there`);
    }
    return present<Places>({
      availableEnvironments: nonEmpty(names),
    });
  }
  if (names.length > 0) available?.warn("left out: target_envs already says where");
  if (templates.length === 0) return { environments };
  for (const [name, template] of templates) {
    if (!environments.includes(name)) template.refuse(`${name} is not in target_envs`);
  }
  return {
    members: environments.map((environment, index) => {
      const named = templates.find(([name]) => name === environment)?.[1];
      const template = named?.word(TEMPLATES);
      return present<DeploymentMember>({ id: index + 1, environment, template });
    }),
  };
}

function memberPlaces(
  items: readonly Field[],
  environments: readonly string[],
  fields: Fields,
): Places {
  const members = items.flatMap((item) => convertMember(item) ?? []);
  for (const environment of environments) {
    if (!members.some((member) => member.environment === environment)) {
      fields.get("target_envs", "targetEnvs")?.refuse(`${environment} is not in members`);
    }
  }
  return { members };
}

function convertMember(field: Field): DeploymentMember | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const id = fields.get("id")?.integer({ min: 1, max: INT32.max });
  const environment = dnsLabel(fields.get("env", "environment"), "an environment");
  const member = present<Omit<DeploymentMember, "id" | "environment">>({
    maxShards: fields.get("maxShards", "max_shards")?.integer({ min: -1, max: 65_535 }),
    allPartitions: fields.get("allPartitions", "all_partitions")?.boolean(),
    disabledFunctions: nonEmpty(fields.get("disabledFn", "disabled_fn")?.texts() ?? []),
    standbyFunctions: nonEmpty(fields.get("standbyFn", "standby_fn")?.texts() ?? []),
    template: fields.get("forceTemplate", "force_template")?.word(TEMPLATES),
  });
  fields.done();
  if (id === undefined || environment === undefined) return field.refuse("needs id and env");
  return { id, environment, ...member };
}

function convertAssignment(field: Field): ShardAssignment | undefined {
  const fields = field.fields();
  if (fields === undefined) return undefined;
  const owners = integers(fields.get("owners"));
  const assignment = present<Omit<ShardAssignment, "owners">>({
    primary: fields.get("primary")?.integer(INT64),
    shardIds: nonEmpty(integers(fields.get("shardIds", "shard_ids"))),
  });
  fields.done();
  if (owners.length === 0) return field.refuse("has no owners");
  return { owners, ...assignment };
}

/** Whole numbers of a list. */
export function integers(field: Field | undefined): readonly number[] {
  return field?.items().flatMap((item) => item.integer(INT64) ?? []) ?? [];
}
