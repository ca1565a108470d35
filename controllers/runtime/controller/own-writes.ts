// What a pass has written itself. A pass knows what it wrote and looks at the result before it
// ends, so the news of it must not cost another pass: neither when the answer is put into the
// caches, nor when the watch is faster than the answer. Others whom the change concerns are woken.

import type { KindId } from "#api/meta/index.ts";

import type { Informers } from "../cache/informers.ts";
import type { StoreChange } from "../cache/store.ts";
import type { LiveObject, ObjectKey } from "../kinds/kind.ts";
import { keyText } from "../kinds/kind.ts";

/** The part of {@link Informers} that writes are told to. */
export type WriteCache = Pick<Informers, "wrote" | "deleted">;

/** Identity of one state of one object, or of its end. */
export function stateId(object: LiveObject, gone: boolean): string {
  const { uid, resourceVersion } = object.metadata;
  return gone ? `${uid} gone` : `${uid} ${resourceVersion}`;
}

/** See the head of this file. One per controller. */
export class OwnWrites {
  readonly #controller: string;
  readonly #running = new Map<string, Set<string>>();

  constructor(controller: string) {
    this.#controller = controller;
  }

  /** A pass of this key begins. */
  begin(key: string): void {
    this.#running.set(key, new Set());
  }

  /** It is over; the states that it has written. */
  end(key: string): ReadonlySet<string> {
    const written = this.#running.get(key) ?? new Set();
    this.#running.delete(key);
    return written;
  }

  /** The answer to a write that the pass of `by` has made. */
  wrote(caches: WriteCache, kind: KindId, object: LiveObject, by: ObjectKey): void {
    this.#running.get(keyText(by))?.add(stateId(object, false));
    caches.wrote(kind, object, this.#writer(keyText(by)));
  }

  /** The server has confirmed to the pass of `by` that `object` is gone. */
  deleted(
    caches: WriteCache,
    kind: KindId,
    object: { readonly key: ObjectKey; readonly uid: string },
    by: ObjectKey,
  ): void {
    this.#running.get(keyText(by))?.add(`${object.uid} gone`);
    caches.deleted(kind, object.key, object.uid, this.#writer(keyText(by)));
  }

  /** True if the pass of `key` has made this change. */
  made(change: StoreChange, key: string): boolean {
    return change.cause === "OwnWrite" && change.writer === this.#writer(key);
  }

  #writer(key: string): string {
    return `${this.#controller} ${key}`;
  }
}
