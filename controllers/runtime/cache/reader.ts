// What a reconciler reads: the informers that its controller has declared, as one view per kind.

import { assert } from "#api/base/index.ts";
import { ownerUidLabel } from "#api/meta/index.ts";

import type { ListFilter, Reader, RemoteView } from "../controller/types.ts";
import type { Kind, Live, ObjectKey } from "../kinds/kind.ts";
import { keyOf, keyText, kindId } from "../kinds/kind.ts";
import type { Informer } from "./informers.ts";

/** Index that every informer of a controller has: the inventory label of its group. */
export function ownerIndex(group: string): string {
  return `owner-uid:${group}`;
}

/** The values of that index. */
export function ownerIndexValues(group: string): (object: Live) => readonly string[] {
  const label = ownerUidLabel(group);
  return (object) => {
    const uid = object.metadata.labels?.[label];
    return uid === undefined ? [] : [uid];
  };
}

/** The declared informers by {@link kindId}; several for a kind declared with two selectors. */
export type View = ReadonlyMap<string, readonly Informer[]>;

/** Groups informers into a view. */
export function viewOf(informers: readonly Informer[]): View {
  const view = new Map<string, Informer[]>();
  for (const informer of informers) {
    const id = kindId(informer.kind);
    const known = view.get(id);
    if (known === undefined) view.set(id, [informer]);
    else if (!known.includes(informer)) known.push(informer);
  }
  return view;
}

/** See {@link Reader}. */
export class CacheReader implements Reader {
  readonly signal: AbortSignal;
  readonly #view: View;
  readonly #ownerIndex: string;
  readonly #remote: (name: string) => RemoteView | undefined;

  /** `group` is the one whose inventory label {@link owned} looks up. */
  constructor(
    view: View,
    signal: AbortSignal,
    group: string,
    remote: (name: string) => RemoteView | undefined = () => undefined,
  ) {
    this.#view = view;
    this.#ownerIndex = ownerIndex(group);
    this.#remote = remote;
    this.signal = signal;
  }

  cluster(name: string): RemoteView | undefined {
    return this.#remote(name);
  }

  get<T extends object>(kind: Kind<T>, key: ObjectKey): Live<T> | undefined {
    for (const informer of this.#informers(kind)) {
      const object = informer.store.get(key);
      if (object !== undefined) return typed<T>(object);
    }
    return undefined;
  }

  list<T extends object>(kind: Kind<T>, filter: ListFilter = {}): readonly Live<T>[] {
    const wanted = Object.entries(filter.labels ?? {});
    return this.#collect<T>(kind, (informer) => {
      const candidates =
        filter.index !== undefined
          ? informer.store.lookup(filter.index.name, filter.index.value)
          : filter.namespace !== undefined
            ? informer.store.lookup("namespace", filter.namespace)
            : informer.store.values();
      return [...candidates].filter(
        (object) =>
          (filter.namespace === undefined ||
            (object.metadata.namespace ?? "") === filter.namespace) &&
          wanted.every(([label, value]) => object.metadata.labels?.[label] === value),
      );
    });
  }

  owned<T extends object>(kind: Kind<T>, ownerUid: string): readonly Live<T>[] {
    return this.#collect<T>(kind, (informer) => informer.store.lookup(this.#ownerIndex, ownerUid));
  }

  #collect<T extends object>(
    kind: Kind<T>,
    find: (informer: Informer) => readonly Live[],
  ): readonly Live<T>[] {
    const found = new Map<string, Live<T>>();
    for (const informer of this.#informers(kind)) {
      for (const object of find(informer)) {
        const text = keyText(keyOf(object));
        if (!found.has(text)) found.set(text, typed<T>(object));
      }
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  #informers(kind: Kind): readonly Informer[] {
    const informers = this.#view.get(kindId(kind));
    assert(informers !== undefined, `kind ${kind.kind} is read but not declared`);
    return informers;
  }
}

/** The store of a kind holds objects of that kind only. */
function typed<T extends object>(object: Live): Live<T> {
  return object as Live<T>;
}
