// The routing table of the gateways, from the collections' specs and the generations that their
// meta groups committed. Pure but for the class that remembers the last table.
import { create, equals, fromJsonString, toJson } from "@bufbuild/protobuf";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
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
import type { Access, OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { effectiveBinding, effectiveRoute } from "#api/oaas/v1alpha1/index.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";
import { ODGM_PORTS } from "#api/workload/odgm.ts";
import { collectionIdentity } from "#controllers/odgm-collection/plan/san.ts";

import type { RouteSource } from "./grpc/routing-server.ts";

/** A collection with its committed generation; without one it cannot be routed yet. */
export interface RoutedCollection {
  readonly collection: OdgmCollection;
  readonly committed: CollectionSpec;
  /** The class is switched off. */
  readonly disabled: boolean;
}

const ACCESS: Readonly<Record<Access, AccessModifier>> = {
  Public: AccessModifier.PUBLIC,
  Internal: AccessModifier.INTERNAL,
  Private: AccessModifier.PRIVATE,
};

/** The entry of one class. */
export function classRoute(routed: RoutedCollection, clusterUid: string): ClsRouting {
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
      return create(PartitionRoutingSchema, { data });
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
  });
}

/**
 * The table, sorted by class. Where two collections claim one class, the older one is served (the
 * younger is `Stalled` ClassNameConflict). Entries that did not change are the objects of `before`.
 * Classes in `unknown` exist but their generation was not told yet: their old entries stay.
 */
export function routingTable(
  routed: readonly RoutedCollection[],
  clusterUid: string,
  before: ClsRoutingTable | undefined,
  unknown: ReadonlySet<string> = new Set(),
): ClsRoutingTable {
  const known = new Map(before?.clss.map((route) => [route.name, route]));
  const oldestFirst = [...routed].sort((a, b) => compare(ageKey(a), ageKey(b)));
  const routes = new Map<string, ClsRouting>();
  for (const entry of oldestFirst) {
    if (routes.has(entry.collection.spec.collection)) continue;
    const route = classRoute(entry, clusterUid);
    const same = known.get(route.name);
    const kept = same !== undefined && equals(ClsRoutingSchema, same, route) ? same : route;
    routes.set(route.name, kept);
  }
  for (const name of unknown) {
    const old = known.get(name);
    if (old !== undefined && !routes.has(name)) routes.set(name, old);
  }
  const clss = [...routes.values()].sort((a, b) => compare(a.name, b.name));
  const unchanged =
    before?.clss.length === clss.length && clss.every((route, i) => route === before.clss[i]);
  return unchanged ? before : create(ClsRoutingTableSchema, { clss });
}

function ageKey(routed: RoutedCollection): string {
  const { metadata } = routed.collection;
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
  update(
    routed: readonly RoutedCollection[],
    unknown: ReadonlySet<string>,
    clusterUid: string,
  ): void {
    const next = routingTable(routed, clusterUid, this.#before, unknown);
    this.#before = next;
    if (next === this.#table) return;
    this.#table = next;
    for (const listener of this.#listeners) listener();
  }
}
