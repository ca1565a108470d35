// Every recorded status is one that kstatus reads as one thing: Ready always there, Ready=True never
// with Stalled, Stalled never with Reconciling, each type once, Reconciling and Stalled only when True, and a
// transition time that changes exactly when the status of the condition does.
import type { Condition } from "#api/meta/index.ts";

import { OWN_KINDS } from "../world/kinds.ts";
import { conditionsOf } from "../world/users.ts";
import type { Invariant } from "./invariant.ts";

const OURS = new Set(OWN_KINDS.map((kind) => kind.plural));

function problems(conditions: readonly Condition[]): readonly string[] {
  const status = new Map(conditions.map((one) => [one.type, one.status]));
  const ready = status.get("Ready");
  const found: string[] = [];
  if (status.size !== conditions.length) found.push("a type is there twice");
  if (ready === undefined) found.push("Ready is missing");
  for (const type of ["Stalled", "Reconciling"]) {
    const value = status.get(type);
    if (value !== undefined && value !== "True") found.push(`${type} is there but ${value}`);
  }
  if (ready === "True" && status.get("Stalled") === "True") {
    found.push("Ready and Stalled are both True");
  }
  if (status.get("Stalled") === "True" && status.get("Reconciling") === "True") {
    found.push("Stalled and Reconciling are both True");
  }
  return found;
}

function moved(before: readonly Condition[], now: readonly Condition[]): readonly string[] {
  return now.flatMap((one) => {
    const old = before.find((other) => other.type === one.type);
    if (old === undefined || old.status !== one.status) return [];
    return old.lastTransitionTime === one.lastTransitionTime
      ? []
      : [`${one.type} stayed ${one.status} but its time moved`];
  });
}

/** See the head of this file. */
export const conditionsAgree: Invariant = {
  name: "conditions",
  source: "operators.md section 7.1; design.md section 1, Status",
  begin(world, violated) {
    world.server.storage.subscribe(({ kind, type, stored, previous }) => {
      if (!OURS.has(kind.plural) || type === "DELETED") return;
      const now = conditionsOf(stored.object);
      if (stored.object["status"] === undefined) return;
      const before = previous === undefined ? [] : conditionsOf(previous.object);
      for (const problem of [...problems(now), ...moved(before, now)]) {
        violated(`${kind.kind} ${stored.object.metadata.name}: ${problem}`);
      }
    });
    return undefined;
  },
};
