// One pass of one object: calls a controller's functions in order and does what they say. Holds no
// `if` about a domain. Everything it learns is in the caches, so that a pass can be broken off
// anywhere and made again.

import { isDeepStrictEqual } from "node:util";

import type { Logger } from "#api/base/index.ts";
import { assertNever, errorMessage } from "#api/base/index.ts";
import type { Condition } from "#api/meta/index.ts";
import { REASONS } from "#api/meta/index.ts";

import type { Applier, ApplyResult } from "../apply/apply-set.ts";
import type { Informers } from "../cache/informers.ts";
import type { View } from "../cache/reader.ts";
import { CacheReader } from "../cache/reader.ts";
import type { Client } from "../client/client.ts";
import { computeConditions } from "../conditions/conditions.ts";
import type { StatusWriter } from "../conditions/status-writer.ts";
import { findUnsupported } from "../fields/unsupported.ts";
import { addFinalizer, hasFinalizer, removeFinalizer } from "../finalizers/finalizers.ts";
import type { Kind, Live, ObjectKey } from "../kinds/kind.ts";
import { keyText } from "../kinds/kind.ts";
import type { World } from "../lifecycle/timers.ts";
import type { OwnWrites } from "./own-writes.ts";
import type { Rest } from "./rest.ts";
import type { Teller } from "./tell.ts";
import type { AnyController, ChangeSet, Finalization, Outcome, Rendered } from "./types.ts";

/** What a driver needs besides the controller. */
export interface DriverOptions {
  readonly controller: AnyController;
  readonly client: Client;
  readonly informers: Informers;
  readonly view: View;
  readonly applier: Applier;
  readonly statusWriter: StatusWriter;
  readonly ownWrites: OwnWrites;
  readonly rest: Rest;
  readonly teller: Teller;
  readonly world: World;
  readonly logger: Logger;
  /** Told when a pass has undone what somebody else had done to a child. */
  readonly contested: (key: ObjectKey) => void;
}

/** How a pass ended. */
export interface PassResult {
  /** `refused` waits for an edit, or for `retryAfterMs` where that is given. */
  readonly kind: "done" | "gone" | "refused" | "failed";
  readonly requeueAfterMs?: number;
  /** What the queue waits at least. */
  readonly retryAfterMs?: number;
}

const FINALIZING_REQUEUE_MS = 10_000;
const UNSUPPORTED_MAX = 8;
/** A refusal by the API server may pass without an event (quota, a foreign object that goes). */
const REFUSED_RETRY_MS = 10_000;

interface Pass {
  readonly key: ObjectKey;
  readonly reader: CacheReader;
  readonly log: Logger;
  live: Live;
  observed: unknown;
  plan: unknown;
}

/** See the head of this file. Safe for many keys at once, never for the same key twice. */
export class Driver {
  readonly #options: DriverOptions;
  readonly #kind: Kind;
  readonly #spec: AnyController["spec"];
  /** uid by key, to forget what was remembered when the object is gone. */
  readonly #uids = new Map<string, string>();

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#kind = options.controller.kind;
    this.#spec = options.controller.spec;
  }

  /** One pass. Throws what `observe` and the API server's faults throw; the caller retries. */
  async pass(key: ObjectKey, signal: AbortSignal): Promise<PassResult> {
    try {
      return await this.#pass(key, signal);
    } catch (cause) {
      const reader = new CacheReader(this.#options.view, signal, this.#kind.group);
      this.#options.teller.failure(reader.get(this.#kind, key), cause, signal);
      throw cause;
    }
  }

  async #pass(key: ObjectKey, signal: AbortSignal): Promise<PassResult> {
    const reader = new CacheReader(this.#options.view, signal, this.#kind.group);
    const live = reader.get(this.#kind, key);
    if (live === undefined) {
      this.#forget(key);
      return { kind: "gone" };
    }
    this.#remember(key, live);
    const { finalizer } = this.#spec;
    const deleting = live.metadata.deletionTimestamp !== undefined;
    // Its children go with it (garbage collection), and what we must undo is marked by a finalizer.
    if (deleting && (finalizer === undefined || !hasFinalizer(live, finalizer.name))) {
      return { kind: "done" };
    }
    const observed = await this.#spec.observe(key, reader, this.#spec.port);
    if (observed === undefined) return { kind: "gone" };
    const plan = this.#spec.plan(observed, this.#now(), this.#spec.defaults);
    const log = this.#options.logger.child({
      object: keyText(key),
      ...correlationOf(live),
    });
    const pass: Pass = { key, reader, log, live, observed, plan };
    return deleting ? this.#finalize(pass, signal) : this.#reconcile(pass, signal);
  }

  async #reconcile(pass: Pass, signal: AbortSignal): Promise<PassResult> {
    await this.#keepFinalizer(pass, signal);
    const rendered = this.#render(pass);
    const calls = this.#spec.calls?.(pass.plan) ?? [];
    let outcome: Outcome;
    let failure: unknown;
    let changed = false;
    let waitMs = 0;
    if ("refused" in rendered) {
      outcome = { kind: "refused", refusal: rendered.refused };
      const statusWaitMs = await this.#writeStatus(pass, outcome, signal);
      return { kind: "refused", ...(statusWaitMs > 0 ? { retryAfterMs: statusWaitMs } : {}) };
    }
    if ("held" in rendered) {
      outcome = { kind: "held", ...rendered.held };
    } else {
      const result = await this.#options.applier.apply(this.#parent(pass), rendered, signal);
      ({ outcome, failure } = await this.#act(pass, result, signal));
      this.#tell(pass, result.changeSet);
      waitMs = this.#unasked(pass, result.changeSet);
      changed = result.changeSet.changed;
      if (changed) await this.#observeAgain(pass);
    }
    const statusWaitMs = await this.#writeStatus(pass, outcome, signal);
    const concluded = this.#conclude(pass, outcome, failure);
    if (concluded.kind !== "done") return concluded;
    // Our own writes wake nobody, so what follows from them is seen to here.
    const follows = changed && this.#follows(pass, { rendered, calls });
    return sooner(concluded, [
      ...(statusWaitMs > 0 ? [statusWaitMs] : []),
      ...(follows ? [waitMs] : []),
    ]);
  }

  /** True if what the pass has written makes another one do more than this one did. */
  #follows(
    pass: Pass,
    done: { readonly rendered: Rendered; readonly calls: readonly unknown[] },
  ): boolean {
    const rendered = this.#render(pass);
    const calls = this.#spec.calls?.(pass.plan) ?? [];
    return !isDeepStrictEqual({ rendered, calls }, done);
  }

  /** Children that changed without an edit, told to the keeper of rest; how long to wait now. */
  #unasked(pass: Pass, changeSet: ChangeSet): number {
    if (isEdited(pass.live)) return 0;
    const waitMs = this.#options.rest.changedChildren(keyText(pass.key), changeSet);
    if (waitMs > 0) this.#options.contested(pass.key);
    return waitMs;
  }

  /** Render, after the check of what is served at all. */
  #render(pass: Pass): Rendered {
    const { served, render, defaults } = this.#spec;
    if (served !== undefined) {
      const spec = (pass.live as { readonly spec?: unknown }).spec;
      const unsupported = findUnsupported(spec, served);
      const [first, ...others] = unsupported;
      if (first !== undefined) {
        const also = others.slice(0, UNSUPPORTED_MAX).join(", ");
        const message = `not served yet${also === "" ? "" : `; nor ${also}`}`;
        return { refused: { reason: REASONS.Unsupported, message, path: first } };
      }
    }
    return render.call(this.#spec, pass.observed, pass.plan, defaults);
  }

  /** The calls outside Kubernetes, once every child is in place. */
  async #act(
    pass: Pass,
    result: ApplyResult,
    signal: AbortSignal,
  ): Promise<{ readonly outcome: Outcome; readonly failure?: unknown }> {
    switch (result.kind) {
      case "refused": {
        const { explain } = this.#spec;
        const told = explain?.call(this.#spec, pass.observed, pass.plan, result.refusal);
        return { outcome: { kind: "refused", refusal: told ?? result.refusal } };
      }
      case "failed": {
        const { reason, message, changeSet, cause } = result;
        return { outcome: { kind: "failed", reason, message, changeSet }, failure: cause };
      }
      case "done":
        break;
      default:
        return assertNever(result);
    }
    const calls = this.#spec.calls?.(pass.plan) ?? [];
    try {
      await this.#call(calls, signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      return {
        outcome: {
          kind: "failed",
          reason: REASONS.Unreachable,
          message: errorMessage(cause),
          changeSet: result.changeSet,
        },
        failure: cause,
      };
    }
    return { outcome: { kind: "applied", changeSet: result.changeSet } };
  }

  async #call(calls: readonly unknown[], signal: AbortSignal): Promise<void> {
    if (calls.length === 0) return;
    if (this.#spec.act === undefined) throw new TypeError("calls are planned but there is no act");
    await this.#spec.act(calls, this.#spec.port, signal);
  }

  async #finalize(pass: Pass, signal: AbortSignal): Promise<PassResult> {
    const finalizer = this.#spec.finalizer;
    if (finalizer === undefined) return { kind: "done" };
    if (pass.live.metadata.annotations?.[finalizer.escapeAnnotation] === "true") {
      pass.log.warn("finalizer given up by annotation", { finalizer: finalizer.name });
      return this.#release(pass, finalizer.name, signal);
    }
    const verdict = finalizer.finalize(pass.observed, this.#now(), this.#spec.defaults);
    const { problem, failure, changed = false } = await this.#undo(pass, verdict, signal);
    if (verdict.kind === "done" && problem === undefined) {
      return this.#release(pass, finalizer.name, signal);
    }
    const deletedAtMs = Date.parse(pass.live.metadata.deletionTimestamp ?? "");
    const overdue = this.#options.world.clock.nowMs() - deletedAtMs >= finalizer.timeoutMs;
    const said =
      problem ??
      (verdict.kind === "waiting"
        ? { reason: verdict.reason, message: verdict.message }
        : { reason: REASONS.Deleting, message: "" });
    const statusWaitMs = await this.#writeStatus(
      pass,
      { kind: "finalizing", ...said, overdue },
      signal,
    );
    if (failure !== undefined) return { kind: "failed", ...retryOf(failure) };
    const wishMs = verdict.kind === "waiting" ? verdict.requeueAfterMs : undefined;
    const result: PassResult = { kind: "done", requeueAfterMs: wishMs ?? FINALIZING_REQUEUE_MS };
    return sooner(result, [
      ...(statusWaitMs > 0 ? [statusWaitMs] : []),
      ...(changed && verdict.kind === "waiting" ? [0] : []),
    ]);
  }

  /** Children and calls of a finalization; says what is still in the way. */
  async #undo(
    pass: Pass,
    verdict: Finalization<unknown>,
    signal: AbortSignal,
  ): Promise<{
    readonly problem?: { readonly reason: string; readonly message: string };
    readonly failure?: unknown;
    readonly changed?: boolean;
  }> {
    let changed = false;
    if (verdict.children !== undefined) {
      const parent = this.#parent(pass);
      const result = await this.#options.applier.apply(parent, verdict.children, signal);
      this.#tell(pass, result.changeSet);
      changed = result.changeSet.changed;
      if (changed) await this.#observeAgain(pass);
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
      await this.#call(verdict.calls ?? [], signal);
      return { changed };
    } catch (cause) {
      if (signal.aborted) throw cause;
      const problem = { reason: REASONS.Unreachable, message: errorMessage(cause) };
      return { problem, failure: cause };
    }
  }

  /** Children that are neither kept nor still wanted. */
  #leftOver(pass: Pass, wanted: number): number {
    const keep = `${this.#kind.group}/prune`;
    const inventory = this.#options.applier
      .inventory(this.#parent(pass))
      .filter((live) => live.metadata.annotations?.[keep] !== "Keep");
    return Math.max(0, inventory.length - wanted);
  }

  async #release(pass: Pass, name: string, signal: AbortSignal): Promise<PassResult> {
    const { client, informers, ownWrites, controller } = this.#options;
    const { fieldManager } = controller;
    const options = { name, fieldManager, signal };
    const left = await removeFinalizer(client, this.#kind, pass.live, options);
    const { uid } = pass.live.metadata;
    // Without a finalizer the server has removed it in the same step.
    if (left === undefined || (left.metadata.finalizers ?? []).length === 0) {
      ownWrites.deleted(informers, this.#kind, { key: pass.key, uid }, pass.key);
    } else {
      ownWrites.wrote(informers, this.#kind, left, pass.key);
    }
    pass.log.info("finalizer removed", { finalizer: name });
    return { kind: "done" };
  }

  async #keepFinalizer(pass: Pass, signal: AbortSignal): Promise<void> {
    const { finalizer } = this.#spec;
    if (finalizer === undefined) return;
    const { client, informers, ownWrites, controller } = this.#options;
    const options = { name: finalizer.name, fieldManager: controller.fieldManager, signal };
    const needed = finalizer.needed?.(pass.observed) ?? true;
    if (needed === hasFinalizer(pass.live, finalizer.name)) return;
    const answer = needed
      ? await addFinalizer(client, this.#kind, pass.live, options)
      : await removeFinalizer(client, this.#kind, pass.live, options);
    if (answer === undefined) return;
    ownWrites.wrote(informers, this.#kind, answer, pass.key);
    pass.live = answer;
    // The answer may hold an edit that nobody has seen yet, and news of it is ours now.
    await this.#observeAgain(pass);
  }

  /** The status shall tell what is there after our own writes, which the caches already show. */
  async #observeAgain(pass: Pass): Promise<void> {
    const observed = await this.#spec.observe(pass.key, pass.reader, this.#spec.port);
    if (observed === undefined) return;
    pass.observed = observed;
    pass.plan = this.#spec.plan(observed, this.#now(), this.#spec.defaults);
  }

  /** How long a status that was put off has to wait; 0 if it is as it should be. */
  async #writeStatus(pass: Pass, outcome: Outcome, signal: AbortSignal): Promise<number> {
    const now = this.#now();
    const draft = this.#spec.computeStatus(pass.observed, pass.plan, outcome, now);
    const previous = conditionsOf(pass.live);
    const generation = pass.live.metadata.generation ?? 0;
    const escapeAnnotation = this.#spec.finalizer?.escapeAnnotation;
    const conditions = computeConditions({
      drafts: draft.conditions,
      outcome,
      previous,
      generation,
      now,
      ...(escapeAnnotation === undefined ? {} : { escapeAnnotation }),
    });
    const status = { ...draft.fields, observedGeneration: generation, conditions };
    const { statusWriter, rest, teller } = this.#options;
    const key = keyText(pass.key);
    const edited = isEdited(pass.live);
    const written = await statusWriter.write(pass.live, status, {
      signal,
      mayWrite: (paths) => edited || rest.mayWriteStatus(key, paths),
    });
    if (written === "written") teller.conditions(pass.live, previous, conditions);
    teller.draft(pass.live, draft);
    return written === "deferred" ? rest.statusWaitMs(key) : 0;
  }

  #conclude(pass: Pass, outcome: Outcome, failure: unknown): PassResult {
    if (failure !== undefined) {
      pass.log.warn("pass failed", { cause: errorMessage(failure) });
      return { kind: "failed", ...retryOf(failure) };
    }
    if (outcome.kind === "refused") return { kind: "refused", retryAfterMs: REFUSED_RETRY_MS };
    // Waits for a child to go, of which an event tells; looks again in case there is none.
    if (outcome.kind === "failed") return { kind: "done", requeueAfterMs: REFUSED_RETRY_MS };
    const wishMs = this.#spec.requeueAfterMs?.(pass.observed, pass.plan, this.#now());
    return { kind: "done", ...(wishMs === undefined ? {} : { requeueAfterMs: wishMs }) };
  }

  #tell(pass: Pass, changeSet: ChangeSet): void {
    const fought = changeSet.changes.some((one) => one.action === "Reverted" || one.again === true);
    if (fought) this.#options.contested(pass.key);
    this.#options.teller.changes(pass.live, changeSet);
  }

  #parent(pass: Pass): { readonly kind: Kind; readonly object: Live } {
    return { kind: this.#kind, object: pass.live };
  }

  #now(): Date {
    return new Date(this.#options.world.clock.nowMs());
  }

  #remember(key: ObjectKey, live: Live): void {
    const text = keyText(key);
    const known = this.#uids.get(text);
    if (known === live.metadata.uid) return;
    if (known !== undefined) this.#forget(key);
    this.#uids.set(text, live.metadata.uid);
  }

  #forget(key: ObjectKey): void {
    const text = keyText(key);
    const uid = this.#uids.get(text);
    if (uid === undefined) return;
    this.#uids.delete(text);
    this.#options.rest.forget(text);
    this.#options.applier.forget(uid);
    this.#options.statusWriter.forget(uid);
    this.#options.teller.forget(uid);
  }
}

function conditionsOf(live: Live): readonly Condition[] {
  const status = (live as { readonly status?: { readonly conditions?: readonly Condition[] } })
    .status;
  return status?.conditions ?? [];
}

function correlationOf(live: Live): { readonly correlationId?: string } {
  for (const [name, value] of Object.entries(live.metadata.annotations ?? {})) {
    if (name.endsWith("/correlation-id")) return { correlationId: value };
  }
  return {};
}

/** True if the status is not yet about what the user has last written. */
function isEdited(live: Live): boolean {
  const status = (live as { readonly status?: { readonly observedGeneration?: number } }).status;
  return status?.observedGeneration !== live.metadata.generation;
}

/** The result with its next look at the soonest of these times. */
function sooner(result: PassResult, timesMs: readonly number[]): PassResult {
  if (timesMs.length === 0) return result;
  const soonestMs = Math.min(...timesMs, result.requeueAfterMs ?? Infinity);
  return { ...result, requeueAfterMs: soonestMs };
}

/** What the failure itself asks to wait. */
function retryOf(failure: unknown): { readonly retryAfterMs?: number } {
  const retry = (
    failure as { readonly retry?: { readonly kind: string; readonly delayMs?: number } }
  ).retry;
  return retry?.kind === "after" && retry.delayMs !== undefined
    ? { retryAfterMs: retry.delayMs }
    : {};
}
