// Every recorded status is one that kstatus reads as one thing: Ready always there, Ready=True never
// with Stalled, Stalled never with Reconciling, each type once, Reconciling and Stalled only when
// True, and a transition time that changes exactly when the status of the condition does.
import type { Condition } from "#api/meta/index.ts";

import { kindId } from "../../../kinds/kind.ts";
import { conditionsOf } from "../troubles.ts";
import type { Invariant } from "../types.ts";
import type { SimWorld } from "../world.ts";

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
  for (const { type, reason } of conditions) {
    if (!/^[A-Za-z]\w*$/.test(reason ?? "")) found.push(`${type} has the reason "${reason ?? ""}"`);
  }
  return found;
}

function moved(before: readonly Condition[], now: readonly Condition[]): readonly string[] {
  return now.flatMap((one) => {
    const old = before.find((other) => other.type === one.type);
    if (old === undefined) return [];
    const same = old.lastTransitionTime === one.lastTransitionTime;
    if (old.status === one.status && !same)
      return [`${one.type} stayed ${one.status} but its time moved`];
    return [];
  });
}

/** See the head of this file. */
export const conditionsAgree: Invariant<SimWorld> = {
  name: "conditions",
  source: "operators.md sections 6.1 and 7.1; kstatus; Kubernetes API conventions",
  begin(world, violated) {
    const ours = new Set(world.kinds.map(kindId));
    world.server.storage.subscribe(({ kind, type, stored, previous, actor }) => {
      if (actor !== "client" || type === "DELETED" || !ours.has(kindId(kind))) return;
      if (stored.object["status"] === undefined) return;
      const now = conditionsOf(stored.object);
      const before = previous === undefined ? [] : conditionsOf(previous.object);
      if (now === before) return;
      for (const problem of [...problems(now), ...moved(before, now)]) {
        violated(`${kind.kind} ${stored.object.metadata.name}: ${problem}`);
      }
    });
    return undefined;
  },
};
