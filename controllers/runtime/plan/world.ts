// The cluster as a dry-run imagines it: what is there, read once, and what controllers would make
// of it. The caches are those that the controllers declare, so that they see what they would see.

import type { Logger } from "#api/base/index.ts";
import { AssertionError } from "#api/base/index.ts";

import { stampNames } from "../apply/stamp.ts";
import type { Target, Targets } from "../apply/target.ts";
import { ApplyMemory } from "../apply/memory.ts";
import type { Informer } from "../cache/informers.ts";
import type { View } from "../cache/reader.ts";
import { ownerIndex, ownerIndexValues, viewOf } from "../cache/reader.ts";
import { Store } from "../cache/store.ts";
import type { Client } from "../client/client.ts";
import { compileSelector } from "../client/paths.ts";
import type { AnyController, WatchedKind } from "../controller/types.ts";
import type { Kind, KubeObject, Live, ObjectKey } from "../kinds/kind.ts";
import { keyOf, keyText, kindId } from "../kinds/kind.ts";
import type { LiveState } from "./live-state.ts";

/** What a controller reads of one kind. */
interface Declared {
  readonly kind: Kind;
  readonly labelSelector: string;
  readonly metadataOnly: boolean;
  readonly wakes?: NonNullable<WatchedKind["wakes"]>;
}

interface Imagined extends Informer {
  readonly matches: (labels: Readonly<Record<string, string>> | undefined) => boolean;
}

/** See the head of this file. */
export class PlanWorld {
  readonly #state: LiveState;
  readonly #logger: Logger;
  readonly #informers = new Map<string, Imagined>();
  readonly #views = new Map<AnyController, View>();
  /** Objects as they were before, also those that no cache has; undefined if there was none. */
  readonly #before = new Map<string, Live | undefined>();
  /** Objects as imagined now, whether a cache has them or not; undefined if gone. */
  readonly #imagined = new Map<string, Live | undefined>();
  #version = 1;

  constructor(state: LiveState, logger: Logger) {
    this.#state = state;
    this.#logger = logger;
  }

  /** Reads everything that this controller declares. */
  async load(controller: AnyController): Promise<void> {
    const { group } = controller.kind;
    const used: Imagined[] = [];
    for (const declared of declaredBy(controller)) used.push(await this.#informer(declared));
    for (const informer of used) {
      informer.store.addIndex(ownerIndex(group), ownerIndexValues(group));
      for (const index of controller.spec.indexes ?? []) {
        if (kindId(index.kind) !== kindId(informer.kind)) continue;
        // Typed by the kind, which has just been compared.
        informer.store.addIndex(index.name, index.values as (object: Live) => string[]);
      }
    }
    this.#views.set(controller, viewOf(used));
  }

  /** What a controller sees. */
  view(controller: AnyController): View {
    return this.#views.get(controller) ?? new Map<string, readonly Informer[]>();
  }

  /** The manager's own cluster; others are not looked at. */
  targets(controller: AnyController): Targets {
    const nothing = (): void => undefined;
    const home: Target = {
      name: "",
      get client(): Client {
        throw new AssertionError("a dry-run decides by caches and writes nothing");
      },
      caches: { wrote: nothing, deleted: nothing },
      view: this.view(controller),
      memory: new ApplyMemory(),
      problem: () => undefined,
    };
    return { get: (name) => (name === "" ? home : undefined), all: () => [home] };
  }

  /** The object as imagined now, or as it is. */
  async get(kind: Kind, key: ObjectKey): Promise<Live | undefined> {
    const place = placeOf(kind, key);
    return this.#imagined.has(place) ? this.#imagined.get(place) : this.before(kind, key);
  }

  /** The object as it was before the dry-run imagined anything. */
  async before(kind: Kind, key: ObjectKey): Promise<Live | undefined> {
    const place = placeOf(kind, key);
    if (!this.#before.has(place)) this.#before.set(place, await this.#state.get(kind, key));
    return this.#before.get(place);
  }

  /** Imagines that the object is so; returns it as the server would have it. */
  async put(kind: Kind, object: KubeObject): Promise<Live> {
    const key = keyOf(object);
    const known = await this.get(kind, key);
    const { uid = known?.metadata.uid ?? `planned-${keyText(key)}`, name = "" } = object.metadata;
    const resourceVersion = String(++this.#version);
    const live: Live = {
      ...object,
      metadata: { ...object.metadata, name, uid, resourceVersion },
    };
    this.#imagined.set(placeOf(kind, key), live);
    for (const informer of this.#of(kind)) {
      const seen = informer.metadataOnly ? metadataOf(live) : live;
      if (informer.matches(live.metadata.labels)) informer.store.put(seen);
      else if (informer.store.get(key) !== undefined) informer.store.remove(seen);
    }
    return live;
  }

  /** Imagines that it is gone. */
  remove(kind: Kind, live: Live): void {
    const resourceVersion = String(++this.#version);
    this.#imagined.set(placeOf(kind, keyOf(live)), undefined);
    const gone = { ...live, metadata: { ...live.metadata, resourceVersion } };
    for (const informer of this.#of(kind)) {
      if (informer.store.get(keyOf(live)) !== undefined) informer.store.remove(gone);
    }
  }

  *#of(kind: Kind): Generator<Imagined> {
    for (const informer of this.#informers.values()) {
      if (kindId(informer.kind) === kindId(kind)) yield informer;
    }
  }

  async #informer(declared: Declared): Promise<Imagined> {
    const { kind, labelSelector, metadataOnly } = declared;
    const id = `${kindId(kind)}|${labelSelector}|${metadataOnly}`;
    const known = this.#informers.get(id);
    if (known !== undefined) return known;
    const informer: Imagined = {
      kind,
      labelSelector,
      metadataOnly,
      namespaces: [],
      store: new Store({ logger: this.#logger, freeze: true }),
      synced: true,
      problems: [],
      matches: compileSelector(labelSelector),
      whenSynced: () => Promise.resolve(),
    };
    this.#informers.set(id, informer);
    for (const live of await this.#state.list(kind, labelSelector)) {
      this.#version = Math.max(this.#version, Number(live.metadata.resourceVersion) || 0);
      if (!metadataOnly) this.#before.set(placeOf(kind, keyOf(live)), live);
      informer.store.put(metadataOnly ? metadataOf(live) : live);
    }
    return informer;
  }
}

/** Everything that a controller reads. */
export function declaredBy(controller: AnyController): readonly Declared[] {
  const { kind, children, spec } = controller;
  return [
    { kind, labelSelector: "", metadataOnly: false },
    ...children.map((child) => ({
      kind: child.kind,
      labelSelector: stampNames(kind.group).ownerUid,
      metadataOnly: child.metadataOnly ?? false,
    })),
    ...(spec.watches ?? []).map(({ kind: watched, labelSelector = "", metadataOnly, wakes }) => ({
      kind: watched,
      labelSelector,
      metadataOnly: metadataOnly ?? false,
      // Typed by the kind of the informer.
      ...(wakes === undefined ? {} : { wakes: wakes as NonNullable<WatchedKind["wakes"]> }),
    })),
  ];
}

/** Kind, namespace and name in one text. */
export function placeOf(kind: Kind, key: ObjectKey): string {
  return `${kindId(kind)} ${keyText(key)}`;
}

function metadataOf(live: Live): Live {
  return { apiVersion: live.apiVersion, kind: live.kind, metadata: live.metadata };
}
