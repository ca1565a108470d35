// What is remembered between passes about children that we have applied. Losing it costs at most
// one apply per child that the server stores otherwise than we wrote it; nothing else rests on it.

import type { KubeObject, Live } from "../kinds/kind.ts";
import { keyOf, keyText } from "../kinds/kind.ts";
import type { Difference } from "./match.ts";

interface Remembered {
  readonly uid: string;
  /** contentHash of what was applied or found equal. */
  readonly content: string;
  readonly version: string;
  /** Where the server's answer to our apply differed from it: path to live value. */
  readonly accepted: ReadonlyMap<string, string>;
}

const NONE: ReadonlyMap<string, string> = new Map();

/** By uid of the parent, then by kind and key of the child. Bounded by twice what is rendered. */
export class ApplyMemory {
  readonly #byParent = new Map<string, Map<string, Remembered>>();

  /** An apply was answered; `remaining` is where the answer still differs. */
  applied(parentUid: string, live: Live, content: string, remaining: readonly Difference[]): void {
    const accepted =
      remaining.length === 0 ? NONE : new Map(remaining.map((one) => [one.path, one.live]));
    this.#set(parentUid, live, content, accepted);
  }

  /** A live object was found to be as desired without writing. */
  matched(parentUid: string, live: Live, content: string): void {
    if (this.#get(parentUid, live)?.content === content) return;
    this.#set(parentUid, live, content, NONE);
  }

  /** True if a child has been in this place before, whatever became of it. */
  wasThere(parentUid: string, live: Live): boolean {
    return this.#byParent.get(parentUid)?.has(place(live)) ?? false;
  }

  /** True if this very content was in place before: then a difference is somebody else's doing. */
  wasApplied(parentUid: string, live: Live, content: string): boolean {
    return this.#get(parentUid, live)?.content === content;
  }

  /** True if a metadata-only child has changed since our last write, as far as we know. */
  touchedSince(parentUid: string, live: Live): boolean {
    const known = this.#get(parentUid, live);
    return known !== undefined && known.version !== live.metadata.resourceVersion;
  }

  /** `found` without what the server has always answered to this content. */
  withoutAccepted(
    parentUid: string,
    live: Live,
    content: string,
    found: readonly Difference[],
  ): readonly Difference[] {
    const known = this.#get(parentUid, live);
    if (known?.content !== content || known.accepted.size === 0) return found;
    return found.filter((one) => known.accepted.get(one.path) !== one.live);
  }

  /** We have pruned it ourselves: if it comes again, that is no fight. */
  pruned(parentUid: string, live: Live): void {
    this.#byParent.get(parentUid)?.delete(place(live));
  }

  /** These are all children now: about others, no more is remembered than there are of these. */
  retain(parentUid: string, wanted: readonly KubeObject[]): void {
    const children = this.#byParent.get(parentUid);
    if (children === undefined || children.size <= wanted.length) return;
    const places = new Set(wanted.map(place));
    for (const known of [...children.keys()]) if (!places.has(known)) children.delete(known);
  }

  /** Drops everything about a parent. */
  forget(parentUid: string): void {
    this.#byParent.delete(parentUid);
  }

  #get(parentUid: string, live: Live): Remembered | undefined {
    const known = this.#byParent.get(parentUid)?.get(place(live));
    return known?.uid === live.metadata.uid ? known : undefined;
  }

  #set(
    parentUid: string,
    live: Live,
    content: string,
    accepted: ReadonlyMap<string, string>,
  ): void {
    let children = this.#byParent.get(parentUid);
    if (children === undefined) {
      children = new Map();
      this.#byParent.set(parentUid, children);
    }
    const { uid, resourceVersion: version } = live.metadata;
    children.set(place(live), { uid, content, version, accepted });
  }
}

function place(child: KubeObject): string {
  return `${child.kind} ${keyText(keyOf(child))}`;
}
