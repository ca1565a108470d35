// When a target that is being deleted may go. Pure.
//
// Its program is told first to take no new objects; only a count from after that is the last word.
// The refusal is on the disk, so that neither a restarted program nor a restarted operator undoes
// it.
import { REASONS } from "#api/meta/index.ts";

import type { Observed, ObservedTarget, TargetCall } from "./plan.ts";

/**
 * Annotation whose value is the incarnation of the disk: the target goes with its children although
 * objects are on it, or may be. The disk itself is never wiped.
 */
export const ACCEPT_DATA_LOSS = "rawstor.io/accept-data-loss";

/** What the framework is told; see its type Finalization. */
export type TargetFinalization =
  | { readonly kind: "done"; readonly children: readonly [] }
  | {
      readonly kind: "waiting";
      readonly reason: string;
      readonly message: string;
      readonly calls?: readonly TargetCall[];
    };

/**
 * Done once nothing is on the disk and nothing can come any more, nothing ever was on it, or a user
 * accepts the loss by name; and from then on, until all children are gone.
 */
export function finalize(observed: Observed): TargetFinalization {
  const { record, seen, target, claim } = observed;
  const done: TargetFinalization = { kind: "done", children: [] };
  if (record === undefined || "malformed" in record || record.incarnation === undefined) {
    return done;
  }
  // Deleting the claim comes before deleting the pod, which then says nothing any more.
  if (claim !== "kept") return done;
  const { incarnation } = record;
  if (target.metadata.annotations?.[ACCEPT_DATA_LOSS] === incarnation) return done;
  const way = `annotation ${ACCEPT_DATA_LOSS}=${incarnation} lets it go all the same`;
  if (seen.kind !== "known" || seen.status.incarnation !== incarnation) {
    const message = `its disk is not served, so whether objects are on it is not known; ${way}`;
    return { kind: "waiting", reason: REASONS.Unreachable, message };
  }
  const { objects, closedFor } = seen.status;
  const holder = endOf(target);
  const isClosed = closedFor === holder;
  if (isClosed && objects === 0) return done;
  const calls: readonly TargetCall[] = isClosed
    ? []
    : [{ kind: "close-disk", target: target.metadata.name, holder }];
  if (objects === 0) {
    const message = `its disk shall take no new objects before they are counted last; ${way}`;
    return { kind: "waiting", reason: REASONS.Draining, message, calls };
  }
  const count = objects === 1 ? "1 object is" : `${objects} objects are`;
  return { kind: "waiting", reason: REASONS.InUse, message: `${count} on it; ${way}`, calls };
}

/**
 * Names this end of this target: one that was brought back from a backup and is deleted again has
 * another, so that a disk's word from before that is not taken for one about now.
 */
function endOf({ metadata }: ObservedTarget): string {
  return `${metadata.uid}@${metadata.deletionTimestamp ?? ""}`;
}
