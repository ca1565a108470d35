// One pass of one object: calls a controller's functions in order and does what they say. Holds no
// `if` about a domain. Everything it learns is in the caches, so that a pass can be broken off
// anywhere and made again.

import { isDeepStrictEqual } from "node:util";

import type { Logger } from "#api/base/index.ts";
import { assertNever, errorMessage } from "#api/base/index.ts";
import { REASONS } from "#api/meta/index.ts";

import type { ApplyResult } from "../apply/apply-set.ts";
import { addFinalizer, hasFinalizer, removeFinalizer } from "../finalizers/finalizers.ts";
import type { Live, ObjectKey } from "../kinds/kind.ts";
import { keyText, parseKey } from "../kinds/kind.ts";
import { Ending } from "./ending.ts";
import type { Pass, PassResult, StepsOptions } from "./steps.ts";
import { isEdited, isHeld, retryOf, sooner, Steps } from "./steps.ts";
import type { ChangeSet, Outcome, Rendered } from "./types.ts";

/** A refusal by the API server may pass without an event (quota, a foreign object that goes). */
const REFUSED_RETRY_MS = 10_000;

/** See the head of this file. Safe for many keys at once, never for the same key twice. */
export class Driver {
  readonly #options: StepsOptions;
  readonly #steps: Steps;
  readonly #ending: Ending;
  /** uid by key, to forget what was remembered when the object is gone. */
  readonly #uids = new Map<string, string>();

  constructor(options: StepsOptions) {
    this.#options = options;
    this.#steps = new Steps(options);
    this.#ending = new Ending(options, this.#steps);
  }

  /** One pass. Throws what `observe` and the API server's faults throw; the caller retries. */
  async pass(key: ObjectKey, signal: AbortSignal): Promise<PassResult> {
    try {
      return await this.#pass(key, signal);
    } catch (cause) {
      const reader = this.#options.reader(signal);
      this.#options.teller.failure(reader.get(this.#steps.kind, key), cause, signal);
      throw cause;
    }
  }

  /** A term begins with these: forgets what has gone since the last one, untold to any pass. */
  retain(keys: ReadonlySet<string>): void {
    for (const text of [...this.#uids.keys()]) {
      if (!keys.has(text)) this.#forget(parseKey(text));
    }
  }

  async #pass(key: ObjectKey, signal: AbortSignal): Promise<PassResult> {
    const reader = this.#options.reader(signal);
    const live = reader.get(this.#steps.kind, key);
    if (live === undefined || !this.#options.serves(live)) {
      this.#forget(key);
      return { kind: "gone" };
    }
    this.#remember(key, live);
    const deleting = live.metadata.deletionTimestamp !== undefined;
    // Its children go with it (garbage collection), and what we must undo is marked by a finalizer.
    if (deleting && !hasFinalizer(live, this.#steps.finalizer.name)) return { kind: "done" };
    const observed = await this.#steps.spec.observe(key, reader, this.#steps.spec.port);
    if (observed === undefined) return { kind: "gone" };
    const plan = this.#steps.spec.plan(observed, this.#steps.now(), this.#steps.spec.defaults);
    const { logger } = this.#options;
    let log: Logger | undefined;
    const pass: Pass = {
      key,
      reader,
      live,
      observed,
      plan,
      // Few passes have anything to log, and a logger of one's own costs more than most of them do.
      get log() {
        return (log ??= logger.child({ object: keyText(key), ...correlationOf(live) }));
      },
    };
    if (!deleting) return this.#reconcile(pass, signal);
    const result = await this.#ending.pass(pass, signal);
    if (result.kind === "gone") this.#forget(key);
    return result;
  }

  async #reconcile(pass: Pass, signal: AbortSignal): Promise<PassResult> {
    const rendered = await this.#renderHeld(pass, signal);
    const calls = this.#steps.spec.calls?.(pass.plan) ?? [];
    let outcome: Outcome;
    let failure: unknown;
    let changed = false;
    let waitMs = 0;
    if ("refused" in rendered) {
      outcome = { kind: "refused", refusal: rendered.refused };
      const statusWaitMs = await this.#steps.writeStatus(pass, outcome, signal);
      return { kind: "refused", ...(statusWaitMs > 0 ? { retryAfterMs: statusWaitMs } : {}) };
    }
    if ("held" in rendered) {
      outcome = { kind: "held", ...rendered.held };
    } else {
      const result = await this.#options.applier.apply(this.#steps.parent(pass), rendered, signal);
      ({ outcome, failure } = await this.#act(pass, result, signal));
      this.#steps.tell(pass, result.changeSet);
      waitMs = this.#unasked(pass, result.changeSet);
      changed = result.changeSet.changed;
      if (changed) await this.#steps.observeAgain(pass);
    }
    await this.#letGo(pass, rendered, signal);
    const statusWaitMs = await this.#steps.writeStatus(pass, outcome, signal);
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
    const rendered = this.#steps.render(pass);
    const calls = this.#steps.spec.calls?.(pass.plan) ?? [];
    return !isDeepStrictEqual({ rendered, calls }, done);
  }

  /** Children that changed without an edit, told to the keeper of rest; how long to wait now. */
  #unasked(pass: Pass, changeSet: ChangeSet): number {
    if (isEdited(pass.live)) return 0;
    const waitMs = this.#options.rest.changedChildren(keyText(pass.key), changeSet);
    if (waitMs > 0) this.#options.contested(pass.key);
    return waitMs;
  }

  /** The calls outside Kubernetes, once every child is in place. */
  async #act(
    pass: Pass,
    result: ApplyResult,
    signal: AbortSignal,
  ): Promise<{ readonly outcome: Outcome; readonly failure?: unknown }> {
    switch (result.kind) {
      case "refused": {
        const { explain } = this.#steps.spec;
        const told = explain?.call(this.#steps.spec, pass.observed, pass.plan, result.refusal);
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
    const calls = this.#steps.spec.calls?.(pass.plan) ?? [];
    if (calls.length > 0 && !this.#options.rest.mayCallAgain(keyText(pass.key))) {
      this.#options.contested(pass.key);
    }
    try {
      await this.#steps.call(calls, signal);
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

  /** What shall exist, once the object is marked as one that has to be undone, if it has to be. */
  async #renderHeld(pass: Pass, signal: AbortSignal): Promise<Rendered> {
    const rendered = this.#steps.render(pass);
    if (hasFinalizer(pass.live, this.#steps.finalizer.name) || !this.#isHeld(pass, rendered)) {
      return rendered;
    }
    const { client, controller } = this.#options;
    const answer = await addFinalizer(client, this.#steps.kind, pass.live, {
      name: this.#steps.finalizer.name,
      fieldManager: controller.fieldManager,
      signal,
    });
    await this.#steps.rewritten(pass, answer);
    return this.#steps.render(pass);
  }

  /** Takes the finalizer off an object that nothing has to be undone for any more. */
  async #letGo(pass: Pass, rendered: Rendered, signal: AbortSignal): Promise<void> {
    const { name } = this.#steps.finalizer;
    if (!hasFinalizer(pass.live, name) || this.#isHeld(pass, rendered)) return;
    const { applier, client, controller } = this.#options;
    if (applier.problem !== undefined || applier.outOfReach(this.#steps.parent(pass)).length > 0)
      return;
    const { fieldManager } = controller;
    const options = { name, fieldManager, signal };
    const answer = await removeFinalizer(client, this.#steps.kind, pass.live, options);
    if (answer !== undefined) await this.#steps.rewritten(pass, answer);
  }

  #isHeld(pass: Pass, rendered: Rendered): boolean {
    const { observed } = pass;
    return isHeld(this.#steps.spec, this.#steps.parent(pass), { observed, rendered });
  }

  #conclude(pass: Pass, outcome: Outcome, failure: unknown): PassResult {
    if (failure !== undefined) {
      pass.log.warn("pass failed", { cause: errorMessage(failure) });
      return { kind: "failed", ...retryOf(failure) };
    }
    if (outcome.kind === "refused") return { kind: "refused", retryAfterMs: REFUSED_RETRY_MS };
    // Waits for a child to go, of which an event tells; looks again in case there is none.
    if (outcome.kind === "failed") return { kind: "done", requeueAfterMs: REFUSED_RETRY_MS };
    const wishMs = this.#steps.spec.requeueAfterMs?.(pass.observed, pass.plan, this.#steps.now());
    return { kind: "done", ...(wishMs === undefined ? {} : { requeueAfterMs: wishMs }) };
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

function correlationOf(live: Live): { readonly correlationId?: string } {
  for (const [name, value] of Object.entries(live.metadata.annotations ?? {})) {
    if (name.endsWith("/correlation-id")) return { correlationId: value };
  }
  return {};
}
