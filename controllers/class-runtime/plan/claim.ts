// Who owns a class in an environment: the wire id "package.Class" means one runtime there, whatever
// namespace it lives in.

import type { ClassRuntime } from "#api/oaas/v1alpha1/index.ts";
import { compareText } from "#controllers/objects/index.ts";

/**
 * The first of the runtimes that claim the same class: the oldest; among equally old ones (times
 * have whole seconds) one that was served already, so that a newcomer never takes over; then by
 * uid.
 */
export function firstClaimant(claimants: readonly ClassRuntime[]): ClassRuntime | undefined {
  const servedFirst = (runtime: ClassRuntime): number =>
    runtime.status?.acceptedGeneration === undefined ? 1 : 0;
  return claimants.toSorted(
    (a, b) =>
      compareText(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "") ||
      servedFirst(a) - servedFirst(b) ||
      compareText(a.metadata.uid ?? "", b.metadata.uid ?? ""),
  )[0];
}
