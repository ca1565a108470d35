// What the framework itself puts on every child: whose it is, how it is pruned, and which fields
// we have applied. With these three the inventory needs no store of its own and a restart needs no
// write. Never put into pod templates.

import { hash } from "node:crypto";

import { assert } from "#api/base/index.ts";
import type { KindId } from "#api/meta/index.ts";
import { apiVersionOf, ownerUidLabel } from "#api/meta/index.ts";

import type { Child, PolicyChild } from "../controller/types.ts";
import type { KubeObject, Live } from "../kinds/kind.ts";
import { keyOf, keyText } from "../kinds/kind.ts";
import { plain } from "./plain.ts";

/** Names of the stamps for the group of the parent. */
export interface StampNames {
  /** Label: uid of the parent. Also on what inherits it through a template. */
  readonly ownerUid: string;
  /** Annotation: `Kind/namespace/name` of the parent. Only on what we have applied ourselves. */
  readonly owner: string;
  /**
   * Annotation: `Keep` (never deleted by us), `Orphan` (deleted when it is no longer rendered, but
   * not with its parent), or absent.
   */
  readonly prune: string;
  /** Annotation: hash over the paths (metadata-only kinds: the content) that we have applied. */
  readonly applied: string;
}

/** The stamps of a group. */
export function stampNames(group: string): StampNames {
  return {
    ownerUid: ownerUidLabel(group),
    owner: `${group}/owner`,
    prune: `${group}/prune`,
    applied: `${group}/applied-fields`,
  };
}

/** A child ready to be matched and applied. */
export interface StampedChild {
  readonly object: KubeObject;
  /** Empty for the manager's own cluster. */
  readonly cluster: string;
  readonly ownership: "Reference" | "Label";
  readonly adopt: boolean;
  /** Owner text of who gets it; see {@link PolicyChild.handOver}. */
  readonly handOver?: string;
}

/** The parent of a set of children. */
export interface Parent {
  readonly kind: KindId;
  readonly object: Live;
}

/** `Kind/namespace/name`: survives the parent's uid. */
export function ownerText(parent: Parent): string {
  return `${parent.kind.kind}/${keyText(keyOf(parent.object))}`;
}

/**
 * True where an ownerReference can be and the garbage collector does the rest. It cannot in another
 * namespace or cluster, nor on a cluster-scoped child of a namespaced parent.
 */
export function isWithinReach(
  parent: Parent,
  child: { readonly cluster: string; readonly namespace: string },
): boolean {
  const { namespace = "" } = parent.object.metadata;
  return child.cluster === "" && (namespace === "" || namespace === child.namespace);
}

/** True if we have to delete this child ourselves when its parent goes. */
export function needsFinalizer(child: Child, parent: Parent): boolean {
  const policy: PolicyChild = "object" in child ? child : { object: child };
  const { cluster = "", ownership, prune, handOver, object } = policy;
  if (ownership !== undefined || prune === "Keep" || handOver !== undefined) return false;
  return !isWithinReach(parent, { cluster, namespace: object.metadata.namespace ?? "" });
}

function ownerTextOf(owner: NonNullable<PolicyChild["handOver"]>): string {
  return `${owner.kind}/${keyText({ namespace: owner.namespace ?? "", name: owner.name })}`;
}

/** Stamps one rendered child. `metadataOnly` says that its content cannot be compared later. */
export function stampChild(
  child: Child,
  parent: Parent,
  options: { readonly namespaced: boolean; readonly metadataOnly: boolean },
): StampedChild {
  const policy: PolicyChild = "object" in child ? child : { object: child };
  const rendered = withoutStringData(plain(policy.object));
  const namespace = rendered.metadata.namespace ?? "";
  const what = `${rendered.kind} ${rendered.metadata.name ?? ""}`;
  const how = namespace === "" ? "without" : "with";
  assert(options.namespaced === (namespace !== ""), `${what} is rendered ${how} a namespace`);
  const { cluster = "", handOver } = policy;
  const mayRefer = isWithinReach(parent, { cluster, namespace });
  const ownership =
    mayRefer && handOver === undefined ? (policy.ownership ?? "Reference") : "Label";
  const prune =
    policy.prune === "Keep" ? "Keep" : !mayRefer && policy.ownership === "Label" ? "Orphan" : "";
  const names = stampNames(parent.kind.group);
  const owned = { [names.ownerUid]: parent.object.metadata.uid };
  const object: KubeObject = {
    ...rendered,
    metadata: {
      ...rendered.metadata,
      labels: { ...rendered.metadata.labels, ...(handOver === undefined ? owned : {}) },
      annotations: {
        ...rendered.metadata.annotations,
        [names.owner]: handOver === undefined ? ownerText(parent) : ownerTextOf(handOver),
        ...(prune === "" ? {} : { [names.prune]: prune }),
        [names.applied]: "",
      },
      ...(ownership === "Reference"
        ? {
            ownerReferences: [...(rendered.metadata.ownerReferences ?? []), ownerReference(parent)],
          }
        : {}),
    },
  };
  const applied = appliedHash(object, options.metadataOnly);
  return {
    object: withAnnotation(object, names.applied, applied),
    cluster,
    ownership,
    adopt: policy.adopt ?? false,
    ...(handOver === undefined ? {} : { handOver: ownerTextOf(handOver) }),
  };
}

/** Full-content hash, for remembering in memory what was applied. */
export function contentHash(object: unknown): string {
  return hash("sha256", JSON.stringify(object), "base64url").slice(0, 22);
}

/**
 * Hash over what we mention, so that a field that we no longer mention makes a difference even
 * after a restart. Values are left out: they are compared with the live object, and Secrets have
 * no business in an annotation. Only where the live content is not cached are they in.
 */
function appliedHash(object: KubeObject, withValues: boolean): string {
  const text = withValues ? JSON.stringify(object) : pathsText(object);
  if (withValues) return shortHash(text);
  let known = HASHES.get(text);
  if (known === undefined) {
    known = shortHash(text);
    if (HASHES.size >= HASHES_MAX) HASHES.clear();
    HASHES.set(text, known);
  }
  return known;
}

/** Children of one kind and shape have the same paths; what is rendered has few shapes. */
const HASHES = new Map<string, string>();
const HASHES_MAX = 256;

function shortHash(text: string): string {
  // One call for all of it: each call into the hash costs more than hashing a kilobyte.
  return hash("sha256", text, "hex").slice(0, 16);
}

function pathsText(value: unknown): string {
  if (typeof value !== "object" || value === null) return ".";
  let text: string;
  if (Array.isArray(value)) {
    text = `[${value.length}`;
    for (const item of value) text += pathsText(item);
    return `${text}]`;
  }
  text = "{";
  for (const key of Object.keys(value).sort()) {
    text += `${key.length}:${key}${pathsText((value as Record<string, unknown>)[key])}`;
  }
  return `${text}}`;
}

function ownerReference(parent: Parent): NonNullable<KubeObject["metadata"]["ownerReferences"]>[0] {
  return {
    apiVersion: apiVersionOf(parent.kind),
    kind: parent.kind.kind,
    name: parent.object.metadata.name,
    uid: parent.object.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** `stringData` is write-only and would never be found again: it becomes `data`. */
function withoutStringData(object: KubeObject): KubeObject {
  if (!("stringData" in object)) return object;
  const { stringData, data, ...rest } = object as KubeObject & {
    readonly stringData?: Readonly<Record<string, string>>;
    readonly data?: Readonly<Record<string, string>>;
  };
  const encoded = Object.entries(stringData ?? {}).map(([key, text]) => [
    key,
    Buffer.from(text, "utf8").toString("base64"),
  ]);
  const secret = { ...rest, data: { ...data, ...Object.fromEntries(encoded) } };
  return secret;
}

function withAnnotation(object: KubeObject, name: string, value: string): KubeObject {
  const annotations = { ...object.metadata.annotations, [name]: value };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
