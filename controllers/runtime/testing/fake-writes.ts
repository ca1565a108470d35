// The write path of the fake server: create, replace, patch, apply and delete over a FakeStorage.
// Answers are statuses and documents as the real server gives them; test/conformance/apiserver holds
// both to one suite.

import type { Clock } from "#api/base/index.ts";
import type { KindId } from "#api/meta/index.ts";
import { apiVersionOf } from "#api/meta/index.ts";

import type { ObjectKey } from "../kinds/kind.ts";
import type { Stored, StoredMeta } from "./fake-storage.ts";
import type { FakeStorage } from "./fake-storage.ts";
import { FOREGROUND, keyOfStored, ORPHAN } from "./fake-storage.ts";
import type { ManagerFields } from "./field-ownership.ts";
import { applyFields, parseFields, updateFields } from "./field-ownership.ts";
import { sameFields } from "./field-set.ts";
import type { Json } from "./json.ts";
import { frozen, jsonPatch, mergePatch, sameJson } from "./json.ts";
import { StatusError } from "./status-error.ts";

/** What a write leads to: an object (on a dry-run, as it would be), or a Status. */
export type Written =
  | { readonly status: number; readonly stored: Stored }
  | { readonly status: number; readonly body: object };

/** One write. */
export interface Write {
  readonly kind: KindId;
  readonly key: ObjectKey;
  readonly subresource: string;
  readonly manager: string;
  readonly force: boolean;
  readonly dryRun: boolean;
  /** Frozen. */
  readonly body: unknown;
}

type Document = Json & { readonly metadata: StoredMeta };

/** Groups whose kinds the real server counts generations of, besides custom ones. */
const COUNTED_GROUPS = new Set(["apps", "batch", "policy", "networking.k8s.io"]);
const BUILT_IN_GROUPS = new Set([
  "",
  "apps",
  "autoscaling",
  "batch",
  "coordination.k8s.io",
  "discovery.k8s.io",
  "events.k8s.io",
  "networking.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "storage.k8s.io",
]);

/** See the head of this file. */
export class FakeWrites {
  readonly #storage: FakeStorage;
  readonly #clock: Clock;
  /** Called after a write that may leave something for the garbage collector. */
  readonly #garbage: () => void;
  #uids = 0;

  constructor(storage: FakeStorage, clock: Clock, garbage: () => void) {
    this.#storage = storage;
    this.#clock = clock;
    this.#garbage = garbage;
  }

  create(write: Write): Written {
    const body = write.body as Document;
    const { generateName } = body.metadata as { readonly generateName?: string };
    const name =
      body.metadata.name ?? (generateName === undefined ? "" : this.#generated(generateName));
    if (name === "") {
      throw invalid(write, "metadata.name", "Required value: name or generateName is required");
    }
    if (body.metadata.resourceVersion !== undefined && body.metadata.resourceVersion !== "") {
      // So the real server answers, for custom kinds at least.
      throw new StatusError(500, "", "resourceVersion should not be set on objects to be created");
    }
    const key = { namespace: write.key.namespace, name };
    if (this.#storage.get(write.kind, key) !== undefined) {
      throw new StatusError(
        409,
        "AlreadyExists",
        `${nameOf(write, name)} already exists`,
        detailsOf(write, name),
      );
    }
    const object = this.#initial(write.kind, key, withoutStatus(body));
    const managers = updateFields({ metadata: {} }, object, [], ownerOf(write));
    return { status: 201, stored: this.#store(write, { object, managers }) };
  }

  replace(write: Write): Written {
    const body = write.body as Document;
    const version = body.metadata.resourceVersion;
    const live = this.#storage.get(write.kind, write.key);
    if (live === undefined) {
      // A Lease may be made by PUT.
      const mayCreate = write.kind.group === "coordination.k8s.io" && (version ?? "") === "";
      if (mayCreate) return this.create(write);
      throw notFound(write);
    }
    if ((version ?? "") === "" && isCustom(write.kind)) {
      const message = "Invalid value: 0: must be specified for an update";
      const { plural } = write.kind;
      throw invalid(write, "metadata.resourceVersion", message, { kind: plural });
    }
    if (body.metadata.uid !== undefined && body.metadata.uid !== live.object.metadata.uid) {
      const { uid } = body.metadata;
      throw new StatusError(
        409,
        "Conflict",
        `Operation cannot be fulfilled on ${nameOf(write)}: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.object.metadata.uid}`,
        detailsOf(write),
      );
    }
    this.#checkVersion(live, version, write);
    return this.#update(write, live, body);
  }

  mergePatch(write: Write): Written {
    const live = this.#existing(write);
    const { metadata } = write.body as {
      readonly metadata?: { readonly resourceVersion?: string };
    };
    this.#checkVersion(live, metadata?.resourceVersion, write);
    return this.#patched(write, live, mergePatch(this.#shown(live), write.body) as Json);
  }

  jsonPatch(write: Write): Written {
    const live = this.#existing(write);
    const patched = jsonPatch(this.#shown(live), write.body as readonly Json[]);
    if (patched === undefined) {
      throw new StatusError(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
        {},
      );
    }
    const { resourceVersion } = (patched["metadata"] ?? {}) as {
      readonly resourceVersion?: string;
    };
    this.#checkVersion(live, resourceVersion, write);
    return this.#patched(write, live, patched);
  }

  apply(write: Write): Written {
    const desired = write.body as Json & { readonly metadata: Partial<StoredMeta> };
    const live = this.#storage.get(write.kind, write.key);
    const { uid, resourceVersion } = desired.metadata;
    if (write.manager === "") {
      const cause = {
        reason: "FieldValueRequired",
        message: "Required value",
        field: "fieldManager",
      };
      throw new StatusError(422, "Invalid", "fieldManager: Required value", {
        group: "meta.k8s.io",
        kind: "PatchOptions",
        causes: [cause],
      });
    }
    if ("managedFields" in desired.metadata) {
      throw new StatusError(400, "BadRequest", "metadata.managedFields must be nil");
    }
    if (live === undefined) {
      if (write.subresource !== "") throw notFound(write);
      if (uid !== undefined) {
        throw new StatusError(
          409,
          "Conflict",
          `Operation cannot be fulfilled on ${nameOf(write)}: uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
          detailsOf(write),
        );
      }
      const base = this.#initial(write.kind, write.key, { metadata: {} });
      return { status: 201, stored: this.#applied(write, { object: base, managers: [] }, desired) };
    }
    if (uid !== undefined && uid !== live.object.metadata.uid && write.subresource === "") {
      const value = `Invalid value: "${uid}": field is immutable`;
      throw invalid(write, "metadata.uid", value);
    }
    this.#checkVersion(live, resourceVersion, write);
    return { status: 200, stored: this.#applied(write, live, desired) };
  }

  delete(write: Write): Written {
    const live = this.#existing(write);
    const options = (write.body ?? {}) as {
      readonly dryRun?: readonly string[];
      readonly propagationPolicy?: string;
      readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
    };
    this.#checkPreconditions(live, options.preconditions ?? {}, write);
    const finalizers = finalizersAfter(live, options.propagationPolicy);
    const { metadata } = live.object;
    const dryRun = write.dryRun || options.dryRun?.includes("All") === true;
    if (finalizers.length === 0) {
      if (!dryRun) {
        this.#storage.remove(write.kind, live);
        this.#garbage();
      }
      const { group, plural } = write.kind;
      const details = {
        name: write.key.name,
        ...(group === "" ? {} : { group }),
        kind: plural,
        uid: metadata.uid,
      };
      const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
      return { status: 200, body: status };
    }
    const isNew = metadata.deletionTimestamp === undefined;
    if (!isNew && sameJson(finalizers, metadata.finalizers)) {
      return { status: 200, stored: live };
    }
    const next: StoredMeta = {
      ...metadata,
      finalizers,
      deletionTimestamp: metadata.deletionTimestamp ?? this.#time(),
      ...(isNew ? { deletionGracePeriodSeconds: 0 } : {}),
      ...(isNew && metadata.generation !== undefined
        ? { generation: metadata.generation + 1 }
        : {}),
    };
    const object = { ...live.object, metadata: next };
    if (dryRun) return { status: 200, stored: { ...live, object } };
    const stored = this.#storage.put(write.kind, { ...live, object });
    this.#garbage();
    return { status: 200, stored };
  }

  /** The collector's changes of metadata. */
  change(kind: KindId, live: Stored, metadata: StoredMeta): void {
    const object = { ...live.object, metadata };
    const untyped = isCustom(kind);
    const owner = { manager: "kube-controller-manager", subresource: "", untyped };
    const managers = updateFields(live.object, frozen(object), live.managers, owner);
    this.#finish(kind, { object, managers });
  }

  /** The object as a patch sees it: with its managed fields left out, which no patch here names. */
  #shown(live: Stored): Json {
    return live.object;
  }

  #applied(write: Write, live: Stored, desired: Json & { readonly metadata: object }): Stored {
    const part: Json =
      write.subresource === "status"
        ? { metadata: {}, status: desired["status"] ?? {} }
        : withoutStatus(desired);
    const result = applyFields(live.object, live.managers, frozen(part), write);
    if (result.kind === "conflict") throw conflictError(result.conflicts);
    const object = result.object as Stored["object"];
    return this.#store(write, { object, managers: result.managers }, live);
  }

  /** A patch may name the uid, which stays; a replacement that does has set a precondition. */
  #patched(write: Write, live: Stored, body: Json): Written {
    const { uid } = (body["metadata"] ?? {}) as { readonly uid?: string };
    if (write.subresource === "" && uid !== live.object.metadata.uid) {
      throw invalid(write, "metadata.uid", `Invalid value: "${uid}": field is immutable`);
    }
    return this.#update(write, live, body);
  }

  #update(write: Write, live: Stored, body: Json): Written {
    const isStatus = write.subresource === "status";
    const { status: _status, ...spec } = body;
    const wanted = isStatus
      ? { ...live.object, status: body["status"] }
      : { ...spec, ...("status" in live.object ? { status: live.object["status"] } : {}) };
    const given = ((isStatus ? undefined : body["metadata"]) ?? live.object.metadata) as StoredMeta;
    const { managedFields, ...metadata } = given as StoredMeta & {
      readonly managedFields?: readonly Json[];
    };
    const { name, namespace, uid, creationTimestamp, deletionTimestamp, generation } =
      live.object.metadata;
    const { resourceVersion, deletionGracePeriodSeconds } = live.object.metadata;
    const next: StoredMeta = {
      ...withoutEmpty(metadata),
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      creationTimestamp,
      ...(generation === undefined ? {} : { generation }),
      resourceVersion,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
    };
    if (deletionTimestamp !== undefined) checkNoNewFinalizers(write, live.object.metadata, next);
    const object = frozen({
      ...wanted,
      apiVersion: apiVersionOf(write.kind),
      kind: write.kind.kind,
      metadata: next,
    }) as Stored["object"];
    const before = managersGiven(live, managedFields);
    const said = isStatus && isCustom(write.kind) ? { ...object, metadata: saidOf(body) } : object;
    const managers = updateFields(live.object, said, before, ownerOf(write));
    return { status: 200, stored: this.#store(write, { object, managers }, live) };
  }

  /** Stores what has changed: generation, no-op check, and the end of a finalised object. */
  #store(write: Write, next: Stored, live?: Stored): Stored {
    if (live === undefined || this.#storage.get(write.kind, keyOfStored(live)) === undefined) {
      return write.dryRun ? next : this.#put(write.kind, next);
    }
    if (sameState(live, next)) return live;
    const { generation } = live.object.metadata;
    const counted =
      generation === undefined || sameSpec(live.object, next.object)
        ? next
        : withMetadata(next, { ...next.object.metadata, generation: generation + 1 });
    return write.dryRun ? counted : this.#finish(write.kind, counted);
  }

  /** Stores; an object whose owner is not there is garbage from the beginning. */
  #put(kind: KindId, next: Stored): Stored {
    const stored = this.#storage.put(kind, next);
    const owners = next.object.metadata.ownerReferences ?? [];
    if (owners.some((owner) => !this.#storage.has(owner.uid))) this.#garbage();
    return stored;
  }

  #finish(kind: KindId, next: Stored): Stored {
    const { metadata } = next.object;
    if (metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0) {
      this.#storage.remove(kind, next);
      this.#garbage();
      // The answer is the last state that there was, not the one of the deletion.
      return next;
    }
    return this.#put(kind, next);
  }

  #existing(write: Write): Stored {
    const live = this.#storage.get(write.kind, write.key);
    if (live === undefined) throw notFound(write);
    return live;
  }

  #checkVersion(live: Stored, version: string | undefined, write: Write): void {
    if (version === undefined || version === "") return;
    if (version === live.object.metadata.resourceVersion) return;
    throw new StatusError(
      409,
      "Conflict",
      `Operation cannot be fulfilled on ${nameOf(write)}: the object has been modified; please apply your changes to the latest version and try again`,
      detailsOf(write),
    );
  }

  #checkPreconditions(
    live: Stored,
    wanted: { readonly uid?: string; readonly resourceVersion?: string },
    write: Write,
  ): void {
    const { uid, resourceVersion } = live.object.metadata;
    const found =
      wanted.uid !== undefined && wanted.uid !== uid
        ? `UID in precondition: ${wanted.uid}, UID in object meta: ${uid}`
        : wanted.resourceVersion !== undefined && wanted.resourceVersion !== resourceVersion
          ? `ResourceVersion in precondition: ${wanted.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`
          : undefined;
    if (found === undefined) return;
    const what = `Operation cannot be fulfilled on ${nameOf(write)}`;
    throw new StatusError(409, "Conflict", `${what}: Precondition failed: ${found}`, {
      ...detailsOf(write),
      kind: write.kind.kind,
    });
  }

  #initial(kind: KindId, key: ObjectKey, body: Json): Stored["object"] {
    this.#uids++;
    const { managedFields: _managers, ...given } = (body["metadata"] ?? {}) as Json;
    const metadata: StoredMeta = {
      ...withoutEmpty(given),
      name: key.name,
      ...(key.namespace === "" ? {} : { namespace: key.namespace }),
      uid: `uid-${this.#uids}`,
      resourceVersion: "",
      ...(isCounted(kind) ? { generation: 1 } : {}),
      creationTimestamp: this.#time(),
    };
    return frozen({ ...body, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata });
  }

  /** Five characters, as the real server adds; counted, so that a run repeats. */
  #generated(base: string): string {
    return `${base}${(this.#uids + 1).toString(36).padStart(5, "x")}`;
  }

  #time(): string {
    return `${new Date(this.#clock.nowMs()).toISOString().slice(0, 19)}Z`;
  }
}

/** True for kinds that come from a CustomResourceDefinition. */
export function isCustom(kind: KindId): boolean {
  return !BUILT_IN_GROUPS.has(kind.group);
}

function isCounted(kind: KindId): boolean {
  return COUNTED_GROUPS.has(kind.group) || isCustom(kind) || kind.kind === "Pod";
}

/** Whose a change is that is no apply. */
function ownerOf(write: Write): Parameters<typeof updateFields>[3] {
  const { manager, subresource, kind } = write;
  return { manager, subresource, untyped: isCustom(kind) };
}

function finalizersAfter(live: Stored, policy: string | undefined): readonly string[] {
  const present = live.object.metadata.finalizers ?? [];
  // A later policy takes the place of an earlier one.
  const others = present.filter((one) => one !== FOREGROUND && one !== ORPHAN);
  switch (policy) {
    case "Foreground":
      return [...others, FOREGROUND];
    case "Orphan":
      return [...others, ORPHAN];
    case "Background":
      return others;
    default:
      return present;
  }
}

/** Metadata in a write of a custom kind's status is not stored, but counts as the writer's. */
function saidOf(body: Json): object {
  return withoutEmpty(body["metadata"] ?? {});
}

/** What the writer sent back as managers: none if it emptied the list, else as they were. */
function managersGiven(live: Stored, given: readonly Json[] | undefined): readonly ManagerFields[] {
  if (given === undefined) return live.managers;
  const isReset = given.length === 0 || (given.length === 1 && !("manager" in (given[0] ?? {})));
  if (isReset) return [];
  return given.map((entry) => ({
    manager: String(entry["manager"]),
    operation: entry["operation"] === "Apply" ? "Apply" : "Update",
    subresource: String(entry["subresource"] ?? ""),
    fields: parseFields((entry["fieldsV1"] ?? {}) as Json),
  }));
}

function checkNoNewFinalizers(write: Write, live: StoredMeta, next: StoredMeta): void {
  const added = (next.finalizers ?? []).filter((one) => !live.finalizers?.includes(one));
  if (added.length === 0) return;
  const what = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
  const reason = "FieldValueForbidden";
  throw invalid(write, "metadata.finalizers", `Forbidden: ${what}`, { reason });
}

function conflictError(
  conflicts: readonly { readonly manager: string; readonly field: string }[],
): StatusError {
  const causes = conflicts.map((one) => ({
    reason: "FieldManagerConflict",
    message: `conflict with "${one.manager}"`,
    field: one.field,
  }));
  const plural = causes.length === 1 ? "conflict" : "conflicts";
  const message = `Apply failed with ${causes.length} ${plural}`;
  return new StatusError(409, "Conflict", message, { causes });
}

function invalid(
  write: Write,
  field: string,
  message: string,
  { reason = "FieldValueInvalid", kind = write.kind.kind } = {},
): StatusError {
  const name = write.key.name;
  const cause = { reason, message, field };
  const what = `${write.kind.kind}${write.kind.group === "" ? "" : `.${write.kind.group}`}`;
  return new StatusError(422, "Invalid", `${what} "${name}" is invalid: ${field}: ${message}`, {
    ...detailsOf(write),
    kind,
    causes: [cause],
  });
}

function notFound(write: Write): StatusError {
  return new StatusError(404, "NotFound", `${nameOf(write)} not found`, detailsOf(write));
}

function detailsOf(write: Write, name = write.key.name): Json {
  const { group, plural } = write.kind;
  return { name, ...(group === "" ? {} : { group }), kind: plural };
}

function nameOf(write: Write, name = write.key.name): string {
  const { group, plural } = write.kind;
  return `${plural}${group === "" ? "" : `.${group}`} "${name}"`;
}

function withMetadata(stored: Stored, metadata: StoredMeta): Stored {
  return { ...stored, object: frozen({ ...stored.object, metadata }) };
}

/** Empty maps and lists of metadata are not stored. */
function withoutEmpty<T extends object>(metadata: T): T {
  const kept = Object.entries(metadata).filter(
    ([, part]) => typeof part !== "object" || part === null || Object.keys(part).length > 0,
  );
  return Object.fromEntries(kept) as T;
}

function withoutStatus(body: Json): Json {
  if (!("status" in body)) return body;
  const { status: _status, ...rest } = body;
  return rest;
}

function sameSpec(a: Json, b: Json): boolean {
  const { metadata: _a, status: _aStatus, ...left } = a;
  const { metadata: _b, status: _bStatus, ...right } = b;
  return sameJson(left, right);
}

function sameState(a: Stored, b: Stored): boolean {
  return sameJson(a.object, b.object) && sameManagers(a.managers, b.managers);
}

function sameManagers(a: readonly ManagerFields[], b: readonly ManagerFields[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((one) => b.some((other) => isSameManager(one, other)));
}

function isSameManager(a: ManagerFields, b: ManagerFields): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    sameFields(a.fields, b.fields)
  );
}
