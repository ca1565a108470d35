// What the OstTarget controller needs from outside Kubernetes: the programs' own words, and the one
// call that is no apply.
import type { OstSeen } from "./plan/plan.ts";

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
  /** True once {@link restartPod} has seen to it that the pod of this uid goes. */
  restarted(podUid: string): boolean;
  /** Deletes a pod if it still is this one. */
  restartPod(pod: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  }): Promise<void>;
}
