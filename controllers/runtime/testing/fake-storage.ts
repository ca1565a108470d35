// What etcd and the watch cache are to the real server: objects, one counter of versions, and a
// history from which watches resume until it is compacted.

import type { KindId } from "#api/meta/index.ts";

import { kindId, keyText } from "../kinds/kind.ts";
import type { ObjectKey } from "../kinds/kind.ts";
import type { Json, ManagerFields } from "./field-ownership.ts";

/** Metadata as the fake server keeps it. */
export interface StoredMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
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
}

/** See the head of this file. */
export class FakeStorage {
  readonly #objects = new Map<string, Map<string, Stored>>();
  #history: HistoryEntry[] = [];
  readonly #uids = new Set<string>();
  readonly #listeners = new Set<(entry: HistoryEntry) => void>();
  #version = 100;
  #compacted = 0;

  /** The version of the last change. */
  get version(): number {
    return this.#version;
  }

  /** Watches may resume after this version and not before. */
  get oldestVersion(): number {
    return this.#compacted;
  }

  get(kind: KindId, key: ObjectKey): Stored | undefined {
    return this.#of(kind).get(keyText(key));
  }

  /** All of a kind, by namespace and name. */
  list(kind: KindId): readonly Stored[] {
    return [...this.#of(kind)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, stored]) => stored);
  }

  /** True if an object with this uid is stored. */
  has(uid: string): boolean {
    return this.#uids.has(uid);
  }

  /** Everything of every kind. */
  *all(): Generator<{ readonly kind: string; readonly stored: Stored }> {
    for (const [kind, objects] of this.#objects) {
      for (const stored of [...objects.values()]) yield { kind, stored };
    }
  }

  /** Stores a new state under the next version and tells the watches. */
  put(kind: KindId, stored: Stored): Stored {
    const previous = this.get(kind, keyOfStored(stored));
    const entry = this.#record(
      kind,
      previous === undefined ? "ADDED" : "MODIFIED",
      stored,
      previous,
    );
    this.#of(kind).set(keyText(keyOfStored(stored)), entry.stored);
    this.#uids.add(stored.object.metadata.uid);
    this.#tell(entry);
    return entry.stored;
  }

  /** Removes an object and tells the watches. */
  remove(kind: KindId, stored: Stored): Stored {
    const entry = this.#record(kind, "DELETED", stored, stored);
    this.#of(kind).delete(keyText(keyOfStored(stored)));
    this.#uids.delete(stored.object.metadata.uid);
    this.#tell(entry);
    return entry.stored;
  }

  /** Changes of a kind after a version, oldest first. */
  since(kind: KindId, version: number): readonly HistoryEntry[] {
    const id = kindId(kind);
    return this.#history.filter((entry) => entry.version > version && kindId(entry.kind) === id);
  }

  /** Forgets the history: watches that are not up to date get 410. */
  compact(): void {
    this.#history = [];
    this.#compacted = this.#version;
  }

  subscribe(listener: (entry: HistoryEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #record(
    kind: KindId,
    type: HistoryEntry["type"],
    stored: Stored,
    previous: Stored | undefined,
  ): HistoryEntry {
    this.#version++;
    const version = String(this.#version);
    const metadata = { ...stored.object.metadata, resourceVersion: version };
    const entry: HistoryEntry = {
      version: this.#version,
      kind,
      type,
      stored: { ...stored, object: { ...stored.object, metadata } },
      previous,
    };
    this.#history.push(entry);
    return entry;
  }

  #tell(entry: HistoryEntry): void {
    for (const listener of [...this.#listeners]) listener(entry);
  }

  #of(kind: KindId): Map<string, Stored> {
    const id = kindId(kind);
    let objects = this.#objects.get(id);
    if (objects === undefined) {
      objects = new Map();
      this.#objects.set(id, objects);
    }
    return objects;
  }
}

/** Namespace and name of a stored object. */
export function keyOfStored(stored: Stored): ObjectKey {
  const { namespace = "", name } = stored.object.metadata;
  return { namespace, name };
}
