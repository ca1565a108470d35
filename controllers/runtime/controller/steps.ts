// The single steps of a pass, each of which both the upkeep of an object and its end take: render,
// call, observe again, write the status, tell. No order is fixed here.

import type { Logger } from "#api/base/index.ts";
import type { Condition } from "#api/meta/index.ts";
import { REASONS } from "#api/meta/index.ts";

import type { Applier } from "../apply/apply-set.ts";
import type { Parent } from "../apply/stamp.ts";
import { needsFinalizer } from "../apply/stamp.ts";
import type { Informers } from "../cache/informers.ts";
import type { CacheReader } from "../cache/reader.ts";
import type { Client } from "../client/client.ts";
import { computeConditions } from "../conditions/conditions.ts";
import type { StatusWriter } from "../conditions/status-writer.ts";
import { findUnsupported } from "../fields/unsupported.ts";
import type { Kind, Live, ObjectKey } from "../kinds/kind.ts";
import { keyText } from "../kinds/kind.ts";
import type { World } from "../base/timers.ts";
import type { OwnWrites } from "./own-writes.ts";
import type { Rest } from "./rest.ts";
import type { Teller } from "./tell.ts";
import type { AnyController, ChangeSet, Outcome, Rendered } from "./types.ts";

/** What a pass needs. */
export interface StepsOptions {
  readonly controller: AnyController;
  readonly client: Client;
  readonly informers: Informers;
  /** What a pass reads; its port calls end with this signal. */
  readonly reader: (signal: AbortSignal) => CacheReader;
  readonly applier: Applier;
  readonly statusWriter: StatusWriter;
  readonly ownWrites: OwnWrites;
  readonly rest: Rest;
  readonly teller: Teller;
  readonly world: World;
  readonly logger: Logger;
  /** False for objects of other shards. */
  readonly serves: (object: Live) => boolean;
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

/** One pass while it is under way. */
export interface Pass {
  readonly key: ObjectKey;
  readonly reader: CacheReader;
  readonly log: Logger;
  live: Live;
  observed: unknown;
  plan: unknown;
}

/** The finalizer that an object of this controller bears while it must not go without us. */
export type HeldFinalizer = Pick<
  NonNullable<AnyController["spec"]["finalizer"]>,
  "name" | "escapeAnnotation" | "timeoutMs"
>;

const UNSUPPORTED_MAX = 8;
/** For children that only we can delete. */
const CLEANUP_MS = 600_000;

/** See the head of this file. */
export class Steps {
  readonly kind: Kind;
  readonly spec: AnyController["spec"];
  /** The controller's own, or one for children that the garbage collector cannot reach. */
  readonly finalizer: HeldFinalizer;
  readonly #options: StepsOptions;

  constructor(options: StepsOptions) {
    this.#options = options;
    this.kind = options.controller.kind;
    this.spec = options.controller.spec;
    this.finalizer = finalizerOf(options.controller);
  }

  /** See {@link renderChildren}. */
  render(pass: Pass): Rendered {
    return renderChildren(this.spec, pass);
  }

  /** Makes calls outside Kubernetes. Throws what the port throws. */
  async call(calls: readonly unknown[], signal: AbortSignal): Promise<void> {
    if (calls.length === 0) return;
    if (this.spec.act === undefined) throw new TypeError("calls are planned but there is no act");
    await this.spec.act(calls, this.spec.port, signal);
  }

  /** The object itself was written. The answer may hold an edit of which no other news comes. */
  async rewritten(pass: Pass, answer: Live): Promise<void> {
    const { ownWrites, informers } = this.#options;
    ownWrites.wrote(informers, this.kind, answer, pass.key);
    pass.live = answer;
    await this.observeAgain(pass);
  }

  /** The status shall tell what is there after our own writes, which the caches already show. */
  async observeAgain(pass: Pass): Promise<void> {
    const observed = await this.spec.observe(pass.key, pass.reader, this.spec.port);
    if (observed === undefined) return;
    pass.observed = observed;
    pass.plan = this.spec.plan(observed, this.now(), this.spec.defaults);
  }

  /** How long a status that was put off has to wait; 0 if it is as it should be. */
  async writeStatus(pass: Pass, outcome: Outcome, signal: AbortSignal): Promise<number> {
    const now = this.now();
    const draft = this.spec.computeStatus(pass.observed, pass.plan, outcome, now);
    const previous = conditionsOf(pass.live);
    const generation = pass.live.metadata.generation ?? 0;
    const conditions = computeConditions({
      drafts: draft.conditions,
      outcome,
      previous,
      generation,
      now,
      escapeAnnotation: this.finalizer.escapeAnnotation,
    });
    const status = { ...draft.fields, observedGeneration: generation, conditions };
    const { statusWriter, rest, teller } = this.#options;
    const key = keyText(pass.key);
    const edited = isEdited(pass.live);
    const written = await statusWriter.write(pass.live, status, {
      signal,
      outcome: outcome.kind,
      mayWrite: (paths) => edited || rest.mayWriteStatus(key, paths),
    });
    if (written === "written") teller.conditions(pass.live, previous, conditions);
    teller.draft(pass.live, draft);
    return written === "deferred" ? rest.statusWaitMs(key) : 0;
  }

  /** Events about what was done to children, and peace for whom somebody fights with. */
  tell(pass: Pass, changeSet: ChangeSet): void {
    const { contested, informers, rest } = this.#options;
    const remade = changeSet.changes.filter((one) => one.again === true);
    const fought = remade.length > 0 || changeSet.changes.some((one) => one.action === "Reverted");
    if (fought) contested(pass.key);
    if (remade.length > 0 && rest.remadeChildren(keyText(pass.key), remade)) {
      informers.doubt(this.kind, pass.key.namespace);
    }
    this.#options.teller.changes(pass.live, changeSet);
  }

  /** The object as the parent of its children. */
  parent(pass: Pass): { readonly kind: Kind; readonly object: Live } {
    return { kind: this.kind, object: pass.live };
  }

  now(): Date {
    return new Date(this.#options.world.clock.nowMs());
  }
}

/** What shall exist, or why nothing is touched; first of all, what is set and not served. */
export function renderChildren(
  spec: AnyController["spec"],
  given: Pick<Pass, "live" | "observed" | "plan">,
): Rendered {
  const { served, defaults } = spec;
  if (served !== undefined) {
    const document = (given.live as { readonly spec?: unknown }).spec;
    const [first, ...others] = findUnsupported(document, served);
    if (first !== undefined) {
      const also = others.slice(0, UNSUPPORTED_MAX).join(", ");
      const message = `not served yet${also === "" ? "" : `; nor ${also}`}`;
      return { refused: { reason: REASONS.Unsupported, message, path: first } };
    }
  }
  return spec.render(given.observed, given.plan, defaults);
}

/** The controller's own finalizer, or the framework's for children that only we can delete. */
export function finalizerOf({ kind, spec }: AnyController): HeldFinalizer {
  return (
    spec.finalizer ?? {
      name: `${kind.group}/children`,
      escapeAnnotation: `${kind.group}/abandon`,
      timeoutMs: CLEANUP_MS,
    }
  );
}

/** True if the object may not go without us. */
export function isHeld(
  spec: AnyController["spec"],
  parent: Parent,
  given: { readonly observed: unknown; readonly rendered: Rendered },
): boolean {
  const { finalizer } = spec;
  if (finalizer !== undefined && (finalizer.needed?.(given.observed) ?? true)) return true;
  const { rendered } = given;
  return "length" in rendered && rendered.some((child) => needsFinalizer(child, parent));
}

function conditionsOf(live: Live): readonly Condition[] {
  const status = (live as { readonly status?: { readonly conditions?: readonly Condition[] } })
    .status;
  return status?.conditions ?? [];
}

/** True if the status is not yet about what the user has last written. */
export function isEdited(live: Live): boolean {
  const status = (live as { readonly status?: { readonly observedGeneration?: number } }).status;
  return status?.observedGeneration !== live.metadata.generation;
}

/** The result with its next look at the soonest of these times. */
export function sooner(result: PassResult, timesMs: readonly number[]): PassResult {
  if (timesMs.length === 0) return result;
  const soonestMs = Math.min(...timesMs, result.requeueAfterMs ?? Infinity);
  return { ...result, requeueAfterMs: soonestMs };
}

/** What the failure itself asks to wait. */
export function retryOf(failure: unknown): { readonly retryAfterMs?: number } {
  const retry = (
    failure as { readonly retry?: { readonly kind: string; readonly delayMs?: number } }
  ).retry;
  return retry?.kind === "after" && retry.delayMs !== undefined
    ? { retryAfterMs: retry.delayMs }
    : {};
}
