// What etcd and the watch cache are to the real server: objects, one counter of versions, and a
// history from which watches resume until it is compacted. Objects are frozen and shared.

import type { KindId } from "#api/meta/index.ts";

import { kindId, keyText } from "../kinds/kind.ts";
import type { ObjectKey } from "../kinds/kind.ts";
import type { ManagerFields } from "./field-ownership.ts";
import type { Json } from "./json.ts";
import { frozen } from "./json.ts";

/** Finalizer of a foreground deletion. */
export const FOREGROUND = "foregroundDeletion";
/** Finalizer of a deletion that leaves the dependents. */
export const ORPHAN = "orphan";

/** Metadata as the fake server keeps it. */
export interface StoredMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Absent for kinds that the real server does not count. */
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly {
    readonly uid: string;
    readonly kind: string;
    readonly name: string;
    readonly controller?: boolean;
    readonly blockOwnerDeletion?: boolean;
  }[];
}

/** One object with its owners of fields. */
export interface Stored {
  readonly object: Json & { readonly metadata: StoredMeta };
  readonly managers: readonly ManagerFields[];
}

/** A change, as the history has it. */
export interface HistoryEntry {
  readonly version: number;
  readonly kind: KindId;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** The new state, or the last one with the version of the deletion. */
  readonly stored: Stored;
  readonly previous: Stored | undefined;
  /** `client` for requests, else who was said to write: `kubectl`, `garbage-collector`. */
  readonly actor: string;
}

/** Nobody has seen what was before. */
const FIRST_VERSION = 100;
/** A restored backup goes on so far beyond every version that anybody can have seen. */
const RESTORE_BUMP = 1_000_000;

interface KindObjects {
  readonly kind: KindId;
  readonly byKey: Map<string, Stored>;
  /** By key; undefined after an object came or went. */
  sorted: readonly string[] | undefined;
  /** Oldest first. */
  history: HistoryEntry[];
}

/** The state at one moment, as a backup of etcd holds it. */
export interface Backup {
  /** The last one that it knows. */
  readonly version: number;
  readonly kinds: readonly {
    readonly kind: KindId;
    readonly objects: ReadonlyMap<string, Stored>;
  }[];
}

/** An object with its kind. */
export interface Found {
  readonly kind: KindId;
  readonly stored: Stored;
}

/** See the head of this file. */
export class FakeStorage {
  readonly #kinds = new Map<string, KindObjects>();
  readonly #byUid = new Map<string, { readonly objects: KindObjects; readonly key: string }>();
  /** Uids of objects that refer to an owner, by the owner's uid. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #listeners = new Set<(entry: HistoryEntry) => void>();
  #version = FIRST_VERSION;
  #compacted = FIRST_VERSION;
  #actor = "client";
  #restores = 0;

  /** The version of the last change. */
  get version(): number {
    return this.#version;
  }

  /** How often it was restored from a backup. */
  get restores(): number {
    return this.#restores;
  }

  /** Watches may resume after this version and not before. */
  get oldestVersion(): number {
    return this.#compacted;
  }

  /** Objects of all kinds together. */
  get size(): number {
    return this.#byUid.size;
  }

  /** Does `deed` in the name of somebody. */
  as<T>(actor: string, deed: () => T): T {
    const before = this.#actor;
    this.#actor = actor;
    try {
      return deed();
    } finally {
      this.#actor = before;
    }
  }

  get(kind: KindId, key: ObjectKey): Stored | undefined {
    return this.#of(kind).byKey.get(keyText(key));
  }

  /** All of a kind, by namespace and name. */
  list(kind: KindId): readonly Stored[] {
    const objects = this.#of(kind);
    objects.sorted ??= [...objects.byKey.keys()].sort();
    return objects.sorted.flatMap((key) => objects.byKey.get(key) ?? []);
  }

  /** True if an object with this uid is stored. */
  has(uid: string): boolean {
    return this.#byUid.has(uid);
  }

  /** The object with this uid. */
  byUid(uid: string): Found | undefined {
    const place = this.#byUid.get(uid);
    const stored = place?.objects.byKey.get(place.key);
    return place === undefined || stored === undefined
      ? undefined
      : { kind: place.objects.kind, stored };
  }

  /** Objects that name this uid as an owner, in the order in which they came. */
  dependentsOf(uid: string): readonly Found[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((one) => this.byUid(one) ?? []);
  }

  /** Everything of every kind. */
  *all(): Generator<{ readonly kind: string; readonly stored: Stored }> {
    for (const [kind, { byKey }] of this.#kinds) {
      for (const stored of [...byKey.values()]) yield { kind, stored };
    }
  }

  /** Stores a new state under the next version and tells the watches. */
  put(kind: KindId, stored: Stored): Stored {
    const objects = this.#of(kind);
    const key = keyText(keyOfStored(stored));
    const previous = objects.byKey.get(key);
    const entry = this.#record(
      objects,
      previous === undefined ? "ADDED" : "MODIFIED",
      stored,
      previous,
    );
    objects.byKey.set(key, entry.stored);
    if (previous === undefined) objects.sorted = undefined;
    const { uid } = entry.stored.object.metadata;
    this.#byUid.set(uid, { objects, key });
    this.#index(previous, entry.stored);
    this.#tell(entry);
    return entry.stored;
  }

  /** Removes an object and tells the watches. */
  remove(kind: KindId, stored: Stored): Stored {
    const objects = this.#of(kind);
    const key = keyText(keyOfStored(stored));
    const previous = objects.byKey.get(key);
    const entry = this.#record(objects, "DELETED", stored, previous ?? stored);
    objects.byKey.delete(key);
    objects.sorted = undefined;
    this.#byUid.delete(stored.object.metadata.uid);
    this.#index(previous, undefined);
    this.#tell(entry);
    return entry.stored;
  }

  /** Changes of a kind after a version, oldest first. */
  since(kind: KindId, version: number): readonly HistoryEntry[] {
    const { history } = this.#of(kind);
    let from = history.length;
    while (from > 0 && (history[from - 1]?.version ?? 0) > version) from -= 1;
    return history.slice(from);
  }

  /** Forgets the history: watches that are not up to date get 410. */
  compact(): void {
    for (const objects of this.#kinds.values()) objects.history = [];
    this.#compacted = this.#version;
  }

  /** Everything as it is now. */
  backup(): Backup {
    const kinds = [...this.#kinds.values()];
    return {
      version: this.#version,
      kinds: kinds.map(({ kind, byKey }) => ({ kind, objects: new Map(byKey) })),
    };
  }

  /**
   * Everything as it was: objects have their old versions again, the next change has a version that
   * nobody has seen, and no watch may resume. So `etcdutl snapshot restore --bump-revision
   * --mark-compacted` leaves it. With `rewinds` it is done without these: the versions since the
   * backup are given out once more, to other states. Listeners are told of each difference in the
   * name of `restore`.
   */
  restore(backup: Backup, { rewinds = false }: { readonly rewinds?: boolean } = {}): void {
    const differences: HistoryEntry[] = [];
    this.#version = rewinds ? backup.version : this.#version + RESTORE_BUMP;
    this.#restores += 1;
    const kept = new Map(backup.kinds.map(({ kind, objects }) => [kindId(kind), objects]));
    for (const objects of this.#kinds.values()) {
      const before = new Map(objects.byKey);
      objects.byKey.clear();
      for (const [key, stored] of kept.get(kindId(objects.kind)) ?? []) {
        objects.byKey.set(key, stored);
      }
      objects.sorted = undefined;
      differences.push(...this.#differences(objects, before));
    }
    this.#byUid.clear();
    this.#dependents.clear();
    for (const objects of this.#kinds.values()) {
      for (const [key, stored] of objects.byKey) {
        this.#byUid.set(stored.object.metadata.uid, { objects, key });
        this.#index(undefined, stored);
      }
    }
    this.compact();
    for (const entry of differences) this.#tell(entry);
  }

  #differences(
    { kind, byKey }: KindObjects,
    before: ReadonlyMap<string, Stored>,
  ): readonly HistoryEntry[] {
    const actor = "restore";
    const version = this.#version;
    const gone = [...before].flatMap(([key, stored]): HistoryEntry[] =>
      byKey.has(key) ? [] : [{ version, kind, type: "DELETED", stored, previous: stored, actor }],
    );
    const back = [...byKey].flatMap(([key, stored]): HistoryEntry[] => {
      const previous = before.get(key);
      if (previous === stored) return [];
      const type = previous === undefined ? "ADDED" : "MODIFIED";
      return [{ version, kind, type, stored, previous, actor }];
    });
    return [...gone, ...back];
  }

  subscribe(listener: (entry: HistoryEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #record(
    objects: KindObjects,
    type: HistoryEntry["type"],
    stored: Stored,
    previous: Stored | undefined,
  ): HistoryEntry {
    this.#version++;
    const version = String(this.#version);
    const metadata = { ...stored.object.metadata, resourceVersion: version };
    const object = frozen({ ...stored.object, metadata });
    const entry: HistoryEntry = {
      version: this.#version,
      kind: objects.kind,
      type,
      stored: { object, managers: stored.managers },
      previous,
      actor: this.#actor,
    };
    objects.history.push(entry);
    return entry;
  }

  #index(before: Stored | undefined, after: Stored | undefined): void {
    const old = before?.object.metadata.ownerReferences;
    const now = after?.object.metadata.ownerReferences;
    if (old === now) return;
    const uid = (after ?? before)?.object.metadata.uid ?? "";
    for (const owner of old ?? []) this.#dependents.get(owner.uid)?.delete(uid);
    for (const owner of now ?? []) {
      const known = this.#dependents.get(owner.uid);
      if (known === undefined) this.#dependents.set(owner.uid, new Set([uid]));
      else known.add(uid);
    }
  }

  #tell(entry: HistoryEntry): void {
    for (const listener of this.#listeners) listener(entry);
  }

  #of(kind: KindId): KindObjects {
    const id = kindId(kind);
    let objects = this.#kinds.get(id);
    if (objects === undefined) {
      objects = { kind, byKey: new Map(), sorted: undefined, history: [] };
      this.#kinds.set(id, objects);
    }
    return objects;
  }
}

/** Namespace and name of a stored object. */
export function keyOfStored(stored: Stored): ObjectKey {
  const { namespace = "", name } = stored.object.metadata;
  return { namespace, name };
}
