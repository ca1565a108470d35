// From the state of a cache to the events of one watch. A handler is told what has happened since
// it was last told, not every step: changes that come while it runs or waits for its next try are
// one event with the newest object. So a burst is not a queue of stale copies, a new list after a
// gap is not a replay, and what vanished meanwhile is DELETED.

import type { Live } from "#controllers/runtime/index.ts";
import { keyOf, keyText, parseKey } from "#controllers/runtime/index.ts";
import type { Store, StoreChange } from "#controllers/runtime/cache/store.ts";

import { ResourceEventType } from "./resource.ts";

/** An event before it is dressed for the handler; `object` is shared with the cache. */
export interface Delivery {
  readonly type: ResourceEventType;
  readonly object: Live;
}

interface Told {
  /** The state in the last event, or after the object's end its last state. */
  readonly object: Live;
  /** False until a handler has returned for this state. */
  readonly settled: boolean;
  /** True once a handler has returned for ADDED. */
  readonly added: boolean;
}

/** What one watch has told its handler. Keys are texts of object keys. */
export class Deliveries {
  readonly #store: Store;
  readonly #told = new Map<string, Told>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Begins to call `changed` for every key whose events may have changed, those known included. */
  start(changed: (key: string, change: StoreChange | undefined) => void): () => void {
    const end = this.#store.subscribe((change) => {
      const key = keyText(keyOf(change.object));
      const told = this.#told.get(key);
      if (change.gone && told?.object.metadata.uid === change.object.metadata.uid) {
        this.#told.set(key, { ...told, object: change.object });
      }
      changed(key, change);
    });
    for (const object of this.#store.values()) changed(keyText(keyOf(object)), undefined);
    return end;
  }

  /** What the handler has to be told about a key now; undefined if it knows everything. */
  next(key: string): Delivery | undefined {
    const now = this.#store.get(parseKey(key));
    const told = this.#told.get(key);
    if (told === undefined) {
      return now === undefined ? undefined : { type: ResourceEventType.Added, object: now };
    }
    if (now?.metadata.uid !== told.object.metadata.uid) {
      return { type: ResourceEventType.Deleted, object: told.object };
    }
    if (!told.added) return { type: ResourceEventType.Added, object: now };
    const same = now.metadata.resourceVersion === told.object.metadata.resourceVersion;
    return same && told.settled ? undefined : { type: ResourceEventType.Modified, object: now };
  }

  /** The handler is about to be told. */
  begin(key: string, delivery: Delivery): void {
    if (delivery.type === ResourceEventType.Deleted) return;
    const added = this.#told.get(key)?.added ?? false;
    this.#told.set(key, { object: delivery.object, settled: false, added });
  }

  /** The handler has returned. True if there is more to tell about the key. */
  settle(key: string, delivery: Delivery): boolean {
    if (delivery.type === ResourceEventType.Deleted) {
      this.#told.delete(key);
    } else {
      const told = this.#told.get(key);
      // Its end may have come meanwhile: then the last state stands here and is told next.
      const object = told?.object ?? delivery.object;
      this.#told.set(key, { object, settled: true, added: true });
    }
    return this.next(key) !== undefined;
  }
}
