// Plays mutations on a world and tells what came of them. One world per base is kept as long as it
// is as it was.
import { isDeepStrictEqual } from "node:util";

import type { KubeObject, ObjectKey } from "#controllers/runtime/index.ts";

import type { Manifest } from "../kinds/api-server.ts";
import { applied, fixtures, keyOf } from "./bases.ts";
import { namesPlace } from "./documents.ts";
import type { Mutation } from "./plan.ts";
import type { Step } from "./schema.ts";
import type { Snapshot } from "./snapshot.ts";
import { differing } from "./snapshot.ts";
import { MutationWorld } from "./world.ts";

/** What came of a mutation. */
export interface Outcome {
  /** Breaches of rules that hold for every property. */
  readonly problems: readonly string[];
  /** Where the values of the property make a difference. */
  readonly shows: readonly string[];
  /** What is not as before once the property is as before. */
  readonly residue: readonly string[];
}

interface Play {
  readonly world: MutationWorld;
  readonly before: Seen;
}

interface Seen {
  readonly snapshot: Snapshot;
  readonly refusal: { readonly reason: string; readonly message: string } | undefined;
}

/** See the head of this file. */
export class Stage {
  readonly #kind: string;
  readonly #kept = new Map<string, Play>();

  constructor(kind: string) {
    this.#kind = kind;
  }

  /**
   * Plays them until one shows, or the first only; tells the first if none does. Throws if there is
   * none to play.
   */
  async play(
    mutations: AsyncGenerator<Mutation, string>,
    steps: readonly Step[],
    options: { readonly firstOnly: boolean },
  ): Promise<Outcome> {
    let first: Outcome | undefined;
    for (;;) {
      const next = await mutations.next();
      if (next.done === true) {
        if (first !== undefined) return first;
        throw new Error(`no mutation is accepted: ${next.value}`);
      }
      const { value } = next;
      const outcome = await (value.isHeld
        ? this.#afresh(value, steps)
        : this.#inPlace(value, steps));
      if (outcome.shows.length > 0 || options.firstOnly) return outcome;
      first ??= outcome;
    }
  }

  async end(): Promise<void> {
    for (const { world } of this.#kept.values()) await world.end();
    this.#kept.clear();
  }

  /** One object that is edited again and again. */
  async #inPlace(mutation: Mutation, steps: readonly Step[]): Promise<Outcome> {
    const { base } = mutation;
    const play = this.#kept.get(base.name) ?? (await this.#begin(base.manifest));
    const { world } = play;
    const before = play.before.snapshot;
    const seen: Seen[] = [];
    const problems: string[] = [];
    let served = before;
    const { spec: whole } = base.manifest;
    let last: unknown = whole;
    for (const spec of specsOf(mutation)) {
      const isThere = isDeepStrictEqual(spec, last) && seen.length === 0;
      const now = isThere ? play.before : await this.#see(world, { ...base.manifest, spec });
      last = spec;
      seen.push(now);
      problems.push(...touched(now, served));
      if (now.refusal === undefined) served = now.snapshot;
    }
    const wasLast = isDeepStrictEqual(last, whole) ? seen.at(-1) : undefined;
    let after = wasLast ?? (await this.#see(world, base.manifest));
    if (differing(before, after.snapshot).length > 0) {
      // What waits for others looks again by itself.
      await world.pause();
      after = await this.#see(world, base.manifest);
    }
    const residue = differing(before, after.snapshot);
    const judged = judge(seen, { mutation, steps, base: play.before.refusal });
    problems.push(...world.bugs, ...judged.problems);
    if (residue.length > 0 || world.bugs.length > 0) {
      this.#kept.delete(base.name);
      await world.end();
    } else {
      this.#kept.set(base.name, play);
    }
    return { problems, shows: [...judged.shows, ...shown(seen)], residue };
  }

  /** A new object for each value: the property cannot be edited. */
  async #afresh(mutation: Mutation, steps: readonly Step[]): Promise<Outcome> {
    const { base } = mutation;
    const seen: Seen[] = [];
    const bugs: string[] = [];
    for (const spec of specsOf(mutation)) {
      const { world, before } = await this.#begin({ ...base.manifest, spec });
      seen.push(before);
      bugs.push(...world.bugs);
      await world.end();
    }
    const { problems, shows } = judge(seen, { mutation, steps, base: seen.at(-1)?.refusal });
    return { problems: [...bugs, ...problems], shows: [...shows, ...shown(seen)], residue: [] };
  }

  async #begin(manifest: Manifest): Promise<Play> {
    const world = new MutationWorld(fixtures(this.#kind));
    await world.settle();
    return { world, before: await this.#see(world, manifest) };
  }

  async #see(world: MutationWorld, manifest: Manifest): Promise<Seen> {
    const object: KubeObject = applied(manifest);
    const key: ObjectKey = keyOf(manifest);
    world.put(object);
    await world.settle();
    return {
      snapshot: world.snapshot(this.#kind, key),
      refusal: world.stalled(this.#kind, key),
    };
  }
}

/** A refusal names the property; and one value at least is served, or the field is Unsupported. */
function judge(
  seen: readonly Seen[],
  of: {
    readonly mutation: Mutation;
    readonly steps: readonly Step[];
    /** What the base says anyway. */
    readonly base: Seen["refusal"];
  },
): { readonly problems: readonly string[]; readonly shows: readonly string[] } {
  const refusals = seen.slice(0, of.mutation.values.length).flatMap((one) => one.refusal ?? []);
  const { name } = of.mutation;
  const naming = refusals.filter(
    ({ message }) =>
      message.startsWith("spec: ") ||
      namesPlace(message, of.steps) ||
      // Another place refers to what had this name.
      (name !== undefined && message.endsWith(`.${name}`)),
  );
  const problems = refusals
    .filter((one) => !naming.includes(one) && one.message !== of.base?.message)
    .map(({ reason, message }) => `refused without naming it: ${reason} ${message}`);
  const isRefused = naming.length === of.mutation.values.length;
  if (isRefused && naming.every(({ reason }) => reason !== "Unsupported")) {
    problems.push(`no value of it is served: ${naming.map((one) => one.message).join(" | ")}`);
  }
  return { problems, shows: naming.length > 0 ? ["refusal"] : [] };
}

function specsOf({ values, without }: Mutation): readonly unknown[] {
  return without === undefined ? values : [...values, without];
}

/** Children of our own kinds, which say themselves that they cannot serve what is in them. */
const OWN = /^(ClassRuntime|OdgmCollection) /;

/** What a refused spec has changed, though it may not. */
function touched({ snapshot, refusal }: Seen, before: Snapshot): readonly string[] {
  if (refusal === undefined) return [];
  const changed = differing(before, snapshot)
    .filter((name) => name !== "status")
    .filter((name) => refusal.reason !== "ChildStalled" || !OWN.test(name));
  return changed.map((name) => `refused (${refusal.reason}), but ${name} is not as before`);
}

/** Where what was seen differs from what was seen first. */
function shown(seen: readonly Seen[]): readonly string[] {
  const [first, ...others] = seen;
  if (first === undefined) return [];
  const refused = seen.some((one) => one.refusal !== undefined) ? ["refusal"] : [];
  return [...refused, ...new Set(others.flatMap((one) => differing(first.snapshot, one.snapshot)))];
}
