// The routing table of the gateways, from the collections' specs and the generations that their
// meta groups committed. Pure but for the class that remembers the last table.
import { create, equals, fromJsonString, toJson } from "@bufbuild/protobuf";

import type { ClsRouting, ClsRoutingTable } from "#api/gen/oprc-route_pb.ts";
import {
  AccessModifier,
  ClsRoutingSchema,
  ClsRoutingTableSchema,
  FunctionRouteSchema,
  Partitioning,
  PartitionRoutingSchema,
  SlotRangeSchema,
} from "#api/gen/oprc-route_pb.ts";
import type { Access, ClassRuntime } from "#api/oaas/v1alpha1/index.ts";
import { effectiveBinding, effectiveFunction, effectiveRoute } from "#api/oaas/v1alpha1/index.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";
import { ODGM_PORTS, ODGM_SLOTS } from "#api/workload/odgm.ts";
import { bindingsOf } from "#controllers/class-runtime/plan.ts";
import { collectionIdentity } from "#controllers/odgm-collection/plan/san.ts";

import type { RouteSource } from "./grpc/routing-server.ts";
import type { RoutedClass, RoutedClasses, RoutedCollection } from "./routed.ts";

const ACCESS: Readonly<Record<Access, AccessModifier>> = {
  Public: AccessModifier.PUBLIC,
  Internal: AccessModifier.INTERNAL,
  Private: AccessModifier.PRIVATE,
};

/** The entry of one class. */
export function classRoute(routed: RoutedClass, clusterUid: string): ClsRouting {
  return routed.kind === "collection"
    ? collectionRoute(routed, clusterUid)
    : functionsRoute(routed.runtime);
}

function collectionRoute(routed: RoutedCollection, clusterUid: string): ClsRouting {
  const { collection, committed, disabled } = routed;
  const namespace = collection.metadata.namespace ?? "";
  const name = collection.metadata.name ?? "";
  const members = new Map(committed.members.map((member) => [member.id, member]));
  const functions = (collection.spec.routes ?? []).map((given) => {
    const route = effectiveRoute(given);
    const found = collection.spec.resolvedClass?.functions?.find(
      (binding) => binding.name === route.name,
    );
    const binding = effectiveBinding(found ?? { name: route.name }, undefined);
    return create(FunctionRouteSchema, {
      name: route.name,
      url: route.url ?? "",
      stateless: route.stateless,
      access: ACCESS[binding.access],
      disabled: route.disabled,
      timeoutMs: route.timeoutMs,
      immutable: binding.immutable,
      defaultRoute: binding.defaultRoute,
    });
  });
  return create(ClsRoutingSchema, {
    name: collection.spec.collection,
    partitions: committed.partitions.length,
    routing: committed.partitions.map((partition) => {
      const owner = members.get(partition.members[0] ?? 0n);
      const data = { url: owner?.dataUrl ?? "", linkAddress: owner?.linkAddress ?? "" };
      const replicas = partition.members.flatMap((id) => {
        const linkAddress = members.get(id)?.linkAddress ?? "";
        return linkAddress === "" ? [] : [{ member: id, linkAddress }];
      });
      return create(PartitionRoutingSchema, { data, replicas });
    }),
    generation: committed.generation,
    partitioning: committed.partitioning === "Hashed" ? Partitioning.HASHED : Partitioning.EXPLICIT,
    slots: committed.slots.map(({ first, last, partition }) =>
      create(SlotRangeSchema, { first, last, partition }),
    ),
    functions,
    linkAddress: `${collectionNames(namespace, name).service}.${namespace}.svc:${ODGM_PORTS.link}`,
    linkIdentity: collectionIdentity(clusterUid, { namespace, name }),
    disabled,
    package: committed.package,
    shardType: committed.shardType,
  });
}

/**
 * The entry of a class without data. Every function is called at its own address, also on an
 * object: there is no state that a member would have to load. One partition without a member
 * stands for the data that is not there.
 */
function functionsRoute(runtime: ClassRuntime): ClsRouting {
  const { spec, status, metadata } = runtime;
  const off = spec.state === "Disabled";
  const urls = new Map(status?.functions?.map((fn) => [fn.name, fn.url ?? ""]));
  const functions = bindingsOf(runtime).map((given) => {
    const target = (spec.functions ?? []).find((fn) => fn.name === (given.function ?? given.name));
    const binding = effectiveBinding(given, target);
    const url = urls.get(binding.function) ?? "";
    const hard = [spec.constraints, target?.constraints].map((limits) => limits?.hardLatencyMs);
    const timeout = target === undefined ? 0 : effectiveFunction(target).timeoutMs;
    return create(FunctionRouteSchema, {
      name: binding.name,
      url,
      stateless: true,
      access: ACCESS[binding.access],
      disabled: url === "",
      timeoutMs: Math.min(timeout, ...hard.filter((limit) => limit !== undefined)),
      immutable: binding.immutable,
      defaultRoute: binding.defaultRoute,
    });
  });
  return create(ClsRoutingSchema, {
    name: spec.class,
    partitions: 1,
    generation: BigInt(metadata.generation ?? 0),
    partitioning: Partitioning.HASHED,
    slots: [create(SlotRangeSchema, { first: 0, last: ODGM_SLOTS.count - 1, partition: 0 })],
    functions,
    disabled: off,
    package: packageOf(spec.class),
  });
}

function packageOf(className: string): string {
  return className.slice(0, Math.max(0, className.lastIndexOf(".")));
}

/**
 * The table, sorted by class. Where two objects claim one class, the older one is served (the
 * younger is `Stalled` ClassNameConflict). Entries that did not change are the objects of `before`.
 * Unknown classes keep the entry that they had; one that is known to be off is off at once.
 */
export function routingTable(
  { routed, unknown }: RoutedClasses,
  clusterUid: string,
  before: ClsRoutingTable | undefined,
): ClsRoutingTable {
  const known = new Map(before?.clss.map((route) => [route.name, route]));
  const oldestFirst = [...routed].sort((a, b) => compare(ageKey(a), ageKey(b)));
  const routes = new Map<string, ClsRouting>();
  for (const entry of oldestFirst) {
    const route = classRoute(entry, clusterUid);
    if (!routes.has(route.name)) routes.set(route.name, route);
  }
  for (const [name, { disabled }] of unknown) {
    if (routes.has(name)) continue;
    const old = known.get(name);
    if (old !== undefined) routes.set(name, create(ClsRoutingSchema, { ...old, disabled }));
    else if (disabled) routes.set(name, disabledRoute(name));
  }
  const clss = [...routes.values()]
    .map((route) => {
      const same = known.get(route.name);
      return same !== undefined && equals(ClsRoutingSchema, same, route) ? same : route;
    })
    .sort((a, b) => compare(a.name, b.name));
  const unchanged =
    before?.clss.length === clss.length && clss.every((route, i) => route === before.clss[i]);
  return unchanged ? before : create(ClsRoutingTableSchema, { clss });
}

/** A class that is off and of which nothing else is known: callers hear so, and not "no class". */
function disabledRoute(name: string): ClsRouting {
  return create(ClsRoutingSchema, {
    name,
    partitions: 1,
    disabled: true,
    package: packageOf(name),
  });
}

function ageKey(routed: RoutedClass): string {
  const { metadata } = routed.kind === "collection" ? routed.collection : routed.runtime;
  return `${metadata.creationTimestamp ?? ""} ${metadata.namespace ?? ""} ${metadata.name ?? ""}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The text that the ConfigMap of routes holds: proto3 JSON, one class per line. */
export function routesJson(table: ClsRoutingTable): string {
  const lines = table.clss.map((route) => JSON.stringify(toJson(ClsRoutingSchema, route)));
  return `{"clss":[\n${lines.join(",\n")}\n]}\n`;
}

/** Reads {@link routesJson} back; undefined if it is not that. */
export function parseRoutesJson(text: string): ClsRoutingTable | undefined {
  try {
    return fromJsonString(ClsRoutingTableSchema, text, { ignoreUnknownFields: true });
  } catch {
    return undefined;
  }
}

/** Holds the newest table and tells who listens. */
export class RouteTable implements RouteSource {
  #table: ClsRoutingTable | undefined;
  #before: ClsRoutingTable | undefined;
  readonly #listeners = new Set<() => void>();

  current(): ClsRoutingTable | undefined {
    return this.#table;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Starts from a table that was written before; only before the first update. */
  seed(table: ClsRoutingTable): void {
    this.#before ??= table;
  }

  /** Computes the table anew; listeners hear of it only if something changed. */
  update(classes: RoutedClasses, clusterUid: string): void {
    const next = routingTable(classes, clusterUid, this.#before);
    this.#before = next;
    if (next === this.#table) return;
    this.#table = next;
    for (const listener of this.#listeners) listener();
  }
}
