// The write path of the fake server: create, replace, patch, apply, delete, and the garbage
// collector's part, over a FakeStorage. Answers are statuses and documents as the real server
// gives them.

import type { Clock } from "#api/base/index.ts";
import type { KindId } from "#api/meta/index.ts";
import { apiVersionOf } from "#api/meta/index.ts";

import type { ObjectKey } from "../kinds/kind.ts";
import { kindId } from "../kinds/kind.ts";
import type { Json, ManagerFields } from "./field-ownership.ts";
import { applyFields, updateFields } from "./field-ownership.ts";
import type { FakeStorage, Stored, StoredMeta } from "./fake-storage.ts";
import { keyOfStored } from "./fake-storage.ts";

/** Status code and document. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** One write. */
export interface Write {
  readonly kind: KindId;
  readonly key: ObjectKey;
  readonly subresource: string;
  readonly manager: string;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly body: unknown;
}

/** Raised inside and turned into an answer at the edge. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly answer: Answer;

  constructor(status: number, reason: string, message: string, details: Json = {}) {
    super(message);
    const body = {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      code: status,
      reason,
      message,
      details,
    };
    this.answer = { status, body };
  }
}

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";

/** See the head of this file. */
export class FakeWrites {
  readonly #storage: FakeStorage;
  readonly #clock: Clock;
  readonly #kinds: ReadonlyMap<string, KindId>;
  #uids = 0;

  constructor(storage: FakeStorage, clock: Clock, kinds: ReadonlyMap<string, KindId>) {
    this.#storage = storage;
    this.#clock = clock;
    this.#kinds = kinds;
  }

  create(write: Write): Answer {
    const body = write.body as Json & { readonly metadata: StoredMeta };
    const key = { namespace: write.key.namespace, name: body.metadata.name };
    if (this.#storage.get(write.kind, key) !== undefined) {
      throw new StatusError(
        409,
        "AlreadyExists",
        `${write.kind.plural} "${key.name}" already exists`,
      );
    }
    const object = this.#initial(write.kind, key, withoutStatus(body));
    const managers = updateFields({ metadata: {} }, object, [], write);
    return { status: 201, body: this.#store(write, { object, managers }).object };
  }

  replace(write: Write): Answer {
    const live = this.#existing(write);
    const body = write.body as Json & { readonly metadata: StoredMeta };
    this.#checkVersion(live, body.metadata.resourceVersion, write);
    return this.#update(write, live, body);
  }

  mergePatch(write: Write): Answer {
    const live = this.#existing(write);
    const given = (write.body as { readonly metadata?: Partial<StoredMeta> } | null)?.metadata;
    this.#checkVersion(live, given?.resourceVersion, write);
    return this.#update(write, live, mergeJson(live.object, write.body) as Json);
  }

  jsonPatch(write: Write): Answer {
    const live = this.#existing(write);
    const object = structuredClone(live.object) as Record<string, unknown>;
    for (const operation of write.body as readonly Json[]) patchJson(object, operation);
    return this.#update(write, live, object);
  }

  apply(write: Write): Answer {
    const desired = write.body as Json & { readonly metadata: Partial<StoredMeta> };
    const live = this.#storage.get(write.kind, write.key);
    const { uid, resourceVersion } = desired.metadata;
    const what = `${write.kind.plural} "${write.key.name}"`;
    if (live === undefined) {
      if (write.subresource !== "") throw notFound(write);
      if (uid !== undefined) {
        throw new StatusError(
          409,
          "Conflict",
          `${what}: uid mismatch, and no existing object was found`,
        );
      }
      const base = this.#initial(write.kind, write.key, { metadata: {} });
      return { status: 201, body: this.#applied(write, { object: base, managers: [] }, desired) };
    }
    if (uid !== undefined && uid !== live.object.metadata.uid && write.subresource === "") {
      const cause = {
        reason: "FieldValueInvalid",
        message: "field is immutable",
        field: "metadata.uid",
      };
      throw new StatusError(422, "Invalid", `${what} is invalid: metadata.uid`, {
        causes: [cause],
      });
    }
    this.#checkVersion(live, resourceVersion, write);
    return { status: 200, body: this.#applied(write, live, desired) };
  }

  delete(write: Write): Answer {
    const live = this.#existing(write);
    const options = (write.body ?? {}) as {
      readonly propagationPolicy?: string;
      readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
    };
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid !== undefined && uid !== live.object.metadata.uid) {
      throw new StatusError(409, "Conflict", "the UID in the precondition does not match");
    }
    this.#checkVersion(live, resourceVersion, write);
    const added =
      options.propagationPolicy === "Foreground"
        ? [FOREGROUND]
        : options.propagationPolicy === "Orphan"
          ? [ORPHAN]
          : [];
    const finalizers = [...new Set([...(live.object.metadata.finalizers ?? []), ...added])];
    if (finalizers.length === 0) {
      if (!write.dryRun) {
        this.#storage.remove(write.kind, live);
        this.collectGarbage();
      }
      const details = {
        name: write.key.name,
        kind: write.kind.plural,
        uid: live.object.metadata.uid,
      };
      return {
        status: 200,
        body: { kind: "Status", apiVersion: "v1", status: "Success", details },
      };
    }
    const metadata: StoredMeta = {
      ...live.object.metadata,
      finalizers,
      deletionTimestamp: live.object.metadata.deletionTimestamp ?? this.#time(),
      generation: live.object.metadata.generation + 1,
    };
    const object = { ...live.object, metadata };
    if (write.dryRun) return { status: 200, body: object };
    const stored = this.#storage.put(write.kind, { ...live, object });
    this.collectGarbage();
    return { status: 200, body: stored.object };
  }

  /** What the garbage collector does, until it finds nothing more to do. */
  collectGarbage(): void {
    for (let again = true; again;) {
      again = false;
      const owners = new Map<string, Stored>();
      for (const { stored } of this.#storage.all()) owners.set(stored.object.metadata.uid, stored);
      for (const { kind: id, stored } of this.#storage.all()) {
        const kind = this.#kinds.get(id);
        if (kind !== undefined && this.#collect(kind, stored, owners)) {
          again = true;
          break;
        }
      }
    }
  }

  /** True if something was done. */
  #collect(kind: KindId, stored: Stored, owners: ReadonlyMap<string, Stored>): boolean {
    const { metadata } = stored.object;
    const references = metadata.ownerReferences ?? [];
    const alive = references.filter((one) => {
      const owner = owners.get(one.uid)?.object.metadata;
      return owner !== undefined && !(owner.finalizers?.includes(FOREGROUND) ?? false);
    });
    if (references.length > 0 && alive.length === 0 && metadata.deletionTimestamp === undefined) {
      const body = { propagationPolicy: "Background" };
      this.delete({ ...internal(kind, stored), body });
      return true;
    }
    if (metadata.deletionTimestamp === undefined) return false;
    const dependents = [...owners.values()].filter((one) =>
      one.object.metadata.ownerReferences?.some((reference) => reference.uid === metadata.uid),
    );
    if (metadata.finalizers?.includes(ORPHAN) === true) {
      for (const dependent of dependents) this.#orphan(dependent, metadata.uid);
      this.#dropFinalizer(kind, stored, ORPHAN);
      return true;
    }
    if (metadata.finalizers?.includes(FOREGROUND) === true && dependents.length === 0) {
      this.#dropFinalizer(kind, stored, FOREGROUND);
      return true;
    }
    return false;
  }

  #orphan(dependent: Stored, uid: string): void {
    const kind = this.#kindOf(dependent);
    const left = dependent.object.metadata.ownerReferences?.filter((one) => one.uid !== uid) ?? [];
    const { ownerReferences: _old, ...metadata } = dependent.object.metadata;
    const object = {
      ...dependent.object,
      metadata: left.length === 0 ? metadata : { ...metadata, ownerReferences: left },
    };
    const managers = updateFields(dependent.object, object, dependent.managers, {
      manager: "garbage-collector",
      subresource: "",
    });
    this.#storage.put(kind, { object, managers });
  }

  #dropFinalizer(kind: KindId, stored: Stored, name: string): void {
    const live = this.#storage.get(kind, keyOfStored(stored)) ?? stored;
    const finalizers = live.object.metadata.finalizers?.filter((one) => one !== name) ?? [];
    const metadata = { ...live.object.metadata, finalizers };
    this.#finish(kind, { ...live, object: { ...live.object, metadata } });
  }

  #kindOf(stored: Stored): KindId {
    for (const kind of this.#kinds.values()) {
      const { apiVersion, kind: name } = stored.object;
      if (kind.kind === name && apiVersionOf(kind) === apiVersion) return kind;
    }
    throw new Error("stored object of an unknown kind");
  }

  #applied(write: Write, live: Stored, desired: Json & { readonly metadata: object }): unknown {
    const part: Json =
      write.subresource === "status"
        ? { metadata: {}, status: desired["status"] ?? {} }
        : withoutStatus(desired);
    const result = applyFields(live.object, live.managers, part, write);
    if (result.kind === "conflict") {
      const causes = result.conflicts.map((one) => ({
        reason: "FieldManagerConflict",
        message: `conflict with "${one.manager}"`,
        field: one.field,
      }));
      throw new StatusError(409, "Conflict", `Apply failed with ${causes.length} conflicts`, {
        causes,
      });
    }
    const object = result.object as Stored["object"];
    return this.#store(write, { object, managers: result.managers }, live).object;
  }

  #update(write: Write, live: Stored, body: Json): Answer {
    const isStatus = write.subresource === "status";
    const wanted = isStatus
      ? { ...live.object, status: body["status"] }
      : { ...body, ...("status" in live.object ? { status: live.object["status"] } : {}) };
    const given = (isStatus ? live.object.metadata : (body["metadata"] as StoredMeta)) ?? {};
    const { uid, creationTimestamp, deletionTimestamp, generation, resourceVersion } =
      live.object.metadata;
    const metadata: StoredMeta = {
      ...given,
      uid,
      creationTimestamp,
      generation,
      resourceVersion,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    };
    const object = {
      ...wanted,
      apiVersion: apiVersionOf(write.kind),
      kind: write.kind.kind,
      metadata,
    };
    const managers = updateFields(live.object, object, live.managers, write);
    return { status: 200, body: this.#store(write, { object, managers }, live).object };
  }

  /** Stores what has changed: generation, no-op check, and the end of a finalised object. */
  #store(write: Write, next: Stored, live?: Stored): Stored {
    if (write.dryRun) return next;
    if (live === undefined || this.#storage.get(write.kind, keyOfStored(live)) === undefined) {
      return this.#put(write.kind, next);
    }
    if (sameState(live, next)) return live;
    const specChanged = specOf(live.object) !== specOf(next.object);
    const generation = live.object.metadata.generation + (specChanged ? 1 : 0);
    const metadata = { ...next.object.metadata, generation };
    return this.#finish(write.kind, { ...next, object: { ...next.object, metadata } });
  }

  /** Stores; an object whose owner is not there is collected at once. */
  #put(kind: KindId, next: Stored): Stored {
    const stored = this.#storage.put(kind, next);
    const owners = next.object.metadata.ownerReferences ?? [];
    if (owners.some((owner) => !this.#storage.has(owner.uid))) this.collectGarbage();
    return stored;
  }

  #finish(kind: KindId, next: Stored): Stored {
    const { metadata } = next.object;
    if (metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0) {
      const gone = this.#storage.remove(kind, next);
      this.collectGarbage();
      return gone;
    }
    return this.#put(kind, next);
  }

  #existing(write: Write): Stored {
    const live = this.#storage.get(write.kind, write.key);
    if (live === undefined) throw notFound(write);
    return live;
  }

  #checkVersion(live: Stored, version: string | undefined, write: Write): void {
    if (version === undefined || version === live.object.metadata.resourceVersion) return;
    throw new StatusError(
      409,
      "Conflict",
      `Operation cannot be fulfilled on ${write.kind.plural} "${write.key.name}": the object has been modified`,
    );
  }

  #initial(kind: KindId, key: ObjectKey, body: Json): Stored["object"] {
    this.#uids++;
    const metadata: StoredMeta = {
      ...(body["metadata"] as object),
      name: key.name,
      ...(key.namespace === "" ? {} : { namespace: key.namespace }),
      uid: `uid-${this.#uids}`,
      resourceVersion: "",
      generation: 1,
      creationTimestamp: this.#time(),
    };
    return { ...body, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
  }

  #time(): string {
    return `${new Date(this.#clock.nowMs()).toISOString().slice(0, 19)}Z`;
  }
}

function internal(kind: KindId, stored: Stored): Write {
  return {
    kind,
    key: keyOfStored(stored),
    subresource: "",
    manager: "garbage-collector",
    force: false,
    dryRun: false,
    body: undefined,
  };
}

function notFound(write: Write): StatusError {
  return new StatusError(404, "NotFound", `${write.kind.plural} "${write.key.name}" not found`, {
    name: write.key.name,
    kind: kindId(write.kind),
  });
}

function withoutStatus(body: Json): Json {
  const { status: _status, ...rest } = body;
  return rest;
}

function specOf(object: Json): string {
  const { metadata: _metadata, status: _status, ...rest } = object;
  return JSON.stringify(rest);
}

function sameState(a: Stored, b: Stored): boolean {
  return (
    JSON.stringify(sorted(a.object)) === JSON.stringify(sorted(b.object)) &&
    JSON.stringify(a.managers.map(managerText).sort()) ===
      JSON.stringify(b.managers.map(managerText).sort())
  );
}

function managerText(one: ManagerFields): string {
  const fields = [...one.fields].sort().join();
  return `${one.manager}|${one.operation}|${one.subresource}|${fields}`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, sorted(part)]));
}

/** RFC 7396. */
function mergeJson(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> =
    typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergeJson(merged[key], value);
  }
  return merged;
}

/** RFC 6902, the operations that the runtime uses. */
function patchJson(object: Record<string, unknown>, operation: Json): void {
  const steps = String(operation["path"])
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = steps.pop() ?? "";
  let holder: unknown = object;
  for (const step of steps) holder = (holder as Json | undefined)?.[step];
  const map = holder as Record<string, unknown> | undefined;
  const invalid = new StatusError(422, "Invalid", "the server rejected our request");
  if (map === undefined) throw invalid;
  switch (operation["op"]) {
    case "test":
      if (JSON.stringify(map[last]) !== JSON.stringify(operation["value"])) throw invalid;
      return;
    case "remove":
      if (!(last in map)) throw invalid;
      delete map[last];
      return;
    case "add":
    case "replace":
      map[last] = operation["value"];
      return;
    default:
      throw invalid;
  }
}
