// Which mutations a property gets: values that a real API server accepts in one of the bases.
import { isDeepStrictEqual } from "node:util";

import type { ApiServer, Manifest } from "../kinds/api-server.ts";
import type { Base } from "./bases.ts";
import { valueAt, withoutNeighbours, withParts, withValue } from "./documents.ts";
import { samplesWith } from "./sources.ts";
import { CHOSEN_ONCE, VALUES } from "./exceptions.ts";
import type { Property, Schema } from "./schema.ts";
import { legalValues } from "./values.ts";

/** What is done to one property. */
export interface Mutation {
  readonly base: Base;
  /** Specs that differ in the property alone: with a value, with another one. */
  readonly values: readonly unknown[];
  /** The same without it; absent if it cannot be taken away. */
  readonly without?: unknown;
  /** The value in the base, if it is a text: what others may refer to. */
  readonly name?: string;
  /** The property cannot change any more once the object is there. */
  readonly isHeld: boolean;
}

/**
 * Mutations that the server accepts, the most telling base first. Ends with what the server said last
 * if there is none.
 */
export async function* planMutations(
  api: ApiServer,
  of: {
    readonly kind: string;
    readonly property: Property;
    readonly schema: Schema;
    readonly bases: readonly Base[];
  },
): AsyncGenerator<Mutation, string> {
  const { property } = of;
  let last = "no base has a place for it";
  for (const base of inOrder(of.bases, property)) {
    const { spec } = base.manifest;
    for (const document of surroundings(spec, of)) {
      const found = await tryIn(api, { ...of, base, document });
      if (typeof found !== "string") yield found;
      else last = found;
      if (typeof found !== "string") break;
    }
  }
  return last;
}

/** Specs in which the property has what it needs beside it, the base itself first. */
function* surroundings(
  spec: unknown,
  { kind, property, schema }: { kind: string; property: Property; schema: Schema },
): Generator<unknown> {
  yield spec;
  yield* withoutNeighbours(spec, property.steps, schema);
  for (const document of withParts(spec, samplesWith(kind, property), schema)) {
    yield document;
    yield* withoutNeighbours(document, property.steps, schema);
  }
}

/** Bases that set the property come first, of the others the smallest. */
function inOrder(bases: readonly Base[], { steps }: Property): readonly Base[] {
  const sets = (base: Base): boolean => valueAt(base.manifest.spec, steps) !== undefined;
  return [...bases.filter(sets), ...bases.filter((base) => !sets(base)).toReversed()];
}

async function tryIn(
  api: ApiServer,
  of: {
    readonly kind: string;
    readonly property: Property;
    readonly schema: Schema;
    readonly base: Base;
    readonly document: unknown;
  },
): Promise<Mutation | string> {
  const { kind, property, schema, base, document } = of;
  const { steps, path } = property;
  const put = (value: unknown): unknown => withValue(document, steps, value, schema);
  const existing = valueAt(document, steps);
  const known = VALUES[kind]?.[path];
  const none = property.schema.type === "array" ? [[]] : [];
  const legal = known ?? [
    ...legalValues(property.schema),
    ...(property.schema.enum ?? []),
    ...none,
  ];
  const candidates = existing === undefined ? legal : [existing, ...legal];
  const values: unknown[] = [];
  let isHeld = CHOSEN_ONCE[kind]?.[path] !== undefined;
  let last = "";
  for (const candidate of candidates) {
    if (values.length === 2) break;
    const spec = put(candidate);
    if (values.some((one) => isDeepStrictEqual(one, spec))) continue;
    const answer = await ask(api, base, spec);
    if (answer.kind === "refused") last = answer.message;
    else values.push(spec);
    isHeld ||= answer.kind === "held";
  }
  if (values.length === 0) return last;
  const without = put(undefined);
  const answer = await ask(api, base, without);
  const mayGo = answer.kind !== "refused" && !values.some((one) => isDeepStrictEqual(one, without));
  if (values.length + (mayGo ? 1 : 0) < 2) return last === "" ? "it has one value only" : last;
  return {
    base,
    values,
    isHeld: isHeld || answer.kind === "held",
    ...(typeof existing === "string" ? { name: existing } : {}),
    ...(mayGo ? { without } : {}),
  };
}

type Asked =
  | { readonly kind: "accepted" }
  /** For a new object, but not for the one that is there. */
  | { readonly kind: "held" }
  | { readonly kind: "refused"; readonly message: string };

async function ask(api: ApiServer, base: Base, spec: unknown): Promise<Asked> {
  const manifest: Manifest = { ...base.manifest, spec };
  if ((await api.update(manifest, { dryRun: true })).ok) return { kind: "accepted" };
  const fresh = { ...manifest, metadata: { name: `${manifest.metadata.name}-new` } };
  const answer = await api.create(fresh, { dryRun: true });
  return answer.ok ? { kind: "held" } : { kind: "refused", message: answer.message };
}
