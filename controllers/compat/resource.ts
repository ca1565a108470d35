// What handlers see: events and what identifies their objects, under the names and shapes of
// @dot-i/k8s-operator.

import type { KubernetesObject } from "@kubernetes/client-node";

import type { KindId } from "#api/meta/index.ts";
import type { Live } from "#controllers/runtime/index.ts";
import { objectPath } from "#controllers/runtime/client/paths.ts";

/** Where an operator's messages go. The default swallows them, as in the original. */
export interface OperatorLogger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** What happened to an object since the handler last saw it. */
export const ResourceEventType = {
  Added: "ADDED",
  Modified: "MODIFIED",
  Deleted: "DELETED",
} as const;

/** One of the values of {@link ResourceEventType}, as an enum's name is the type of its values. */
export type ResourceEventType = (typeof ResourceEventType)[keyof typeof ResourceEventType];

/** What happened to an object. The handler owns `object` and may change it. */
export interface ResourceEvent {
  meta: ResourceMeta;
  type: ResourceEventType;
  /** The newest state known; with DELETED the last one. `metadata.managedFields` is left out. */
  object: KubernetesObject;
}

/** Which object an event is about. */
export interface ResourceMeta {
  name: string;
  namespace?: string;
  /** `plural.group/version`, or `plural.version` for Kubernetes' core. */
  id: string;
  resourceVersion: string;
  apiVersion: string;
  kind: string;
}

/** The state of the object that a meta was made from, which its own fields do not tell. */
export interface Origin {
  readonly uid: string | undefined;
  readonly finalizers: readonly string[];
}

const origins = new WeakMap<ResourceMeta, Origin>();

/** A {@link ResourceMeta} of an object; throws for one without name, version, or type. */
export class ResourceMetaImpl implements ResourceMeta {
  static createWithId(id: string, object: KubernetesObject): ResourceMeta {
    return new ResourceMetaImpl(id, object);
  }

  static createWithPlural(plural: string, object: KubernetesObject): ResourceMeta {
    return new ResourceMetaImpl(`${plural}.${object.apiVersion ?? ""}`, object);
  }

  id: string;
  name: string;
  namespace?: string;
  resourceVersion: string;
  apiVersion: string;
  kind: string;

  private constructor(id: string, object: KubernetesObject) {
    const { apiVersion, kind, metadata } = object;
    const { name, namespace, resourceVersion } = metadata ?? {};
    if (!name || !resourceVersion || !apiVersion || !kind) {
      throw new Error(`Malformed event object for '${id}'`);
    }
    this.id = id;
    this.name = name;
    if (namespace !== undefined) this.namespace = namespace;
    this.resourceVersion = resourceVersion;
    this.apiVersion = apiVersion;
    this.kind = kind;
    origins.set(this, { uid: metadata?.uid, finalizers: [...(metadata?.finalizers ?? [])] });
  }
}

/** A live object under client-node's type, whose dates are strings in JSON, as in the original. */
export function asKubernetesObject(object: Live): KubernetesObject {
  return object as unknown as KubernetesObject;
}

/** Inverse of {@link asKubernetesObject}: the object of an event, which the API server has made. */
export function asLive(object: KubernetesObject): Live {
  return object as unknown as Live;
}

/** What the meta was made from; undefined for one that was put together by hand. */
export function originOf(meta: ResourceMeta): Origin | undefined {
  return origins.get(meta);
}

/** The kind that a meta names. Whether it is namespaced is taken from the object itself. */
export function kindOf(meta: ResourceMeta): KindId {
  const dot = meta.id.indexOf(".");
  const [group, version] = splitApiVersion(meta.id.slice(dot + 1));
  return {
    group,
    version,
    kind: meta.kind,
    plural: meta.id.slice(0, dot),
    namespaced: meta.namespace !== undefined,
  };
}

/** Path of the object, or of one of its subresources. */
export function pathOf(meta: ResourceMeta, subresource?: string): string {
  const key = { namespace: meta.namespace ?? "", name: meta.name };
  return objectPath(kindOf(meta), key, subresource);
}

function splitApiVersion(apiVersion: string): readonly [group: string, version: string] {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? ["", apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}
