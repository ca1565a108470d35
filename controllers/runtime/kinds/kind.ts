// Identity of kinds and objects. A kind is plain data (group, version, plural, scope) with the
// TypeScript type of its objects attached, so that reads are typed and no discovery request is
// ever made. Nothing here knows a kind of this project.

import type { KindId } from "#api/meta/index.ts";
import { apiVersionOf } from "#api/meta/index.ts";
import { assert } from "#api/base/index.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.js";

declare const objectType: unique symbol;

/** A kind whose objects have the type `T`. Compared by {@link kindId}, never by identity. */
export interface Kind<out T extends object = object> extends KindId {
  /** Never present; carries the type of the objects. */
  readonly [objectType]?: T;
}

/** Any Kubernetes object as it is rendered or read; `metadata.name` is set in all of ours. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** What the API server has filled in on every object that it returns. */
export interface LiveObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta & {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

/** An object of type `T` that came from the API server. Shared with the cache: never change it. */
export type Live<T extends object = object> = T & LiveObject;

/** Namespace and name; `namespace` is empty for cluster-scoped objects. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** Attaches the type of its objects to a kind. */
export function defineKind<T extends object>(id: KindId): Kind<T> {
  return {
    group: id.group,
    version: id.version,
    kind: id.kind,
    plural: id.plural,
    namespaced: id.namespaced,
  };
}

/** `plural.version.group`, unique per kind. */
export function kindId(kind: KindId): string {
  let id = IDS.get(kind);
  if (id === undefined) {
    id = `${kind.plural}.${kind.version}.${kind.group}`;
    IDS.set(kind, id);
  }
  return id;
}

/** Asked for several times a pass and kind. */
const IDS = new WeakMap<KindId, string>();

/** True if `object` is of `kind`, judged by apiVersion and kind. */
export function isOfKind(object: KubeObject, kind: KindId): boolean {
  return object.kind === kind.kind && object.apiVersion === apiVersionOf(kind);
}

/** The key of an object. An object without a name is a bug. */
export function keyOf(object: { readonly metadata?: ObjectMeta }): ObjectKey {
  const name = object.metadata?.name;
  assert(name !== undefined && name !== "", "object without a name");
  return { namespace: object.metadata?.namespace ?? "", name };
}

/** `namespace/name`, or `name` where there is no namespace. */
export function keyText(key: ObjectKey): string {
  return key.namespace === "" ? key.name : `${key.namespace}/${key.name}`;
}

/** Inverse of {@link keyText}. */
export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf("/");
  if (slash < 0) return { namespace: "", name: text };
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** `Kind namespace/name`, for messages. */
export function describeObject(object: KubeObject): string {
  return `${object.kind} ${keyText(keyOf(object))}`;
}
