// Makes the API server hold exactly the rendered children of one parent: match, dry-run, apply,
// prune, in this order, and nothing is written that would change nothing.
//
// Safety, each a test: an object of the same name that is not ours is never touched, also when it
// is in no cache of ours; a child that was deleted and made anew by somebody else is not
// overwritten (uid precondition); nothing is pruned unless every child is in place; only objects
// that we have applied ourselves (owner annotation) are pruned, with their uid as precondition.

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import { REASONS } from "#api/meta/index.ts";

import type { ApplyOptions } from "../client/client.ts";
import { ApiError, NotLeaderError, TransportError } from "../client/errors.ts";
import type { OwnWrites } from "../controller/own-writes.ts";
import type { Change, ChangeSet, Child, ChildKind, Refusal } from "../controller/types.ts";
import type { KubeObject, Live } from "../kinds/kind.ts";
import { describeObject, keyOf } from "../kinds/kind.ts";
import type { Metrics } from "../base/metrics.ts";
import { claimOf } from "./claim.ts";
import type { DecideContext, Held, Planned } from "./decide.ts";
import { decideChildren, inventoryOf, placeOf } from "./decide.ts";
import { differences } from "./match.ts";
import { migrateManagedFields } from "./migrate.ts";
import type { Parent, StampNames } from "./stamp.ts";
import { isWithinReach, stampNames } from "./stamp.ts";
import type { Target, Targets } from "./target.ts";

/** Settings of an {@link Applier}; one per controller. */
export interface ApplierOptions {
  readonly controller: string;
  readonly fieldManager: string;
  readonly formerManagers: readonly string[];
  readonly children: readonly ChildKind[];
  readonly targets: Targets;
  readonly ownWrites: OwnWrites;
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

/** A child with a cluster to write it to. */
type Writable = Planned & { readonly target: Target };

/** What has been done so far in one run. */
interface Progress {
  readonly changes: Change[];
  changed: boolean;
}

/** What is pruned: whatever is doomed and not planned. */
interface PruneSet {
  readonly parent: Parent;
  readonly planned: readonly Planned[];
  readonly names: StampNames;
  readonly doomed: (held: Held) => boolean;
}

/** See the head of this file. */
export class Applier {
  readonly #options: ApplierOptions;
  readonly #context: DecideContext;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#context = options;
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
    const planned = decideChildren(this.#context, parent, rendered, names);
    const progress: Progress = { changes: [], changed: false };
    const conflict = planned.find((one) => one.step.kind === "conflict");
    if (conflict?.step.kind === "conflict") {
      return this.#conflict(conflict.child.object, conflict.step.owner, progress);
    }
    const refused = await this.#dryRun(planned, progress, signal);
    if (refused !== undefined) return refused;
    const failure = await this.#write(parent, planned, names, progress, signal);
    if (failure !== undefined) return failure;
    const away = planned.find((one) => one.step.kind === "unreachable");
    if (away?.step.kind === "unreachable") {
      const message = `${describeObject(away.child.object)}: ${away.step.why}`;
      const changeSet = finish(progress, false);
      return { kind: "failed", reason: REASONS.Unreachable, message, changeSet };
    }
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
    const set: PruneSet = { parent, planned, names, doomed: () => true };
    const result = await this.#prune(set, progress, signal);
    if (result.kind === "done") this.#retain(parent, planned);
    return result;
  }

  /** Children that were kept, given away or taken by others are no longer of interest. */
  #retain(parent: Parent, planned: readonly Planned[]): void {
    for (const { name, memory } of this.#options.targets.all()) {
      const here = planned.filter(({ child }) => child.cluster === name);
      memory.retain(
        parent.object.metadata.uid,
        here.map(({ child }) => child.object),
      );
    }
  }

  /** Deletes what may be deleted, out of reach of the garbage collector or all. */
  async prune(
    parent: Parent,
    which: "out-of-reach" | "all",
    signal: AbortSignal,
  ): Promise<ApplyResult> {
    const names = stampNames(parent.kind.group);
    const progress: Progress = { changes: [], changed: false };
    const doomed = (one: Held): boolean => which === "all" || isDoomed(one, parent);
    return this.#prune({ parent, planned: [], names, doomed }, progress, signal);
  }

  /** Objects of ours that are still there: label and owner annotation. */
  inventory(parent: Parent): readonly Held[] {
    return inventoryOf(this.#context, parent, stampNames(parent.kind.group));
  }

  /** Children that are there, go with the parent, and that no garbage collector would take. */
  outOfReach(parent: Parent): readonly Live[] {
    return this.inventory(parent)
      .filter((one) => isDoomed(one, parent))
      .map((one) => one.live);
  }

  /** Why it is not known which children are there; undefined if it is. */
  get problem(): string | undefined {
    for (const { name, problem } of this.#options.targets.all()) {
      const text = problem();
      if (text !== undefined) return name === "" ? text : `cluster ${name} ${text}`;
    }
    return undefined;
  }

  /** The parent is gone: what was remembered about its children is of no use. */
  forget(parentUid: string): void {
    for (const { memory } of this.#options.targets.all()) memory.forget(parentUid);
  }

  async #dryRun(
    planned: readonly Planned[],
    progress: Progress,
    signal: AbortSignal,
  ): Promise<ApplyResult | undefined> {
    for (const one of planned) {
      if (one.declared.dryRun !== true) continue;
      if (!isWritable(one)) continue;
      try {
        await one.target.client.apply(one.declared.kind, one.child.object, {
          ...this.#applyOptions(one, signal),
          dryRun: true,
        });
      } catch (cause) {
        // A create that meets an existing object is sorted out by the real apply.
        if (cause instanceof ApiError && cause.status === 409) continue;
        // Another cluster that does not answer must not hold up the children in this one.
        if (one.target.name !== "" && cause instanceof TransportError && !cause.aborted) continue;
        return this.#failure(one, one.child.object, cause, progress, signal);
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
        progress.changes.push(changeOf(one.child.object, "Unchanged", one.child.cluster));
        continue;
      }
      if (!isWritable(one)) continue;
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
    one: Writable,
    names: StampNames,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<ApplyResult | undefined> {
    const { client } = one.target;
    const { object } = one.child;
    try {
      if (one.step.kind === "update" && one.step.migrate) {
        const { fieldManager: to, formerManagers: from } = this.#options;
        const { kind } = one.declared;
        const migration = { from, to, subresource: "", signal };
        await migrateManagedFields(client, kind, one.step.live, migration);
      }
      const answer = await client.apply(one.declared.kind, object, this.#applyOptions(one, signal));
      this.#applied(parent, one, answer, progress);
      return undefined;
    } catch (cause) {
      const exists =
        cause instanceof ApiError && cause.status === 409 && one.step.kind === "create";
      if (!exists) return this.#failure(one, object, cause, progress, signal);
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
        { ...one, step: { kind: "update", live, paths: [], migrate: false } },
        answer,
        progress,
      );
      return undefined;
    } catch (cause) {
      return this.#failure(one, object, cause, progress, signal);
    }
  }

  #applied(parent: Parent, one: Writable, answer: Live, progress: Progress): void {
    const { metrics, controller, ownWrites, logger } = this.#options;
    const { uid } = parent.object.metadata;
    const { object, cluster } = one.child;
    const { caches, memory } = one.target;
    ownWrites.wrote(caches, one.declared.kind, answer, keyOf(parent.object));
    const drifted =
      one.step.kind === "update" && memory.wasApplied(uid, one.step.live, one.content);
    const action = one.step.kind === "create" ? "Created" : drifted ? "Reverted" : "Configured";
    if (drifted) metrics.driftReverted.inc({ controller, kind: object.kind });
    const again = action === "Created" && memory.wasThere(uid, answer);
    const remaining = one.declared.metadataOnly === true ? [] : differences(object, answer);
    memory.applied(uid, answer, one.content, remaining);
    const paths = one.step.kind === "update" ? one.step.paths.slice(0, PATHS_MAX) : [];
    progress.changed = true;
    progress.changes.push({
      ...changeOf(object, action, cluster),
      ...(again ? { again } : {}),
      ...(paths.length > 0 ? { paths } : {}),
    });
    const where = cluster === "" ? {} : { cluster };
    logger.info("child applied", { object: describeObject(object), action, paths, ...where });
  }

  async #prune(set: PruneSet, progress: Progress, signal: AbortSignal): Promise<ApplyResult> {
    const { ownWrites, metrics, controller, logger } = this.#options;
    const { parent, planned, names, doomed } = set;
    const by = keyOf(parent.object);
    const wanted = new Set(planned.map((one) => placeOf(one.child.cluster, one.declared, one.key)));
    let failure: ApplyResult | undefined;
    for (const held of inventoryOf(this.#context, parent, names)) {
      const { declared, target, live } = held;
      const { client, caches, memory } = target;
      const key = keyOf(live);
      if (wanted.has(placeOf(target.name, declared, key)) || !doomed(held)) continue;
      if (live.metadata.annotations?.[names.prune] === "Keep") {
        progress.changes.push(changeOf(live, "Kept", target.name));
        continue;
      }
      if (live.metadata.deletionTimestamp !== undefined) continue;
      try {
        const { uid } = live.metadata;
        const result = await client.delete(declared.kind, key, { uid, signal });
        if (result.outcome === "terminating") {
          ownWrites.wrote(caches, declared.kind, result.object, by);
        } else {
          ownWrites.deleted(caches, declared.kind, { key, uid }, by);
        }
      } catch (cause) {
        failure ??= this.#failure({ target }, live, cause, progress, signal);
        continue;
      }
      memory.pruned(parent.object.metadata.uid, live);
      metrics.pruned.inc({ controller, kind: live.kind });
      progress.changed = true;
      progress.changes.push(changeOf(live, "Deleted", target.name));
      logger.info("child pruned", { object: describeObject(live) });
    }
    if (failure !== undefined) return { ...failure, changeSet: finish(progress, false) };
    return { kind: "done", changeSet: finish(progress, true) };
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
    at: { readonly target: Target },
    object: KubeObject,
    cause: unknown,
    progress: Progress,
    signal: AbortSignal,
  ): ApplyResult {
    if (cause instanceof NotLeaderError || signal.aborted) throw cause;
    const message = `${describeObject(object)}: ${errorMessage(cause)}`;
    const changeSet = finish(progress, false);
    if (at.target.name !== "" && cause instanceof TransportError) {
      return { kind: "failed", reason: REASONS.Unreachable, message, changeSet, cause };
    }
    if (cause instanceof ApiError && cause.isRefusal && !isPassing(cause)) {
      return { kind: "refused", refusal: { reason: refusalReason(cause), message }, changeSet };
    }
    return { kind: "failed", reason: REASONS.ApplyFailed, message, changeSet, cause };
  }
}

function isWritable(one: Planned): one is Writable {
  return one.target !== undefined && (one.step.kind === "create" || one.step.kind === "update");
}

/** Nobody but us can delete it when the parent goes, and it shall not stay. */
function isDoomed({ target, live }: Held, parent: Parent): boolean {
  const prune = live.metadata.annotations?.[stampNames(parent.kind.group).prune];
  const { namespace = "" } = live.metadata;
  return prune === undefined && !isWithinReach(parent, { cluster: target.name, namespace });
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

function changeOf(object: KubeObject, action: Change["action"], cluster: string): Change {
  const { namespace, name } = keyOf(object);
  const { apiVersion, kind } = object;
  return { apiVersion, kind, namespace, name, action, ...(cluster === "" ? {} : { cluster }) };
}

function finish(progress: Progress, complete: boolean): ChangeSet {
  return { changes: progress.changes, changed: progress.changed, complete };
}
