// The cached objects of one kind and selector. Two things feed it: what the API server tells
// (lists and watches, through reflectors) and what this process has just written, which counts at
// once, so that no reconcile ever acts on a view that is older than its own last write.
//
// Every own write leaves a floor: until the watch has caught up with it, older news about that key
// is not believed. The other way round, an answer that arrives after the watch has passed its
// version is old news itself: the object may have been deleted since. Source of the idea: JOSDK 5.3
// read-cache-after-write, KEP-5647.
//
// Versions order news only while the server counts on. A server that was restored from a backup may
// give them out again (docs/decisions/0017): a state that the watch has passed and never told shows
// it, and where it is known, own writes count at once until the next list.

import { isDeepStrictEqual } from "node:util";

import type { Logger } from "#api/base/index.ts";

import type { Index } from "../controller/types.ts";
import type { Live, ObjectKey } from "../kinds/kind.ts";
import { keyOf, keyText } from "../kinds/kind.ts";
import { compareVersions } from "./resource-version.ts";

/** A change of one key, told after the store has it. */
export interface StoreChange {
  /** The new object, or the last known state of one that is gone. */
  readonly object: Live;
  readonly previous: Live | undefined;
  readonly gone: boolean;
  /** `Initial` comes with the first list, `Relist` with later ones. */
  readonly cause: "Initial" | "Relist" | "Watch" | "OwnWrite";
  /** For `OwnWrite`: who wrote, as given to {@link Store.wrote}. */
  readonly writer: string;
}

/** Must not throw; if it does, it is logged and the others are still told. */
export type StoreListener = (change: StoreChange) => void;

/** Told of the namespace about which the cache turned out to be wrong. */
export type DoubtListener = (namespace: string) => void;

interface Floor {
  /**
   * `deleted`: the server has confirmed that this uid is gone. `left`: our own write has taken the
   * object out of what is selected.
   */
  readonly kind: "written" | "left" | "deleted";
  readonly uid: string;
  readonly version: string;
  readonly namespace: string;
  /** Which of this store's floors it is, in their order. */
  readonly number: number;
}

/** Answers of the API server are never later than this many deletions. */
const ENDED_MAX = 4_096;

/** Settings of a {@link Store}. */
export interface StoreOptions {
  readonly logger: Logger;
  /** Freezes every object deeply, so that a reconciler that changes one fails; for tests. */
  readonly freeze?: boolean;
}

/** Objects handed out are shared and must not be changed. */
export class Store {
  readonly #logger: Logger;
  readonly #freeze: boolean;
  readonly #objects = new Map<string, Live>();
  readonly #floors = new Map<string, Floor>();
  #floorCount = 0;
  /** Keys with a floor of kind `left`, at least. */
  readonly #leaving = new Set<string>();
  readonly #indexes = new Map<string, DerivedIndex>();
  readonly #listeners = new Set<StoreListener>();
  /** How far the watch has come, by the namespace that it is limited to. */
  readonly #progress = new Map<string, string>();
  /** Ends that were told lately, by uid; only where versions are opaque. */
  readonly #ended = new Set<string>();
  /** What the watches are limited to whose server went back in time, until their next list. */
  readonly #rewound = new Set<string>();
  readonly #doubtListeners = new Set<DoubtListener>();
  #filled = false;

  constructor(options: StoreOptions) {
    this.#logger = options.logger;
    this.#freeze = options.freeze ?? false;
    this.addIndex("namespace", (object) => [object.metadata.namespace ?? ""]);
    this.addIndex("uid", (object) => [object.metadata.uid]);
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Keys whose own write the watch has not shown yet; 0 at rest. */
  get pending(): number {
    return this.#floors.size;
  }

  get(key: ObjectKey): Live | undefined {
    return this.#objects.get(keyText(key));
  }

  values(): IterableIterator<Live> {
    return this.#objects.values();
  }

  /** Objects under `value` of a declared index, in no particular order. */
  lookup(indexName: string, value: string): readonly Live[] {
    const index = this.#indexes.get(indexName);
    if (index === undefined) throw new Error(`index ${indexName} is not declared`);
    const found: Live[] = [];
    for (const text of index.byValue.get(value) ?? []) {
      const object = this.#objects.get(text);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  /** Declares an index; what is there already is indexed. Again under the same name: no effect. */
  addIndex(name: string, values: Index["values"]): void {
    if (this.#indexes.has(name)) return;
    const index: DerivedIndex = { values, byValue: new Map() };
    this.#indexes.set(name, index);
    for (const [text, object] of this.#objects) insert(index, text, object);
  }

  /** Told of every change from now on; returns how to stop. */
  subscribe(listener: StoreListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Told when the cache turns out to be wrong, so that only a list can put it right. */
  onDoubt(listener: DoubtListener): void {
    this.#doubtListeners.add(listener);
  }

  /** A watch event. Older news than what is known is dropped. */
  put(object: Live): void {
    if (this.#isRepeated(object)) return;
    const text = keyText(keyOf(object));
    if (this.#accepts(text, object)) this.#set(text, object, "Watch", "");
  }

  /** A DELETED event; `object` is the last state and carries the version of the deletion. */
  remove(object: Live): void {
    if (this.#isRepeated(object)) return;
    const text = keyText(keyOf(object));
    const floor = this.#floors.get(text);
    if (floor !== undefined) {
      // The end of an earlier object of this name, or somebody had taken it out of what is selected
      // here: we have written a later state. The end itself is always later than our write.
      const order = compareVersions(object.metadata.resourceVersion, floor.version);
      if (order === undefined ? floor.uid !== object.metadata.uid : order < 0) return;
    }
    this.#floors.delete(text);
    this.#rememberEnd(object);
    const current = this.#objects.get(text);
    if (current !== undefined) this.#unset(text, current, "Watch", "");
  }

  /** The watch has told everything up to `version`; `namespace` as in {@link replace}. */
  reached(version: string, namespace?: string): void {
    this.#progress.set(namespace ?? "", version);
    if (this.#leaving.size === 0) return;
    for (const text of this.#leaving) {
      const floor = this.#floors.get(text);
      if (floor?.kind !== "left") this.#leaving.delete(text);
      else if (namespace === undefined || floor.namespace === namespace) {
        const order = compareVersions(version, floor.version);
        // Nothing need ever be told about it again, so no event would lift this floor.
        if (order === undefined || order < 0) continue;
        this.#floors.delete(text);
        this.#leaving.delete(text);
      }
    }
  }

  /** To be taken before a list is asked for, and handed to {@link replace} with it. */
  mark(): number {
    return this.#floorCount;
  }

  /**
   * A complete list at `version`, in one step: nobody sees a half-filled store. Objects that are no
   * longer listed are told as gone. `namespace` limits what the list speaks about. Own writes from
   * before `mark` are in a consistent list, or have never been: the server's data may have been
   * restored from a backup, with versions that go on where they were or beyond.
   */
  replace(objects: readonly Live[], version: string, namespace?: string, mark = 0): void {
    const cause = this.#filled ? "Relist" : "Initial";
    this.#filled = true;
    for (const [text, floor] of this.#floors) {
      const isMeant = namespace === undefined || floor.namespace === namespace;
      if (isMeant && floor.number <= mark) this.#floors.delete(text);
    }
    this.#rewound.delete(namespace ?? "");
    this.reached(version, namespace);
    const listed = new Set<string>();
    const told: StoreChange[] = [];
    for (const object of objects) {
      const text = keyText(keyOf(object));
      listed.add(text);
      if (this.#heldBy(text, object)) continue;
      const previous = this.#objects.get(text);
      // A restored server gives the same versions out again, for other states.
      if (previous === object || isDeepStrictEqual(previous, object)) continue;
      this.#store(text, object, previous);
      told.push({ object, previous, gone: false, cause, writer: "" });
    }
    for (const [text, object] of [...this.#objects]) {
      if (listed.has(text) || !inNamespace(object, namespace)) continue;
      const floor = this.#floors.get(text);
      if (floor?.kind === "written" && isNewer(floor.version, version)) continue;
      this.#floors.delete(text);
      this.#rememberEnd(object);
      this.#drop(text, object);
      told.push({ object, previous: object, gone: true, cause, writer: "" });
    }
    for (const [text, floor] of [...this.#floors]) {
      if (listed.has(text) || floor.kind === "written") continue;
      if (namespace !== undefined && floor.namespace !== namespace) continue;
      // The list may be older than the object whose end we know.
      if (isNewer(floor.version, version)) continue;
      this.#floors.delete(text);
    }
    for (const change of told) this.#tell(change);
  }

  /**
   * The server's answer to a write of this process. Counts at once, unless the watch was faster.
   * `writer` is passed on to listeners, who may want to ignore their own echo.
   */
  wrote(object: Live, writer: string): void {
    if (!this.#isNews(object)) return;
    this.#raise("written", object, object.metadata.resourceVersion);
    this.#set(keyText(keyOf(object)), object, "OwnWrite", writer);
  }

  /**
   * The server's answer to a write of this process that has taken the object out of what this store
   * is about (another label). Without effect on an object that is not here.
   */
  left(object: Live, writer: string): void {
    const text = keyText(keyOf(object));
    const current = this.#objects.get(text);
    if (current?.metadata.uid !== object.metadata.uid || !this.#isNews(object)) return;
    this.#raise("left", object, object.metadata.resourceVersion);
    this.#leaving.add(text);
    this.#unset(text, current, "OwnWrite", writer);
  }

  /** The server has confirmed to this process that the object with this uid is gone. */
  deleted(key: ObjectKey, uid: string, writer: string): void {
    const text = keyText(key);
    const current = this.#objects.get(text);
    if (current?.metadata.uid !== uid) return;
    this.#raise("deleted", current, current.metadata.resourceVersion);
    this.#unset(text, current, "OwnWrite", writer);
  }

  /**
   * The server's data went back in time (restored from a backup): what was seen before may never
   * have been, and its versions do not say what is old. Own writes count at once from now on, and
   * the next list is believed. `namespace` as in {@link replace}.
   */
  rewound(namespace?: string): void {
    this.#rewound.add(namespace ?? "");
  }

  /** What is here of this namespace contradicts what the server does: only a list helps. */
  doubt(namespace: string): void {
    this.rewound(this.#progress.has("") ? undefined : namespace);
    for (const listener of this.#doubtListeners) listener(namespace);
  }

  /** False if the store knows as much as, or more than, this answer to an own write. */
  #isNews(object: Live): boolean {
    const { uid, namespace = "", resourceVersion } = object.metadata;
    if (this.#isRewound(namespace)) return true;
    const current = this.#objects.get(keyText(keyOf(object)))?.metadata;
    const isSame = current?.uid === uid;
    const order = isSame ? compareVersions(resourceVersion, current.resourceVersion) : undefined;
    if (!this.#isPassed(object)) return order === undefined || order > 0;
    if (order === undefined || order <= 0) return false;
    // The watch is beyond a state of this object that it has never told.
    this.doubt(namespace);
    return true;
  }

  #isRewound(namespace: string): boolean {
    if (this.#rewound.size === 0) return false;
    return this.#rewound.has(namespace) || this.#rewound.has("");
  }

  #raise(kind: Floor["kind"], object: Live, version: string): void {
    const { uid, namespace = "" } = object.metadata;
    this.#floorCount += 1;
    const number = this.#floorCount;
    this.#floors.set(keyText(keyOf(object)), { kind, uid, version, namespace, number });
  }

  /** True if the watch is beyond this state already, so that the store knows better. */
  #isPassed(object: Live): boolean {
    const { namespace = "", resourceVersion, uid } = object.metadata;
    const reached = this.#progress.get(namespace) ?? this.#progress.get("");
    const order = reached === undefined ? undefined : compareVersions(resourceVersion, reached);
    return order === undefined ? this.#ended.has(uid) : order <= 0;
  }

  /** True if the watch has told this before: it may since have told the end of it too. */
  #isRepeated({ metadata: { namespace = "", resourceVersion } }: Live): boolean {
    const reached = this.#progress.get(namespace) ?? this.#progress.get("");
    const order = reached === undefined ? undefined : compareVersions(resourceVersion, reached);
    return order !== undefined && order <= 0;
  }

  #rememberEnd({ metadata: { resourceVersion, uid } }: Live): void {
    // How far the watch has come says more, where that can be told.
    if (compareVersions(resourceVersion, "0") !== undefined) return;
    this.#ended.add(uid);
    if (this.#ended.size <= ENDED_MAX) return;
    const oldest = this.#ended.keys().next();
    if (oldest.done !== true) this.#ended.delete(oldest.value);
  }

  #accepts(text: string, object: Live): boolean {
    if (this.#heldBy(text, object)) return false;
    const current = this.#objects.get(text);
    if (current === undefined) return true;
    const order = compareVersions(
      object.metadata.resourceVersion,
      current.metadata.resourceVersion,
    );
    return order === undefined || order > 0;
  }

  /** True if a floor says that this news is old. Lifts the floor when the news has reached it. */
  #heldBy(text: string, object: Live): boolean {
    const floor = this.#floors.get(text);
    if (floor === undefined) return false;
    if (floor.kind === "deleted" && floor.uid === object.metadata.uid) return true;
    const order = compareVersions(object.metadata.resourceVersion, floor.version);
    // Opaque versions: wait for exactly the one that we wrote, or for a relist without the key.
    if (order === undefined || order < 0) return true;
    this.#floors.delete(text);
    return false;
  }

  #set(text: string, object: Live, cause: StoreChange["cause"], writer: string): void {
    const previous = this.#objects.get(text);
    this.#store(text, object, previous);
    this.#tell({ object, previous, gone: false, cause, writer });
  }

  #unset(text: string, object: Live, cause: StoreChange["cause"], writer: string): void {
    this.#drop(text, object);
    this.#tell({ object, previous: object, gone: true, cause, writer });
  }

  #store(text: string, object: Live, previous: Live | undefined): void {
    if (this.#freeze) deepFreeze(object);
    this.#objects.set(text, object);
    for (const index of this.#indexes.values()) {
      if (previous !== undefined) erase(index, text, previous);
      insert(index, text, object);
    }
  }

  #drop(text: string, object: Live): void {
    this.#objects.delete(text);
    for (const index of this.#indexes.values()) erase(index, text, object);
  }

  #tell(change: StoreChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (cause) {
        this.#logger.error("listener of a cache failed", { cause });
      }
    }
  }
}

interface DerivedIndex {
  readonly values: Index["values"];
  readonly byValue: Map<string, Set<string>>;
}

function insert(index: DerivedIndex, text: string, object: Live): void {
  for (const value of index.values(object)) {
    const keys = index.byValue.get(value);
    if (keys === undefined) index.byValue.set(value, new Set([text]));
    else keys.add(text);
  }
}

function erase(index: DerivedIndex, text: string, object: Live): void {
  for (const value of index.values(object)) {
    const keys = index.byValue.get(value);
    keys?.delete(text);
    if (keys?.size === 0) index.byValue.delete(value);
  }
}

function inNamespace(object: Live, namespace: string | undefined): boolean {
  return namespace === undefined || (object.metadata.namespace ?? "") === namespace;
}

/** False where it cannot be known: then the list, being complete, is believed. */
function isNewer(version: string, than: string): boolean {
  const order = compareVersions(version, than);
  return order !== undefined && order > 0;
}

function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
}
