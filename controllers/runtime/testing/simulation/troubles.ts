// Whether an object is well, as its own status says.
import type { Condition } from "#api/meta/index.ts";

import { kindId } from "../../kinds/kind.ts";
import type { Stored } from "../fake-storage.ts";
import type { SimWorld } from "./world.ts";

/** Conditions of any object, empty if it has none. */
export function conditionsOf(object: object): readonly Condition[] {
  const { status } = object as { readonly status?: { readonly conditions?: readonly Condition[] } };
  return status?.conditions ?? [];
}

/** Why this object is not settled; undefined if it is Ready as of its newest generation. */
export function troubleOf({ object }: Stored): string | undefined {
  const { name, generation, deletionTimestamp } = object.metadata;
  const what = `${String(object["kind"])} ${name}`;
  if (deletionTimestamp !== undefined) return `${what} is still being deleted`;
  const ready = conditionsOf(object).find((one) => one.type === "Ready");
  const { status } = object as { readonly status?: { readonly observedGeneration?: number } };
  if (status?.observedGeneration !== generation) {
    return `${what} does not settle: its status is of the past`;
  }
  if (ready?.status === "True") return undefined;
  return `${what} does not settle: ${ready?.message ?? "no Ready"}`;
}

/** Objects of the controllers' own kinds that are not settled. */
export function troublesOf(sim: SimWorld): readonly string[] {
  const kinds = new Map(sim.controllers.map(({ kind }) => [kindId(kind), kind]));
  return [...kinds.values()].flatMap((kind) =>
    sim.server.storage.list(kind).flatMap((stored) => troubleOf(stored) ?? []),
  );
}
