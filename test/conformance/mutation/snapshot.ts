// What has come of an object, as text that can be compared: versions, times and uids taken out.
import { toJson } from "@bufbuild/protobuf";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { CollectionSpecSchema } from "#api/gen/oaas-admin_pb.ts";
import type { KindId } from "#api/meta/index.ts";
import type { ObjectKey } from "#controllers/runtime/index.ts";
import { KINDS } from "#controllers/runtime/index.ts";
import type { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";

import { KINDS as OWN_KINDS } from "../kinds/api-server.ts";

/** See the head of this file. */
export interface Snapshot {
  /** Everything that our controllers have made, by kind and name; and what members were told. */
  readonly children: Readonly<Record<string, string>>;
  /** Of the object itself. */
  readonly status: string;
}

const NOISE = new Set([
  ...["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"],
  ...["lastTransitionTime", "observedGeneration", "acceptedGeneration", "deletionTimestamp"],
  "assignmentGeneration",
]);
/** As the fake API server makes them. */
const UID = /uid-\d+/g;

/** Takes it. */
export function snapshotOf(
  server: FakeApiServer,
  of: {
    readonly kind: string;
    readonly key: ObjectKey;
    readonly committed: readonly CollectionSpec[];
  },
): Snapshot {
  const children: Record<string, string> = {};
  for (const kind of [...Object.values<KindId>(KINDS), ...OWN_KINDS]) {
    for (const { object } of server.storage.list(kind)) {
      const { name, annotations } = object.metadata;
      const { status, ...rest } = object as { readonly status?: unknown };
      const isOurs = Object.keys(annotations ?? {}).some((key) => key.endsWith("/owner"));
      if (isOurs) children[`${kind.kind} ${name}`] = text(rest);
      // What others who refer to it say.
      else if (OWN_KINDS.includes(kind) && name !== of.key.name) {
        children[`status of ${kind.kind} ${name}`] = text(status);
      }
    }
  }
  for (const spec of of.committed) {
    const { resolvedClassJson, ...told } = spec;
    const known: unknown = JSON.parse(resolvedClassJson);
    const json = toJson(CollectionSpecSchema, { ...told, resolvedClassJson: text(known) });
    children[`generation of ${spec.collection}`] = text(json);
  }
  const own = OWN_KINDS.find((one) => one.kind === of.kind);
  const live = own === undefined ? undefined : server.storage.get(own, of.key)?.object;
  return { children, status: text((live as { readonly status?: unknown } | undefined)?.status) };
}

/** Names of what differs; empty if nothing does. */
export function differing(a: Snapshot, b: Snapshot): readonly string[] {
  const names = new Set([...Object.keys(a.children), ...Object.keys(b.children)]);
  return [
    ...[...names].filter((name) => a.children[name] !== b.children[name]).sort(),
    ...(a.status === b.status ? [] : ["status"]),
  ];
}

function text(value: unknown): string {
  const plain = JSON.stringify(value, (key, member: unknown) =>
    NOISE.has(key) ? undefined : sorted(member),
  );
  return (plain ?? "").replaceAll(UID, "uid");
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
