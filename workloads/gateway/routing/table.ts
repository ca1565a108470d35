// The routing table of a gateway: what the operator says, and what the file at start says. The
// newer generation of a class wins. What the operator said is kept while it is away; a class that
// its complete snapshot does not name is gone, unless it is away and the file is all that is left
// to ask.
import type { ClsRouting } from "#api/gen/oprc-route_pb.ts";
import type { Logger } from "#api/base/index.ts";

import type { ClassRoute } from "./class-route.ts";
import { indexClass } from "./class-route.ts";

/** What callers need of a table. */
export interface Routes {
  /** The class, or undefined if nobody serves it. */
  find(cls: string): ClassRoute | undefined;
  /** All classes, in no order. */
  all(): Iterable<ClassRoute>;
  /** False until a table was loaded, from wherever. */
  readonly loaded: boolean;
}

/** See the head of the file. */
export class RouteTable implements Routes {
  readonly #log: Logger;
  #file: Map<string, ClassRoute> = new Map();
  #operator: Map<string, ClassRoute> = new Map();
  /** Classes named since the watch began; undefined after its snapshot was complete. */
  #naming: Set<string> | undefined;
  #snapshotComplete = false;
  #operatorPresent = false;
  #loaded = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  /** Number of classes that can be found. */
  get size(): number {
    let count = 0;
    for (const _route of this.all()) count += 1;
    return count;
  }

  find(cls: string): ClassRoute | undefined {
    const told = this.#operator.get(cls);
    const written = this.#file.get(cls);
    if (told === undefined) return this.#fileCounts() ? written : undefined;
    if (written === undefined || !this.#fileCounts()) return told;
    return written.generation > told.generation ? written : told;
  }

  *all(): Iterable<ClassRoute> {
    for (const name of new Set([...this.#operator.keys(), ...this.#file.keys()])) {
      const route = this.find(name);
      if (route !== undefined) yield route;
    }
  }

  /** Replaces what the file says. An invalid entry keeps the one before it. */
  loadFile(entries: readonly ClsRouting[]): void {
    const next = new Map<string, ClassRoute>();
    for (const entry of entries) {
      const route = this.#index(entry, "file") ?? this.#file.get(entry.name);
      if (route !== undefined && !entry.removed) next.set(entry.name, route);
    }
    this.#file = next;
    this.#loaded = true;
  }

  /** A watch began: the operator will name every class, then close the snapshot. */
  watchStarted(): void {
    this.#naming = new Set();
  }

  /** One message of the watch, in order. */
  watchEvent(entry: ClsRouting): void {
    if (entry.snapshotEnd) {
      for (const name of [...this.#operator.keys()]) {
        if (this.#naming?.has(name) === false) this.#operator.delete(name);
      }
      this.#naming = undefined;
      this.#snapshotComplete = true;
      this.#operatorPresent = true;
      this.#loaded = true;
      return;
    }
    this.#naming?.add(entry.name);
    if (entry.removed) {
      this.#operator.delete(entry.name);
      return;
    }
    const route = this.#index(entry, "operator");
    if (route === undefined) return;
    // Its word counts even if the generation is lower: a class may have been deleted and made anew.
    this.#operator.set(entry.name, route);
  }

  /** The watch broke; what it said is kept. */
  watchEnded(): void {
    this.#naming = undefined;
    this.#operatorPresent = false;
  }

  /** Beside a present operator with a complete snapshot the file has nothing to add. */
  #fileCounts(): boolean {
    return !(this.#snapshotComplete && this.#operatorPresent);
  }

  #index(entry: ClsRouting, source: string): ClassRoute | undefined {
    const result = indexClass(entry);
    if (result.kind === "ok") return result.route;
    this.#log.warn("a route was refused", {
      class: entry.name,
      source,
      problem: result.problem,
    });
    return undefined;
  }
}
