// What a pass has to tell besides the status: Events about changed conditions, undone changes and
// pruned children, about what the controller itself wants told, and about passes that failed before
// a status could be computed.

import { errorMessage } from "#api/base/index.ts";
import type { Condition } from "#api/meta/index.ts";
import { conditions as types, REASONS } from "#api/meta/index.ts";

import { ApiError, NotLeaderError } from "../client/errors.ts";
import type { Live } from "../kinds/kind.ts";
import type { EventInput, EventRecorder } from "../lifecycle/events.ts";
import type { ChangeSet, StatusDraft } from "./types.ts";

/** See the head of this file. */
export class Teller {
  readonly #events: EventRecorder;

  constructor(events: EventRecorder) {
    this.#events = events;
  }

  /** What was done to children that a user may wonder about. */
  changes(regarding: Live, changeSet: ChangeSet): void {
    for (const { action, kind, name, paths } of changeSet.changes) {
      if (action === "Reverted") {
        const where = (paths ?? []).join(", ");
        this.#record(regarding, {
          type: "Warning",
          reason: REASONS.Reverted,
          action: "Revert",
          note: `${kind} ${name} was changed by somebody else at ${where}`,
        });
      } else if (action === "Deleted") {
        this.#record(regarding, {
          type: "Normal",
          reason: REASONS.Pruned,
          action: "Prune",
          note: `${kind} ${name} is no longer wanted`,
        });
      }
    }
  }

  /** A change of Ready or Stalled is worth an Event; anything else is in the status. */
  conditions(regarding: Live, previous: readonly Condition[], current: readonly Condition[]): void {
    const before = new Map(previous.map((condition) => [condition.type, condition]));
    const stalled = current.find((condition) => condition.type === types.STALLED);
    const told = stalled ?? current.find((condition) => condition.type === types.READY);
    if (told === undefined) return;
    const old = before.get(told.type);
    if (old?.status === told.status && old.reason === told.reason) return;
    const well = told.type === types.READY && told.status === "True";
    const working = stalled === undefined && current.some(({ type }) => type === types.RECONCILING);
    // What was well and is not any more is worth a warning, even if it is being worked on.
    const lost = told.type === types.READY && old?.status === "True";
    const type = well || (working && !lost) ? "Normal" : "Warning";
    const { reason, message: note } = told;
    this.#record(regarding, { type, reason, action: "Reconcile", note });
  }

  /** What the controller wants told. */
  draft(regarding: Live, draft: StatusDraft): void {
    for (const { type, reason, action, message: note } of draft.events ?? []) {
      this.#record(regarding, { type, reason, action: action ?? "Reconcile", note });
    }
  }

  /** Status cannot be computed without an observation, so an Event must tell. */
  failure(regarding: Live | undefined, cause: unknown, signal: AbortSignal): void {
    const passing = cause instanceof ApiError && cause.status === 409;
    if (passing || cause instanceof NotLeaderError || signal.aborted) return;
    if (regarding === undefined) return;
    this.#record(regarding, {
      type: "Warning",
      reason: "ReconcileFailed",
      action: "Reconcile",
      note: errorMessage(cause),
    });
  }

  /** A finalizer let go although its work is not done. */
  abandoned(regarding: Live, note: string): void {
    this.#record(regarding, { type: "Warning", reason: "Abandoned", action: "Finalize", note });
  }

  /** The object is gone. */
  forget(uid: string): void {
    this.#events.forget(uid);
  }

  #record(regarding: Live, input: Omit<EventInput, "regarding">): void {
    this.#events.record({ regarding, ...input });
  }
}
