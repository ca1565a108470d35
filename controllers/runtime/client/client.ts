// Typed calls for the rare direct use, and the only place that writes. Reads of reconcilers go to
// the caches instead. Nothing is remembered here.

import { assert } from "#api/base/index.ts";
import type { KindId } from "#api/meta/index.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.js";

import { decodeObject } from "../kinds/decode.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { Kind, KubeObject, Live, ObjectKey } from "../kinds/kind.ts";
import { isOfKind, keyOf } from "../kinds/kind.ts";
import { ApiError, isStatus } from "./errors.ts";
import { collectionPath, objectPath } from "./paths.ts";
import type { RestClient } from "./rest-client.ts";

const APPLY = "application/apply-patch+yaml";
/**
 * An apply refuses unknown fields whatever it is asked for. All that `Strict` adds is a look for
 * fields that are there twice, which JSON of ours never has, by parsing the document once more.
 */
const APPLY_VALIDATION = "Ignore";
const JSON_PATCH = "application/json-patch+json";
const MERGE_PATCH = "application/merge-patch+json";
const PAGE_SIZE = 500;
const METADATA_ACCEPT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/** Common to all calls. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** From sending to the last byte of one attempt; the client's own limit if not given. */
  readonly timeoutMs?: number;
}

/** How an apply meets what is there. */
export interface ApplyOptions extends CallOptions {
  readonly fieldManager: string;
  /** Takes fields over from other managers; true if not given. */
  readonly force?: boolean;
  readonly dryRun?: boolean;
  /**
   * `Create`: 409 if the object exists. `uid`: 409 or 422 unless it exists and is this one (not
   * judged by the server for status). `resourceVersion`: 409 unless it is exactly this state.
   */
  readonly expect?: "Create" | { readonly uid?: string; readonly resourceVersion?: string };
  readonly subresource?: "status" | "scale";
}

/** Which object may be deleted, and how. */
export interface DeleteOptions extends CallOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagation?: "Background" | "Foreground" | "Orphan";
  readonly dryRun?: boolean;
}

/** `terminating` is still there: finalizers or a grace period hold it. */
export type Deleted<T extends object> =
  | { readonly outcome: "gone" }
  | { readonly outcome: "not-found" }
  | { readonly outcome: "terminating"; readonly object: Live<T> };

/** Which objects a list returns. */
export interface ListOptions extends CallOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Who manages which fields of one object, as the server keeps it. */
export interface ManagedFields {
  readonly uid: string;
  /** For a `test` in the patch that writes `entries` back. */
  readonly resourceVersion: string;
  readonly entries: readonly ManagedFieldsEntry[];
}

/** `metav1.ManagedFieldsEntry` with its field set. */
export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: object;
  readonly subresource?: string;
}

/** One operation of RFC 6902. */
export interface JsonPatchOperation {
  readonly op: "add" | "remove" | "replace" | "test";
  readonly path: string;
  readonly value?: unknown;
}

/** All methods throw ApiError, TransportError or NotLeaderError unless they say otherwise. */
export class Client {
  readonly #rest: RestClient;

  constructor(rest: RestClient) {
    this.#rest = rest;
  }

  /** The calls without the write fence; see RestClient. */
  unfenced(): Client {
    return new Client(this.#rest.unfenced());
  }

  /** The object as it is now (a quorum read), or undefined. */
  async get<T extends object>(
    kind: Kind<T>,
    key: ObjectKey,
    options: CallOptions & { readonly metadataOnly?: boolean } = {},
  ): Promise<Live<T> | undefined> {
    try {
      const response = await this.#rest.call({
        method: "GET",
        path: objectPath(kind, key),
        ...(options.metadataOnly === true ? { accept: METADATA_ACCEPT } : {}),
        ...limitsOf(options),
      });
      return decodeObject<T>(kind, response.body);
    } catch (cause) {
      if (isStatus(cause, 404)) return undefined;
      throw cause;
    }
  }

  /**
   * The complete managedFields of an object as it is now, which neither {@link get} nor the caches
   * keep; undefined if there is no such object. Asks for metadata only.
   */
  async readManagedFields(
    kind: Kind,
    key: ObjectKey,
    options: CallOptions = {},
  ): Promise<ManagedFields | undefined> {
    try {
      const response = await this.#rest.call({
        method: "GET",
        path: objectPath(kind, key),
        accept: METADATA_ACCEPT,
        ...limitsOf(options),
      });
      const { metadata } = response.body as { readonly metadata?: ObjectMeta };
      const entries = [...(metadata?.managedFields ?? [])];
      const { uid, resourceVersion } = decodeObject(kind, response.body).metadata;
      return { uid, resourceVersion, entries };
    } catch (cause) {
      if (isStatus(cause, 404)) return undefined;
      throw cause;
    }
  }

  /** All objects that match, read in pages of 500 of one snapshot. */
  async list<T extends object>(
    kind: Kind<T>,
    options: ListOptions = {},
  ): Promise<readonly Live<T>[]> {
    const objects: Live<T>[] = [];
    let next = "";
    do {
      const response = await this.#rest.call({
        method: "GET",
        path: collectionPath(kind, options.namespace ?? ""),
        query: {
          limit: String(PAGE_SIZE),
          ...(next === "" ? {} : { continue: next }),
          ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
          ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
        },
        ...limitsOf(options),
      });
      const page = parseList(response.body);
      for (const item of page.items) objects.push(decodeObject<T>(kind, item));
      next = page.next;
    } while (next !== "");
    return objects;
  }

  /** Creates; 409 AlreadyExists if there is one. */
  async create<T extends object>(
    kind: Kind<T>,
    object: KubeObject,
    options: CallOptions & { readonly fieldManager: string; readonly dryRun?: boolean },
  ): Promise<Live<T>> {
    const response = await this.#rest.call({
      method: "POST",
      path: collectionPath(kind, keyOf(object).namespace),
      query: { ...strict(options.fieldManager), ...dryRunOf(options) },
      body: object,
      ...limitsOf(options),
    });
    return decodeObject<T>(kind, response.body);
  }

  /** Server-side apply; see {@link ApplyOptions}. Unknown fields are refused. */
  async apply<T extends object>(
    kind: Kind<T>,
    object: KubeObject,
    options: ApplyOptions,
  ): Promise<Live<T>> {
    assert(isOfKind(object, kind), `${object.kind} applied as ${kind.kind}`);
    const response = await this.#rest.call({
      method: "PATCH",
      path: objectPath(kind, keyOf(object), options.subresource),
      query: {
        fieldManager: options.fieldManager,
        fieldValidation: APPLY_VALIDATION,
        ...(options.force === false ? {} : { force: "true" }),
        ...dryRunOf(options),
      },
      body: withExpectation(object, options.expect),
      contentType: APPLY,
      ...limitsOf(options),
    });
    return decodeObject<T>(kind, response.body);
  }

  /** Replaces the whole object at its resourceVersion; 409 if somebody was faster. */
  async replace<T extends object>(
    kind: Kind<T>,
    object: KubeObject,
    options: CallOptions & { readonly fieldManager: string },
  ): Promise<Live<T>> {
    const response = await this.#rest.call({
      method: "PUT",
      path: objectPath(kind, keyOf(object)),
      query: strict(options.fieldManager),
      body: object,
      ...limitsOf(options),
    });
    return decodeObject<T>(kind, response.body);
  }

  /** RFC 6902 on the object or a subresource; 422 if a `test` fails. */
  async jsonPatch<T extends object>(
    kind: Kind<T>,
    key: ObjectKey,
    operations: readonly JsonPatchOperation[],
    options: CallOptions & { readonly fieldManager: string; readonly subresource?: string },
  ): Promise<Live<T>> {
    const response = await this.#rest.call({
      method: "PATCH",
      path: objectPath(kind, key, options.subresource),
      query: strict(options.fieldManager),
      body: operations,
      contentType: JSON_PATCH,
      ...limitsOf(options),
    });
    return decodeObject<T>(kind, response.body);
  }

  /** Says how often an Event was repeated, and when last. */
  async patchSeries(
    key: ObjectKey,
    series: { readonly count: number; readonly lastObservedTime: string },
    options: CallOptions & { readonly fieldManager: string },
  ): Promise<void> {
    await this.#rest.call({
      method: "PATCH",
      path: objectPath(KINDS.Event, key),
      query: strict(options.fieldManager),
      body: { series },
      contentType: MERGE_PATCH,
      ...limitsOf(options),
    });
  }

  /** Sets the replicas through the scale subresource. */
  async scale(
    kind: KindId,
    key: ObjectKey,
    replicas: number,
    options: CallOptions & { readonly fieldManager: string },
  ): Promise<void> {
    await this.#rest.call({
      method: "PATCH",
      path: objectPath(kind, key, "scale"),
      query: strict(options.fieldManager),
      body: { spec: { replicas } },
      contentType: MERGE_PATCH,
      ...limitsOf(options),
    });
  }

  /** Deletes in the background unless told otherwise; a wrong uid or version is a 409. */
  async delete<T extends object>(
    kind: Kind<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<Deleted<T>> {
    const preconditions = {
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.resourceVersion === undefined
        ? {}
        : { resourceVersion: options.resourceVersion }),
    };
    try {
      const response = await this.#rest.call({
        method: "DELETE",
        path: objectPath(kind, key),
        body: {
          apiVersion: "v1",
          kind: "DeleteOptions",
          propagationPolicy: options.propagation ?? "Background",
          ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
          ...(options.dryRun === true ? { dryRun: ["All"] } : {}),
        },
        ...limitsOf(options),
      });
      if (isStatusDocument(response.body)) return { outcome: "gone" };
      const object = decodeObject<T>(kind, response.body);
      return object.metadata.deletionTimestamp === undefined
        ? { outcome: "gone" }
        : { outcome: "terminating", object };
    } catch (cause) {
      if (cause instanceof ApiError && cause.status === 404) return { outcome: "not-found" };
      throw cause;
    }
  }
}

/** Items and continue token of a list document. */
export function parseList(body: unknown): {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  readonly next: string;
} {
  const list = body as {
    readonly items?: unknown;
    readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  };
  return {
    items: Array.isArray(list.items) ? list.items : [],
    resourceVersion: list.metadata?.resourceVersion ?? "",
    next: list.metadata?.continue ?? "",
  };
}

/**
 * Server-side apply has no precondition "does not exist". A resourceVersion that no object can have
 * is one all the same: it is not looked at when the object is created and is a conflict when there
 * is one (etcd's first revision, 1, never carries an object). Source: apiserver
 * registry/generic/registry Store.Update; held to the real server by test/integration/runtime.
 */
const NEVER_A_VERSION = "1";

function withExpectation(object: KubeObject, expect: ApplyOptions["expect"]): KubeObject {
  if (expect === undefined) return object;
  const extra = expect === "Create" ? { resourceVersion: NEVER_A_VERSION } : expect;
  return { ...object, metadata: { ...object.metadata, ...extra } };
}

function isStatusDocument(body: unknown): boolean {
  return (body as { readonly kind?: unknown } | null)?.kind === "Status";
}

function strict(fieldManager: string): Readonly<Record<string, string>> {
  return { fieldManager, fieldValidation: "Strict" };
}

function dryRunOf(options: { readonly dryRun?: boolean }): Readonly<Record<string, string>> {
  return options.dryRun === true ? { dryRun: "All" } : {};
}

function limitsOf(options: CallOptions): CallOptions {
  const { signal, timeoutMs } = options;
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}
