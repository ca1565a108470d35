// Makes the API server hold exactly the rendered children of one parent: match, dry-run, apply,
// prune, in this order, and nothing is written that would change nothing.
//
// Safety, each a test: an object of the same name that is not ours is never touched, also when it
// is in no cache of ours; a child that was deleted and made anew by somebody else is not
// overwritten (uid precondition); nothing is pruned unless every child is in place; only objects
// that we have applied ourselves (owner annotation) are pruned, with their uid as precondition.

import type { Logger } from "#api/base/index.ts";
import { assert, assertNever, errorMessage } from "#api/base/index.ts";
import { REASONS } from "#api/meta/index.ts";

import { isAppliedBy } from "../cache/decode.ts";
import type { Informers } from "../cache/informers.ts";
import type { View } from "../cache/reader.ts";
import { ownerIndex } from "../cache/reader.ts";
import type { ApplyOptions, Client } from "../client/client.ts";
import { ApiError, NotLeaderError, TransportError } from "../client/errors.ts";
import type { OwnWrites } from "../controller/own-writes.ts";
import type { Change, ChangeSet, Child, ChildKind, Refusal } from "../controller/types.ts";
import type { KubeObject, Live, ObjectKey } from "../kinds/kind.ts";
import { describeObject, isOfKind, keyOf, keyText, kindId } from "../kinds/kind.ts";
import type { Metrics } from "../lifecycle/metrics.ts";
import { ApplyMemory } from "./memory.ts";
import { differences } from "./match.ts";
import type { Parent, StampedChild, StampNames } from "./stamp.ts";
import { contentHash, ownerText, stampChild, stampNames } from "./stamp.ts";

/** Settings of an {@link Applier}; one per controller. */
export interface ApplierOptions {
  readonly controller: string;
  readonly fieldManager: string;
  readonly children: readonly ChildKind[];
  readonly client: Client;
  readonly informers: Informers;
  readonly ownWrites: OwnWrites;
  readonly view: View;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** How it went. `failed` is worth another attempt, `refused` only after an edit. */
export type ApplyResult =
  | { readonly kind: "done"; readonly changeSet: ChangeSet }
  | { readonly kind: "refused"; readonly refusal: Refusal; readonly changeSet: ChangeSet }
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly message: string;
      readonly changeSet: ChangeSet;
      /** Absent if an event will wake the parent and no error happened. */
      readonly cause?: unknown;
    };

const PATHS_MAX = 16;

interface Planned {
  readonly child: StampedChild;
  readonly declared: ChildKind;
  readonly key: ObjectKey;
  readonly content: string;
  readonly step:
    | { readonly kind: "create" }
    | { readonly kind: "update"; readonly live: Live; readonly paths: readonly string[] }
    | { readonly kind: "unchanged" }
    /** Gone soon, by the garbage collector or its own finalizers; then it is made anew. */
    | { readonly kind: "wait"; readonly why: string }
    | { readonly kind: "conflict"; readonly owner: string };
}

/** What has been done so far in one run. */
interface Progress {
  readonly changes: Change[];
  changed: boolean;
}

/** See the head of this file. */
export class Applier {
  readonly #options: ApplierOptions;
  readonly #memory = new ApplyMemory();

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /**
   * Applies `rendered` as all children of `parent`. Throws NotLeaderError and TransportErrors that
   * come from `signal`; every other failure is in the result.
   */
  async apply(
    parent: Parent,
    rendered: readonly Child[],
    signal: AbortSignal,
  ): Promise<ApplyResult> {
    const names = stampNames(parent.kind.group);
    const planned = this.#plan(parent, rendered, names);
    const progress: Progress = { changes: [], changed: false };
    const conflict = planned.find((one) => one.step.kind === "conflict");
    if (conflict?.step.kind === "conflict") {
      return this.#conflict(conflict.child.object, conflict.step.owner, progress);
    }
    const refused = await this.#dryRun(planned, progress, signal);
    if (refused !== undefined) return refused;
    const failure = await this.#write(parent, planned, names, progress, signal);
    if (failure !== undefined) return failure;
    const waiting = planned.find((one) => one.step.kind === "wait");
    if (waiting?.step.kind === "wait") {
      const message = `${describeObject(waiting.child.object)} ${waiting.step.why}`;
      return {
        kind: "failed",
        reason: REASONS.WaitingForChildren,
        message,
        changeSet: finish(progress, false),
      };
    }
    return this.#prune(parent, planned, names, progress, signal);
  }

  /** Objects of ours that are still there: label and owner annotation. */
  inventory(parent: Parent): readonly Live[] {
    return this.#inventory(parent, stampNames(parent.kind.group)).map((one) => one.live);
  }

  /** The parent is gone: what was remembered about its children is of no use. */
  forget(parentUid: string): void {
    this.#memory.forget(parentUid);
  }

  #plan(parent: Parent, rendered: readonly Child[], names: StampNames): readonly Planned[] {
    const seen = new Set<string>();
    return rendered.map((child) => {
      const raw = "object" in child ? child.object : child;
      const declared = this.#options.children.find(({ kind }) => isOfKind(raw, kind));
      assert(declared !== undefined, `${raw.kind} is rendered but no declared child kind`);
      const stamped = stampChild(child, parent, {
        namespaced: declared.kind.namespaced,
        metadataOnly: declared.metadataOnly ?? false,
      });
      const key = keyOf(stamped.object);
      const id = `${kindId(declared.kind)} ${keyText(key)}`;
      assert(!seen.has(id), `${describeObject(stamped.object)} is rendered twice`);
      seen.add(id);
      const content = contentHash(stamped.object);
      const step = this.#decide(parent, stamped, declared, content, names);
      return { child: stamped, declared, key, content, step };
    });
  }

  #decide(
    parent: Parent,
    child: StampedChild,
    declared: ChildKind,
    content: string,
    names: StampNames,
  ): Planned["step"] {
    const live = this.#lookup(declared, keyOf(child.object));
    if (live === undefined) return { kind: "create" };
    const claim = claimOf(live, parent, names, child.adopt);
    switch (claim.kind) {
      case "foreign":
        return { kind: "conflict", owner: claim.owner };
      case "predecessor":
        return { kind: "wait", why: "still belongs to a deleted object of this name" };
      case "ours":
        break;
      default:
        return assertNever(claim);
    }
    if (live.metadata.deletionTimestamp !== undefined) {
      return { kind: "wait", why: "is being deleted" };
    }
    const paths = this.#mismatch(parent, child, declared, live, content);
    return paths.length === 0 ? { kind: "unchanged" } : { kind: "update", live, paths };
  }

  /** Paths at which the live object is not as desired; empty if it is. */
  #mismatch(
    parent: Parent,
    child: StampedChild,
    declared: ChildKind,
    live: Live,
    content: string,
  ): readonly string[] {
    const { uid } = parent.object.metadata;
    if (!isAppliedBy(live, this.#options.fieldManager)) return ["metadata.managedFields"];
    if (declared.metadataOnly === true) {
      const { apiVersion, kind, metadata } = child.object;
      const found = differences({ apiVersion, kind, metadata }, live);
      if (found.length > 0) return found.map((one) => one.path);
      return this.#memory.touchedSince(uid, live) ? ["data"] : [];
    }
    const found = this.#memory.withoutAccepted(uid, live, content, differences(child.object, live));
    if (found.length === 0) this.#memory.matched(uid, live, content);
    return found.map((one) => one.path);
  }

  async #dryRun(
    planned: readonly Planned[],
    progress: Progress,
    signal: AbortSignal,
  ): Promise<ApplyResult | undefined> {
    for (const one of planned) {
      if (one.declared.dryRun !== true) continue;
      if (one.step.kind !== "create" && one.step.kind !== "update") continue;
      try {
        await this.#options.client.apply(one.declared.kind, one.child.object, {
          ...this.#applyOptions(one, signal),
          dryRun: true,
        });
      } catch (cause) {
        // A create that meets an existing object is sorted out by the real apply.
        if (cause instanceof ApiError && cause.status === 409) continue;
        return this.#failure(one.child.object, cause, progress, signal);
      }
    }
    return undefined;
  }

  async #write(
    parent: Parent,
    planned: readonly Planned[],
    names: StampNames,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<ApplyResult | undefined> {
    let first: ApplyResult | undefined;
    for (const one of planned) {
      if (one.step.kind === "unchanged") {
        this.#options.metrics.applySkipped.inc({ controller: this.#options.controller });
        progress.changes.push(changeOf(one.child.object, "Unchanged"));
        continue;
      }
      if (one.step.kind !== "create" && one.step.kind !== "update") continue;
      const result = await this.#writeOne(parent, one, names, progress, signal);
      if (result?.kind === "refused" && result.refusal.reason === REASONS.NameConflict) {
        return result;
      }
      first ??= result;
    }
    return first;
  }

  /** Undefined if the child is in place. */
  async #writeOne(
    parent: Parent,
    one: Planned,
    names: StampNames,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<ApplyResult | undefined> {
    const { client } = this.#options;
    const { object } = one.child;
    try {
      const answer = await client.apply(one.declared.kind, object, this.#applyOptions(one, signal));
      this.#applied(parent, one, answer, progress);
      return undefined;
    } catch (cause) {
      const exists =
        cause instanceof ApiError && cause.status === 409 && one.step.kind === "create";
      if (!exists) return this.#failure(object, cause, progress, signal);
    }
    // It exists although no cache of ours shows it: either not ours, or ours with a lost label or
    // a late watch. Only metadata is read, it may be anybody's Secret.
    try {
      const live = await client.get(one.declared.kind, one.key, { signal, metadataOnly: true });
      if (live === undefined) {
        return {
          kind: "failed",
          reason: REASONS.ApplyFailed,
          message: `${describeObject(object)} vanished while it was applied`,
          changeSet: finish(progress, false),
          cause: new TransportError("object vanished"),
        };
      }
      const claim = claimOf(live, parent, names, one.child.adopt);
      if (claim.kind === "foreign") return this.#conflict(object, claim.owner, progress);
      if (claim.kind === "predecessor" || live.metadata.deletionTimestamp !== undefined) {
        return {
          kind: "failed",
          reason: REASONS.WaitingForChildren,
          message: `${describeObject(object)} is being deleted`,
          changeSet: finish(progress, false),
          cause: new TransportError("object is going"),
        };
      }
      const answer = await client.apply(one.declared.kind, object, {
        fieldManager: this.#options.fieldManager,
        expect: { uid: live.metadata.uid },
        signal,
      });
      this.#applied(
        parent,
        { ...one, step: { kind: "update", live, paths: [] } },
        answer,
        progress,
      );
      return undefined;
    } catch (cause) {
      return this.#failure(object, cause, progress, signal);
    }
  }

  #applied(parent: Parent, one: Planned, answer: Live, progress: Progress): void {
    const { metrics, controller, informers, ownWrites, logger } = this.#options;
    const { uid } = parent.object.metadata;
    const { object } = one.child;
    ownWrites.wrote(informers, one.declared.kind, answer, keyOf(parent.object));
    const drifted =
      one.step.kind === "update" && this.#memory.wasApplied(uid, one.step.live, one.content);
    const action = one.step.kind === "create" ? "Created" : drifted ? "Reverted" : "Configured";
    if (drifted) metrics.driftReverted.inc({ controller, kind: object.kind });
    const again = action === "Created" && this.#memory.wasThere(uid, answer);
    const remaining = one.declared.metadataOnly === true ? [] : differences(object, answer);
    this.#memory.applied(uid, answer, one.content, remaining);
    const paths = one.step.kind === "update" ? one.step.paths.slice(0, PATHS_MAX) : [];
    progress.changed = true;
    progress.changes.push({
      ...changeOf(object, action),
      ...(again ? { again } : {}),
      ...(paths.length > 0 ? { paths } : {}),
    });
    logger.info("child applied", { object: describeObject(object), action, paths });
  }

  async #prune(
    parent: Parent,
    planned: readonly Planned[],
    names: StampNames,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<ApplyResult> {
    const { client, informers, ownWrites, metrics, controller, logger } = this.#options;
    const by = keyOf(parent.object);
    const wanted = new Set(
      planned.map((one) => `${kindId(one.declared.kind)} ${keyText(one.key)}`),
    );
    for (const { declared, live } of this.#inventory(parent, names)) {
      const key = keyOf(live);
      if (wanted.has(`${kindId(declared.kind)} ${keyText(key)}`)) continue;
      if (live.metadata.annotations?.[names.prune] === "Keep") {
        progress.changes.push(changeOf(live, "Kept"));
        continue;
      }
      if (live.metadata.deletionTimestamp !== undefined) continue;
      try {
        const { uid } = live.metadata;
        const result = await client.delete(declared.kind, key, { uid, signal });
        if (result.outcome === "terminating") {
          ownWrites.wrote(informers, declared.kind, result.object, by);
        } else {
          ownWrites.deleted(informers, declared.kind, { key, uid }, by);
        }
      } catch (cause) {
        return this.#failure(live, cause, progress, signal);
      }
      this.#memory.pruned(parent.object.metadata.uid, live);
      metrics.pruned.inc({ controller, kind: live.kind });
      progress.changed = true;
      progress.changes.push(changeOf(live, "Deleted"));
      logger.info("child pruned", { object: describeObject(live) });
    }
    return { kind: "done", changeSet: finish(progress, true) };
  }

  #inventory(
    parent: Parent,
    names: StampNames,
  ): readonly { readonly declared: ChildKind; readonly live: Live }[] {
    const { uid } = parent.object.metadata;
    const owner = ownerText(parent);
    return this.#options.children.flatMap((declared) => {
      const informers = this.#options.view.get(kindId(declared.kind)) ?? [];
      const found = new Map<string, Live>();
      for (const { store } of informers) {
        for (const live of store.lookup(ownerIndex(parent.kind.group), uid)) {
          if (live.metadata.annotations?.[names.owner] !== owner) continue;
          found.set(keyText(keyOf(live)), live);
        }
      }
      return [...found.values()].map((live) => ({ declared, live }));
    });
  }

  #lookup(declared: ChildKind, key: ObjectKey): Live | undefined {
    for (const informer of this.#options.view.get(kindId(declared.kind)) ?? []) {
      if (informer.metadataOnly !== (declared.metadataOnly ?? false)) continue;
      const live = informer.store.get(key);
      if (live !== undefined) return live;
    }
    return undefined;
  }

  #applyOptions(one: Planned, signal: AbortSignal): ApplyOptions {
    const expect =
      one.step.kind === "update" ? { uid: one.step.live.metadata.uid } : ("Create" as const);
    return { fieldManager: this.#options.fieldManager, expect, signal };
  }

  #conflict(object: KubeObject, owner: string, progress: Progress): ApplyResult {
    const message = `${describeObject(object)} exists and belongs to ${owner}`;
    return {
      kind: "refused",
      refusal: { reason: REASONS.NameConflict, message },
      changeSet: finish(progress, false),
    };
  }

  /** Sorts a failed write into "edit something" and "try again". */
  #failure(
    object: KubeObject,
    cause: unknown,
    progress: Progress,
    signal: AbortSignal,
  ): ApplyResult {
    if (cause instanceof NotLeaderError || signal.aborted) throw cause;
    const message = `${describeObject(object)}: ${errorMessage(cause)}`;
    const changeSet = finish(progress, false);
    if (cause instanceof ApiError && cause.isRefusal && !isPassing(cause)) {
      return { kind: "refused", refusal: { reason: refusalReason(cause), message }, changeSet };
    }
    return { kind: "failed", reason: REASONS.ApplyFailed, message, changeSet, cause };
  }
}

type Claim =
  | { readonly kind: "ours" }
  /** Made for a deleted parent of the same name; the garbage collector will take it. */
  | { readonly kind: "predecessor" }
  | { readonly kind: "foreign"; readonly owner: string };

/** Whose object is it? Judged by metadata only. */
function claimOf(live: Live, parent: Parent, names: StampNames, adopt: boolean): Claim {
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
  // The same text under another uid: kept or orphaned when the parent was deleted, now found again.
  if (owner === ownerText(parent)) return { kind: "ours" };
  if (owner !== undefined) return { kind: "foreign", owner };
  const label = live.metadata.labels?.[names.ownerUid];
  if (adopt || label === uid) return { kind: "ours" };
  return { kind: "foreign", owner: label === undefined ? "nobody we know" : `uid ${label}` };
}

/** 403 and 422 that go away by themselves. */
function isPassing(error: ApiError): boolean {
  return error.causes.some(
    (cause) =>
      cause.reason === "NamespaceTerminating" ||
      // Deleted and made anew since we looked: the next look sees the new one.
      cause.field === "metadata.uid",
  );
}

function refusalReason(error: ApiError): string {
  if (error.status !== 403) return REASONS.ChildRefused;
  const text = error.message;
  if (text.includes("exceeded quota")) return REASONS.QuotaExceeded;
  return text.includes("violates PodSecurity") ? REASONS.PodSecurityViolation : REASONS.Forbidden;
}

function changeOf(object: KubeObject, action: Change["action"]): Change {
  const { namespace, name } = keyOf(object);
  return { apiVersion: object.apiVersion, kind: object.kind, namespace, name, action };
}

function finish(progress: Progress, complete: boolean): ChangeSet {
  return { changes: progress.changes, changed: progress.changed, complete };
}
