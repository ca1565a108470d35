// Test material: documents that are sets of words, and histories of writes on several replicas.
import fc from "fast-check";

import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";

import { latestStamp } from "../cells.ts";
import type { Documents, MergeWrite, ObjectState, Stamp } from "../index.ts";
import { applyMergeWrite, digestInput, mergeObjects } from "../index.ts";
import { laterStamp } from "../stamp.ts";

/** A grow-only set of words as text with commas; the bytes keep the order in which words came. */
export const wordDocuments: Documents = {
  merge: (a, b) => utf8Encode([...new Set([...words(a), ...words(b)])].join(",")),
  identity: (document) => utf8Encode([...words(document)].sort().join(",")),
  isValid: (document) => utf8Decode(document) !== undefined,
};

function words(document: Uint8Array): ReadonlySet<string> {
  const text = utf8Decode(document);
  assert(text !== undefined, "test documents are text");
  return new Set(text.split(",").filter((word) => word !== ""));
}

/** What happens to one object: a write at a replica, or one replica learning from another. */
export type Step =
  | { readonly kind: "write"; readonly replica: number; readonly write: MergeWrite }
  | { readonly kind: "learn"; readonly replica: number; readonly from: number };

/** Random requests on a handful of entries of every kind. */
export const anyWrite: fc.Arbitrary<MergeWrite> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("mutate" as const),
      sets: fc.array(
        fc.oneof(
          entry("register", fc.constantFrom("x", "y", "")),
          entry("counter", fc.integer({ min: -3, max: 5 }).map(String)),
          entry("map", fc.constantFrom('{"a":1}', '{"a":2,"b":[1]}', '{"c":"é"}', "{}")),
          entry("document", fc.constantFrom("one", "two", "three,one")),
        ),
        { maxLength: 3 },
      ),
      deletes: fc.array(fc.constantFrom("p", "q"), { maxLength: 1 }),
      create: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      key: fc.constantFrom("p", "q"),
      amount: fc.integer({ min: -2, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "delete" as const }) },
);

function entry<K extends "register" | "counter" | "map" | "document">(
  kind: K,
  text: fc.Arbitrary<string>,
): fc.Arbitrary<{ key: string; kind: K; value: Uint8Array }> {
  return fc
    .tuple(fc.constantFrom("p", "q"), text)
    .map(([key, value]) => ({ key, kind, value: utf8Encode(value) }));
}

/** A history of `replicas` replicas. */
export function anyHistory(replicas: number): fc.Arbitrary<readonly Step[]> {
  const replica = fc.nat(replicas - 1);
  return fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("write" as const), replica, write: anyWrite }),
      fc.record({ kind: fc.constant("learn" as const), replica, from: replica }),
    ),
    { maxLength: 25 },
  );
}

/** The states of all replicas after the history, with every state that was there on the way. */
export function play(
  steps: readonly Step[],
  replicas: number,
): { readonly ends: readonly (ObjectState | undefined)[]; readonly seen: readonly ObjectState[] } {
  const ends: (ObjectState | undefined)[] = new Array<undefined>(replicas).fill(undefined);
  const seen: ObjectState[] = [];
  for (const [at, step] of steps.entries()) {
    const before = ends[step.replica];
    if (step.kind === "learn") {
      ends[step.replica] = join(before, ends[step.from]);
    } else {
      const stamp = { time: (at + 1) * 10 + step.replica, node: `n${step.replica}` };
      const outcome = applyMergeWrite(before, step.write, stamp, wordDocuments);
      if (outcome.kind === "written") ends[step.replica] = outcome.state;
    }
    const after = ends[step.replica];
    if (after !== undefined) seen.push(after);
  }
  return { ends, seen };
}

/** The join, where either may be unknown. */
export function join(
  a: ObjectState | undefined,
  b: ObjectState | undefined,
): ObjectState | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : mergeObjects(a, b, wordDocuments);
}

/** A text that is equal exactly if two states are the same. */
export function fingerprint(state: ObjectState | undefined): string {
  if (state === undefined) return "nothing";
  return Array.from(digestInput(state, wordDocuments)).join(" ");
}

/** The latest stamp that is still in the object. */
export function latestStampOf(state: ObjectState): Stamp | undefined {
  let latest = laterStamp(state.deletedAt, state.existsAt);
  for (const cell of state.cells.values()) latest = laterStamp(latest, latestStamp(cell));
  return latest;
}
