// Whose is an object that bears the name of a child? Judged by metadata only. No I/O, no state.

import type { Live } from "../kinds/kind.ts";
import type { Parent, StampNames } from "./stamp.ts";
import { ownerText } from "./stamp.ts";

/** The verdict. */
export type Claim =
  | { readonly kind: "ours" }
  /** Made for a deleted parent of the same name; the garbage collector will take it. */
  | { readonly kind: "predecessor" }
  | { readonly kind: "foreign"; readonly owner: string };

/** Whose object is it? `adopt`: what has no owner that we know is taken. */
export function claimOf(live: Live, parent: Parent, names: StampNames, adopt: boolean): Claim {
  const { uid } = parent.object.metadata;
  const controller = live.metadata.ownerReferences?.find((one) => one.controller === true);
  if (controller !== undefined && controller.uid !== uid) {
    const sameName =
      controller.kind === parent.kind.kind &&
      controller.name === parent.object.metadata.name &&
      live.metadata.annotations?.[names.owner] === ownerText(parent);
    return sameName
      ? { kind: "predecessor" }
      : { kind: "foreign", owner: `${controller.kind} ${controller.name}` };
  }
  if (controller?.uid === uid) return { kind: "ours" };
  const owner = live.metadata.annotations?.[names.owner];
  // The same text under another uid: kept, orphaned or handed over, now found again.
  if (owner === ownerText(parent)) return { kind: "ours" };
  if (owner !== undefined) return { kind: "foreign", owner };
  const label = live.metadata.labels?.[names.ownerUid];
  if (adopt || label === uid) return { kind: "ours" };
  return { kind: "foreign", owner: label === undefined ? "nobody we know" : `uid ${label}` };
}
