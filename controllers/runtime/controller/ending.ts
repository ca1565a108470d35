// The end of an object that bears our finalizer: children that nobody else deletes, calls that undo
// what is outside Kubernetes, and at last the finalizer itself.

import { errorMessage } from "#api/base/index.ts";
import { REASONS } from "#api/meta/index.ts";

import { removeFinalizer } from "../finalizers/finalizers.ts";
import type { Live } from "../kinds/kind.ts";
import type { Pass, PassResult, Steps, StepsOptions } from "./steps.ts";
import { retryOf, sooner } from "./steps.ts";
import type { Finalization, Outcome } from "./types.ts";

const FINALIZING_REQUEUE_MS = 10_000;

/** What is in the way of the end. */
interface Obstacle {
  readonly reason: string;
  readonly message: string;
}

/** Verdict for objects whose controller has nothing to undo itself. */
const DONE: Finalization<unknown> = { kind: "done" };

/** See the head of this file. */
export class Ending {
  readonly #options: StepsOptions;
  readonly #steps: Steps;

  constructor(options: StepsOptions, steps: Steps) {
    this.#options = options;
    this.#steps = steps;
  }

  /**
   * One pass of an object that is being deleted and bears our finalizer: undoes what has to be
   * undone and, once it is, lets the object go.
   */
  async pass(pass: Pass, signal: AbortSignal): Promise<PassResult> {
    const { name, escapeAnnotation, timeoutMs } = this.#steps.finalizer;
    if (pass.live.metadata.annotations?.[escapeAnnotation] === "true") {
      await this.#abandon(pass, signal);
      return this.#release(pass, name, signal);
    }
    const { defaults, finalizer } = this.#steps.spec;
    const verdict = finalizer?.finalize(pass.observed, this.#steps.now(), defaults) ?? DONE;
    const undone = await this.#undo(pass, verdict, signal);
    const { failure, changed = false } = undone;
    let { problem } = undone;
    if (verdict.kind === "done" && problem === undefined) {
      problem = await this.#cleanUp(pass, signal);
      if (problem === undefined) return this.#release(pass, name, signal);
    }
    const deletedAtMs = Date.parse(pass.live.metadata.deletionTimestamp ?? "");
    const overdue = this.#options.world.clock.nowMs() - deletedAtMs >= timeoutMs;
    const said =
      problem ??
      (verdict.kind === "waiting"
        ? { reason: verdict.reason, message: verdict.message }
        : { reason: REASONS.Deleting, message: "" });
    const outcome: Outcome = { kind: "finalizing", ...said, overdue };
    const statusWaitMs = await this.#steps.writeStatus(pass, outcome, signal);
    if (failure !== undefined) return { kind: "failed", ...retryOf(failure) };
    const wishMs = verdict.kind === "waiting" ? verdict.requeueAfterMs : undefined;
    const result: PassResult = { kind: "done", requeueAfterMs: wishMs ?? FINALIZING_REQUEUE_MS };
    return sooner(result, [
      ...(statusWaitMs > 0 ? [statusWaitMs] : []),
      ...(changed && verdict.kind === "waiting" ? [0] : []),
    ]);
  }

  /**
   * Deletes the children that nobody else will, and waits for their end. A user who orphans wants
   * them to stay.
   */
  async #cleanUp(pass: Pass, signal: AbortSignal): Promise<Obstacle | undefined> {
    if (isOrphaning(pass.live)) return undefined;
    const { applier } = this.#options;
    const parent = this.#steps.parent(pass);
    const message = applier.problem;
    if (message !== undefined) return { reason: REASONS.Unreachable, message };
    const result = await applier.prune(parent, "out-of-reach", signal);
    this.#steps.tell(pass, result.changeSet);
    if (result.kind === "refused") return result.refusal;
    if (result.kind === "failed") return result;
    const left = applier.outOfReach(parent).length;
    return left === 0
      ? undefined
      : { reason: REASONS.Deleting, message: `${left} children are still going` };
  }

  /** The user lets the object go undone; what can be deleted of its children still is. */
  async #abandon(pass: Pass, signal: AbortSignal): Promise<void> {
    const { applier, teller } = this.#options;
    const { name } = this.#steps.finalizer;
    let note = "let go by annotation; its children stay";
    if (!isOrphaning(pass.live)) {
      const which = this.#steps.spec.finalizer === undefined ? "out-of-reach" : "all";
      const result = await applier.prune(this.#steps.parent(pass), which, signal);
      this.#steps.tell(pass, result.changeSet);
      const left =
        result.kind === "done"
          ? applier.problem
          : result.kind === "refused"
            ? result.refusal.message
            : result.message;
      const told = left === undefined ? "its children were deleted" : `left behind: ${left}`;
      note = `let go by annotation; ${told}`;
    }
    pass.log.warn("finalizer given up by annotation", { finalizer: name, note });
    teller.abandoned(pass.live, note);
  }

  /** Children and calls of a finalization; says what is still in the way. */
  async #undo(
    pass: Pass,
    verdict: Finalization<unknown>,
    signal: AbortSignal,
  ): Promise<{
    readonly problem?: Obstacle;
    readonly failure?: unknown;
    readonly changed?: boolean;
  }> {
    let changed = false;
    if (verdict.children !== undefined) {
      const parent = this.#steps.parent(pass);
      const result = await this.#options.applier.apply(parent, verdict.children, signal);
      this.#steps.tell(pass, result.changeSet);
      changed = result.changeSet.changed;
      if (changed) await this.#steps.observeAgain(pass);
      if (result.kind === "refused") {
        return { problem: { reason: result.refusal.reason, message: result.refusal.message } };
      }
      if (result.kind === "failed") {
        return {
          problem: { reason: result.reason, message: result.message },
          failure: result.cause,
        };
      }
      const left = this.#leftOver(pass, verdict.children.length);
      if (verdict.kind === "done" && left > 0) {
        return {
          problem: { reason: REASONS.Deleting, message: `${left} children are still going` },
        };
      }
    }
    if (verdict.kind === "done") return {};
    try {
      await this.#steps.call(verdict.calls ?? [], signal);
      return { changed };
    } catch (cause) {
      if (signal.aborted) throw cause;
      const problem = { reason: REASONS.Unreachable, message: errorMessage(cause) };
      return { problem, failure: cause };
    }
  }

  /** Children that are neither kept nor still wanted. */
  #leftOver(pass: Pass, wanted: number): number {
    const keep = `${this.#steps.kind.group}/prune`;
    const inventory = this.#options.applier
      .inventory(this.#steps.parent(pass))
      .filter(({ live }) => live.metadata.annotations?.[keep] !== "Keep");
    return Math.max(0, inventory.length - wanted);
  }

  async #release(pass: Pass, name: string, signal: AbortSignal): Promise<PassResult> {
    const { client, informers, ownWrites, controller } = this.#options;
    const { fieldManager } = controller;
    const options = { name, fieldManager, signal };
    const left = await removeFinalizer(client, this.#steps.kind, pass.live, options);
    const { uid } = pass.live.metadata;
    pass.log.info("finalizer removed", { finalizer: name });
    if (left !== undefined && (left.metadata.finalizers ?? []).length > 0) {
      ownWrites.wrote(informers, this.#steps.kind, left, pass.key);
      return { kind: "done" };
    }
    // Without a finalizer the server has removed it in the same step. No other news of it comes.
    ownWrites.deleted(informers, this.#steps.kind, { key: pass.key, uid }, pass.key);
    return { kind: "gone" };
  }
}

/** `kubectl delete --cascade=orphan`. */
function isOrphaning(live: Live): boolean {
  return live.metadata.finalizers?.includes("orphan") ?? false;
}
