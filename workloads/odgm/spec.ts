// The content of a generation as it is stored and compared; what may be in it is in
// workloads/core/meta.
import { createHash } from "node:crypto";

import { clone, create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { CollectionSpecSchema } from "#api/gen/oaas-admin_pb.ts";

/** SHA-256 (hex) of the content without its generation number; the order of maps is no content. */
export function contentDigest(spec: CollectionSpec): string {
  const content = clone(CollectionSpecSchema, spec);
  content.generation = 0n;
  const text = JSON.stringify(sortKeys(toJson(CollectionSpecSchema, content)));
  return createHash("sha256").update(text).digest("hex");
}

/** The same content under this number. */
export function withGeneration(spec: CollectionSpec, generation: bigint): CollectionSpec {
  return create(CollectionSpecSchema, { ...spec, generation });
}

/** The stored form of a generation. */
export function encodeSpec(spec: CollectionSpec): Uint8Array {
  return toBinary(CollectionSpecSchema, spec);
}

/** The inverse of {@link encodeSpec}. */
export function decodeSpec(bytes: Uint8Array): CollectionSpec {
  return fromBinary(CollectionSpecSchema, bytes);
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, item]) => [key, sortKeys(item)]));
}
