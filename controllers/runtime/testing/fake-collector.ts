// What the garbage collector of kube-controller-manager does: dependents of owners that are gone,
// foreground deletion, orphans. It is level-triggered and looks only where something may be to do.
import type { KindId } from "#api/meta/index.ts";

import type { FakeStorage, Found, Stored, StoredMeta } from "./fake-storage.ts";
import { FOREGROUND, keyOfStored, ORPHAN } from "./fake-storage.ts";
import type { FakeWrites } from "./fake-writes.ts";

/** See the head of this file. */
export class FakeCollector {
  readonly #storage: FakeStorage;
  readonly #writes: FakeWrites;
  /** Objects that may be garbage, or whose deletion may go on. */
  readonly #suspects = new Set<string>();

  constructor(storage: FakeStorage, writes: FakeWrites) {
    this.#storage = storage;
    this.#writes = writes;
    storage.subscribe(({ type, stored, previous }) => {
      const { uid, ownerReferences = [] } = stored.object.metadata;
      if (type === "DELETED") {
        for (const { stored: one } of storage.dependentsOf(uid)) this.#suspect(one);
        for (const owner of ownerReferences) this.#suspects.add(owner.uid);
        return;
      }
      const isGoing = stored.object.metadata.deletionTimestamp !== undefined;
      if (isGoing || ownerReferences.length > 0) this.#suspects.add(uid);
      if (isGoing) for (const { stored: one } of storage.dependentsOf(uid)) this.#suspect(one);
      // An owner that was let go may have waited for just this one.
      for (const owner of previous?.object.metadata.ownerReferences ?? []) {
        this.#suspects.add(owner.uid);
      }
    });
  }

  /** True if there may be something to do. */
  get isBusy(): boolean {
    return this.#suspects.size > 0;
  }

  /** Works until there is nothing to do. */
  run(): void {
    while (this.isBusy) this.step();
  }

  /** Looks once at everything that is suspect now; what comes of it waits for the next time. */
  step(): void {
    const now = [...this.#suspects];
    this.#suspects.clear();
    this.#storage.as("garbage-collector", () => {
      for (const uid of now) {
        const found = this.#storage.byUid(uid);
        if (found !== undefined) this.#look(found);
      }
    });
  }

  #suspect(stored: Stored): void {
    this.#suspects.add(stored.object.metadata.uid);
  }

  #look({ kind, stored }: Found): void {
    const { metadata } = stored.object;
    if (metadata.deletionTimestamp !== undefined) this.#goOn(kind, stored);
    else if ((metadata.ownerReferences ?? []).length > 0) this.#judge(kind, stored);
  }

  /** A dependent: does it have an owner that stays? */
  #judge(kind: KindId, stored: Stored): void {
    const references = stored.object.metadata.ownerReferences ?? [];
    const owners = references.map((one) => this.#storage.byUid(one.uid)?.stored.object.metadata);
    const isSolid = (owner: StoredMeta | undefined): boolean =>
      owner !== undefined &&
      !(owner.deletionTimestamp !== undefined && (owner.finalizers?.includes(FOREGROUND) ?? false));
    const solid = references.filter((_one, at) => isSolid(owners[at]));
    if (solid.length === references.length) return;
    if (solid.length > 0) {
      const metadata = { ...stored.object.metadata, ownerReferences: solid };
      this.#writes.change(kind, stored, metadata);
      return;
    }
    // It waits for its own dependents if its owner does so for it.
    const isAwaited = references.some(
      (one, at) => owners[at] !== undefined && one.blockOwnerDeletion === true,
    );
    const hasDependents = this.#storage.dependentsOf(stored.object.metadata.uid).length > 0;
    const propagationPolicy = isAwaited && hasDependents ? "Foreground" : "Background";
    this.#writes.delete({
      kind,
      key: keyOfStored(stored),
      subresource: "",
      manager: "kube-controller-manager",
      force: false,
      dryRun: false,
      body: { propagationPolicy, preconditions: { uid: stored.object.metadata.uid } },
    });
  }

  /** An object that is going: orphans its dependents, or waits for them. */
  #goOn(kind: KindId, stored: Stored): void {
    const { metadata } = stored.object;
    const dependents = this.#storage.dependentsOf(metadata.uid);
    if (metadata.finalizers?.includes(ORPHAN) === true) {
      for (const dependent of dependents) this.#orphan(dependent, metadata.uid);
      this.#dropFinalizer(kind, stored, ORPHAN);
      return;
    }
    if (metadata.finalizers?.includes(FOREGROUND) !== true) return;
    const awaited = dependents.some(({ stored: { object } }) =>
      object.metadata.ownerReferences?.some(
        (one) => one.uid === metadata.uid && one.blockOwnerDeletion === true,
      ),
    );
    if (!awaited) this.#dropFinalizer(kind, stored, FOREGROUND);
  }

  #orphan({ kind, stored }: Found, uid: string): void {
    const { ownerReferences = [], ...metadata } = stored.object.metadata;
    const left = ownerReferences.filter((one) => one.uid !== uid);
    const next = left.length === 0 ? metadata : { ...metadata, ownerReferences: left };
    this.#writes.change(kind, stored, next);
  }

  #dropFinalizer(kind: KindId, stored: Stored, name: string): void {
    const live = this.#storage.get(kind, keyOfStored(stored)) ?? stored;
    const { finalizers = [], ...metadata } = live.object.metadata;
    const left = finalizers.filter((one) => one !== name);
    this.#writes.change(
      kind,
      live,
      left.length === 0 ? metadata : { ...metadata, finalizers: left },
    );
  }
}
