// What the OstTarget controller needs from outside Kubernetes: the programs' own words, and the
// calls that are no apply.
import type { CloseDisk, OpenDisk, OstSeen, RestartPod } from "./plan/plan.ts";

/** The port; the operator implements it. */
export interface TargetPort {
  /**
   * What the program of this target last said. Asks `statusUrl` from now on; another URL replaces
   * the one before, undefined lets go. A change that matters wakes the target. The first answer is
   * waited for, though not for long: an operator that has just started must not take a target that
   * it has not asked yet for one that does not answer.
   */
  seen(name: string, statusUrl: string | undefined): OstSeen | Promise<OstSeen>;
  /** Wakes targets by name. */
  start(wake: (name: string) => void): () => void;
  /**
   * True if {@link restartPod} has seen to it, not long ago, that the pod of this uid goes: the
   * caches may not show that yet.
   */
  restarted(podUid: string): boolean;
  /** Deletes a pod if it still is this one. Whether it went is seen, or it is asked again. */
  restartPod(pod: Omit<RestartPod, "kind">): Promise<void>;
  /**
   * Durably has the program take no new objects, or take them again. What it says afterwards is
   * asked at once and wakes the target. Rejects if the program did not do it.
   */
  turnDisk(order: CloseDisk | OpenDisk): Promise<void>;
}
