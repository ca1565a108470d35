// Dry-run of whole controllers: what would become of a cluster if these objects were applied to it.
// The controllers' own functions decide, on caches that are read once and then imagined further:
// rendered children are put into them, controllers of their kinds go on from there, and whoever
// would be woken is. Nothing is written anywhere.
//
// What it cannot know: what the API server's schema, CEL and admission would say, what pods will
// do, and what programs outside Kubernetes answer. Such steps end in a wait that says for what.

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { Condition } from "#api/meta/index.ts";
import { apiVersionOf, REASONS } from "#api/meta/index.ts";

import { claimOf } from "../apply/claim.ts";
import type { DecideContext, Planned } from "../apply/decide.ts";
import { decideChildren, inventoryOf, placeOf as childPlace } from "../apply/decide.ts";
import type { Parent } from "../apply/stamp.ts";
import { stampNames } from "../apply/stamp.ts";
import { CacheReader } from "../cache/reader.ts";
import { computeConditions } from "../conditions/conditions.ts";
import { finalizerOf, isHeld, renderChildren } from "../controller/steps.ts";
import type { AnyController, Change, Child, Outcome } from "../controller/types.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { Kind, KubeObject, Live, ObjectKey } from "../kinds/kind.ts";
import { describeObject, isOfKind, keyOf, keyText, kindId, parseKey } from "../kinds/kind.ts";
import { fieldsOf, merged, replaced } from "./imagine.ts";
import type { LiveState } from "./live-state.ts";
import { remembered } from "./live-state.ts";
import type {
  PlannedCalls,
  PlannedChange,
  PlannedObject,
  PlannedRefusal,
  PlannedWait,
  PlanResult,
} from "./types.ts";
import { declaredBy, placeOf, PlanWorld } from "./world.ts";

/** What to dry-run. */
export interface PlanOptions {
  /** With ports that answer from nothing; they are never asked to act. */
  readonly controllers: readonly AnyController[];
  /** As a user would apply them, namespaces filled in. */
  readonly objects: readonly KubeObject[];
  readonly live: LiveState;
  readonly now: Date;
  readonly logger: Logger;
  readonly signal?: AbortSignal;
}

/** An object that comes back this often is told as one that does not come to rest. */
const PASSES_MAX = 20;

/** The change set. Rejects with what `live` rejects with; faults of controllers are in it. */
export async function planChanges(options: PlanOptions): Promise<PlanResult> {
  const live = remembered(options.live);
  const run = new PlanRun({ ...options, live });
  const result = await run.result();
  // The same objects once more without what the user gives: what is left was due in any case.
  const without = new PlanRun({ ...options, live, objects: [] });
  const baseline = await without.result(run.woken);
  const due = new Set(baseline.changes.map((one) => JSON.stringify(one)));
  const changes = result.changes.map((one): PlannedChange => {
    const told = one.action !== "Unchanged" && due.has(JSON.stringify(one));
    return told ? { ...one, due: true } : one;
  });
  return { ...result, changes };
}

interface Woken {
  readonly controller: AnyController;
  /** {@link keyText}. */
  readonly key: string;
}

interface Touched {
  readonly kind: Kind;
  readonly key: ObjectKey;
  readonly by: string;
  readonly parent?: PlannedObject;
  action: "Apply" | "Delete" | "Keep";
}

class PlanRun {
  readonly #options: PlanOptions;
  readonly #world: PlanWorld;
  readonly #signal: AbortSignal;
  /** By place, in the order in which they were come to. */
  readonly #touched = new Map<string, Touched>();
  readonly #refusals = new Map<string, PlannedRefusal>();
  readonly #waits = new Map<string, PlannedWait>();
  readonly #calls = new Map<string, PlannedCalls>();
  readonly #notes = new Set<string>();
  readonly #queue = new Map<string, Woken>();
  readonly #woken = new Map<string, Woken>();
  readonly #passes = new Map<string, number>();

  constructor(options: PlanOptions) {
    this.#options = options;
    this.#world = new PlanWorld(options.live, options.logger);
    this.#signal = options.signal ?? new AbortController().signal;
  }

  /** Who had a pass, by controller and key. */
  get woken(): readonly Woken[] {
    return [...this.#woken.values()];
  }

  async result(woken: readonly Woken[] = []): Promise<PlanResult> {
    const { controllers, objects } = this.#options;
    for (const controller of controllers) await this.#world.load(controller);
    for (const { controller, key } of woken) this.#enqueue(controller, parseKey(key));
    for (const object of objects) await this.#given(object);
    for (;;) {
      const [first] = this.#queue;
      if (first === undefined) break;
      const [id, { controller, key }] = first;
      this.#queue.delete(id);
      await this.#turn(id, controller, parseKey(key));
    }
    const changes: PlannedChange[] = [];
    for (const touched of this.#touched.values()) changes.push(await this.#changeOf(touched));
    return {
      changes,
      refusals: [...this.#refusals.values()],
      waits: [...this.#waits.values()],
      calls: [...this.#calls.values()],
      notes: [...this.#notes],
    };
  }

  /** What the user applies. */
  async #given(object: KubeObject): Promise<void> {
    const kind = this.#kindOf(object);
    if (kind === undefined) {
      this.#notes.add(`${describeObject(object)} is of a kind that is not known here; left out`);
      return;
    }
    const before = await this.#world.before(kind, keyOf(object));
    const after = this.#isServed(kind)
      ? replaced(before, object, this.#options.now)
      : before === undefined
        ? object
        : merged(before, object);
    await this.#apply({ kind, object: after, by: "" });
  }

  async #turn(id: string, controller: AnyController, key: ObjectKey): Promise<void> {
    const passes = (this.#passes.get(id) ?? 0) + 1;
    this.#passes.set(id, passes);
    this.#woken.set(id, { controller, key: keyText(key) });
    if (passes > PASSES_MAX) {
      this.#notes.add(`${controller.kind.kind} ${keyText(key)} does not come to rest`);
      return;
    }
    const live = await this.#world.get(controller.kind, key);
    if (live === undefined) return;
    if (live.metadata.deletionTimestamp !== undefined) {
      this.#notes.add(`${describeObject(live)} is being deleted; left out`);
      return;
    }
    for (const known of [this.#refusals, this.#waits, this.#calls]) known.delete(id);
    try {
      await this.#pass(id, controller, live);
    } catch (cause) {
      const message = errorMessage(cause);
      this.#refusals.set(id, { ...nameOf(live), by: controller.name, reason: "Failed", message });
    }
  }

  /** One pass, up to where the real one would write. */
  async #pass(id: string, controller: AnyController, live: Live): Promise<void> {
    const { spec, kind } = controller;
    const reader = this.#reader(controller);
    const observed = await spec.observe(keyOf(live), reader, spec.port);
    if (observed === undefined) return;
    const plan = spec.plan(observed, this.#options.now, spec.defaults);
    const rendered = renderChildren(spec, { live, observed, plan });
    const about = { ...nameOf(live), by: controller.name };
    let outcome: Outcome;
    if ("refused" in rendered) {
      outcome = { kind: "refused", refusal: rendered.refused };
      this.#refusals.set(id, { ...about, ...rendered.refused });
    } else if ("held" in rendered) {
      outcome = { kind: "held", ...rendered.held };
      this.#waits.set(id, { ...about, ...rendered.held });
    } else {
      const parent: Parent = { kind, object: live };
      if (isHeld(spec, parent, { observed, rendered })) await this.#hold(controller, live);
      outcome = await this.#children(id, controller, parent, rendered);
      if (outcome.kind === "refused" && spec.explain !== undefined) {
        const refusal = spec.explain(observed, plan, outcome.refusal);
        this.#refusals.set(id, { ...about, ...refusal });
      }
    }
    const calls = outcome.kind === "applied" ? (spec.calls?.(plan) ?? []) : [];
    if (calls.length > 0) this.#calls.set(id, { ...about, calls });
    await this.#imagineStatus(controller, keyOf(live), outcome);
  }

  async #children(
    id: string,
    controller: AnyController,
    parent: Parent,
    rendered: readonly Child[],
  ): Promise<Outcome> {
    const names = stampNames(parent.kind.group);
    const context = this.#context(controller);
    const planned = decideChildren(context, parent, rendered, names);
    const about = { ...nameOf(parent.object), by: controller.name };
    const changes: Change[] = [];
    const changeSet = { changes, changed: false, complete: false };
    let waits = false;
    for (const one of planned) {
      const said = await this.#child(controller, parent, one);
      if (said?.kind === "conflict") {
        const refusal = { reason: REASONS.NameConflict, message: said.message };
        this.#refusals.set(id, { ...about, ...refusal });
        return { kind: "refused", refusal };
      }
      if (said === undefined) continue;
      const { reason, message } = said;
      this.#waits.set(id, { ...about, reason, message });
      waits = true;
    }
    if (waits) {
      const message = this.#waits.get(id)?.message ?? "";
      return { kind: "failed", reason: REASONS.WaitingForChildren, message, changeSet };
    }
    await this.#prune(controller, parent, context, planned);
    return { kind: "applied", changeSet: { ...changeSet, complete: true } };
  }

  /** Undefined if the child would be in place. */
  async #child(
    controller: AnyController,
    parent: Parent,
    one: Planned,
  ): Promise<
    | { readonly kind: "conflict"; readonly message: string }
    | { readonly kind: "wait"; readonly reason: string; readonly message: string }
    | undefined
  > {
    const { object } = one.child;
    const { step } = one;
    const what = describeObject(object);
    switch (step.kind) {
      case "conflict":
        return { kind: "conflict", message: `${what} exists and belongs to ${step.owner}` };
      case "wait":
        return { kind: "wait", reason: REASONS.WaitingForChildren, message: `${what} ${step.why}` };
      case "unreachable":
        return { kind: "wait", reason: REASONS.Unreachable, message: `${what}: ${step.why}` };
      case "unchanged":
      case "create":
      case "update":
        break;
    }
    const { kind } = one.declared;
    const found = await this.#world.get(kind, one.key);
    if (step.kind === "create" && found !== undefined) {
      // No cache shows it: either not ours, or ours with a lost label.
      const names = stampNames(parent.kind.group);
      const claim = claimOf(found, parent, names, one.child.adopt);
      if (claim.kind === "foreign") {
        return { kind: "conflict", message: `${what} exists and belongs to ${claim.owner}` };
      }
    }
    const after =
      step.kind === "unchanged" && found !== undefined
        ? found
        : this.#isServed(kind)
          ? replaced(found, object, this.#options.now)
          : found === undefined
            ? object
            : merged(found, object);
    const by = controller.name;
    await this.#apply({ kind, object: after, by, parent: nameOf(parent.object) });
    return undefined;
  }

  async #prune(
    controller: AnyController,
    parent: Parent,
    context: DecideContext,
    planned: readonly Planned[],
  ): Promise<void> {
    const names = stampNames(parent.kind.group);
    const wanted = new Set(planned.map((one) => childPlace("", one.declared, one.key)));
    for (const { declared, live } of inventoryOf(context, parent, names)) {
      const key = keyOf(live);
      if (wanted.has(childPlace("", declared, key))) continue;
      const kept = live.metadata.annotations?.[names.prune] === "Keep";
      const place = placeOf(declared.kind, key);
      const action = kept ? "Keep" : "Delete";
      const by = controller.name;
      this.#touched.set(place, {
        kind: declared.kind,
        key,
        by,
        action,
        parent: nameOf(parent.object),
      });
      if (kept) continue;
      this.#world.remove(declared.kind, live);
      this.#wake(declared.kind, live);
      await this.#orphans(declared.kind, live);
    }
  }

  /** What the garbage collector would take along with a deleted object. */
  async #orphans(kind: Kind, gone: Live): Promise<void> {
    const controller = this.#options.controllers.find((one) => kindId(one.kind) === kindId(kind));
    if (controller === undefined) return;
    const parent: Parent = { kind, object: gone };
    await this.#prune(controller, parent, this.#context(controller), []);
  }

  /** Puts an object into the world and wakes whom it concerns, unless nothing would change. */
  async #apply(write: {
    readonly kind: Kind;
    readonly object: KubeObject;
    readonly by: string;
    readonly parent?: PlannedObject;
  }): Promise<void> {
    const { kind, object, by, parent } = write;
    const key = keyOf(object);
    const place = placeOf(kind, key);
    if (!this.#touched.has(place)) {
      const said = { kind, key, by, action: "Apply" as const };
      this.#touched.set(place, parent === undefined ? said : { ...said, parent });
    }
    const known = await this.#world.get(kind, key);
    const owned = this.#isServed(kind);
    if (known === undefined || fieldsOf(known, object, owned).length > 0) {
      this.#wake(kind, await this.#world.put(kind, object));
      return;
    }
    // Nothing changes here, but what it is made of may not be as it should.
    if (this.#passes.has(placeOf(kind, key))) return;
    for (const controller of this.#options.controllers) {
      if (kindId(controller.kind) === kindId(kind)) this.#enqueue(controller, key);
    }
  }

  /** The finalizer that the framework would put on the object. */
  async #hold(controller: AnyController, live: Live): Promise<void> {
    const { name } = finalizerOf(controller);
    const { finalizers = [] } = live.metadata;
    if (finalizers.includes(name)) return;
    const metadata = { ...live.metadata, finalizers: [...finalizers, name] };
    const place = placeOf(controller.kind, keyOf(live));
    if (!this.#touched.has(place)) {
      const { kind } = controller;
      this.#touched.set(place, { kind, key: keyOf(live), by: controller.name, action: "Apply" });
    }
    await this.#world.put(controller.kind, { ...live, metadata });
  }

  /** What others read in the status of this object. */
  async #imagineStatus(controller: AnyController, key: ObjectKey, outcome: Outcome): Promise<void> {
    const { spec, kind } = controller;
    const { now } = this.#options;
    const live = await this.#world.get(kind, key);
    const observed = await spec.observe(key, this.#reader(controller), spec.port);
    if (live === undefined || observed === undefined) return;
    const plan = spec.plan(observed, now, spec.defaults);
    const draft = spec.computeStatus(observed, plan, outcome, now);
    const before = (live as { readonly status?: { readonly conditions?: readonly Condition[] } })
      .status;
    const generation = live.metadata.generation ?? 0;
    const conditions = computeConditions({
      drafts: draft.conditions,
      outcome,
      previous: before?.conditions ?? [],
      generation,
      now,
    });
    const status = { ...draft.fields, observedGeneration: generation, conditions };
    if (JSON.stringify(status) === JSON.stringify(before)) return;
    const object = { ...live, status };
    this.#wake(kind, await this.#world.put(kind, object));
  }

  /** Queues whom a real change would wake. */
  #wake(kind: Kind, live: Live): void {
    const { controllers } = this.#options;
    for (const controller of controllers) {
      if (kindId(controller.kind) === kindId(kind)) this.#enqueue(controller, keyOf(live));
      const names = stampNames(controller.kind.group);
      const owner = live.metadata.annotations?.[names.owner];
      if (owner?.startsWith(`${controller.kind.kind}/`) === true) {
        this.#enqueue(controller, parseKey(owner.slice(controller.kind.kind.length + 1)));
      }
      for (const declared of declaredBy(controller)) {
        if (declared.wakes === undefined || kindId(declared.kind) !== kindId(kind)) continue;
        for (const key of declared.wakes(live, this.#reader(controller))) {
          this.#enqueue(controller, key);
        }
      }
    }
  }

  #enqueue(controller: AnyController, key: ObjectKey): void {
    const id = placeOf(controller.kind, key);
    this.#queue.set(id, { controller, key: keyText(key) });
  }

  async #changeOf(touched: Touched): Promise<PlannedChange> {
    const { kind, key, by, parent } = touched;
    const before = await this.#world.before(kind, key);
    const after = await this.#world.get(kind, key);
    const base = {
      ...nameOf({ apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { ...key } }),
      by,
      ...(parent === undefined ? {} : { parent }),
    };
    if (touched.action !== "Apply") return { ...base, action: touched.action, fields: [] };
    if (before === undefined || after === undefined) {
      return { ...base, action: "Create", fields: [] };
    }
    const fields = fieldsOf(before, after, this.#isServed(kind));
    return { ...base, action: fields.length === 0 ? "Unchanged" : "Configure", fields };
  }

  #context(controller: AnyController): DecideContext {
    return {
      fieldManager: controller.fieldManager,
      formerManagers: controller.spec.formerManagers ?? [],
      children: controller.children,
      targets: this.#world.targets(controller),
    };
  }

  #reader(controller: AnyController): CacheReader {
    return new CacheReader(this.#world.view(controller), this.#signal, controller.kind.group);
  }

  #isServed(kind: Kind): boolean {
    return this.#options.controllers.some((one) => kindId(one.kind) === kindId(kind));
  }

  #kindOf(object: KubeObject): Kind | undefined {
    const known = this.#options.controllers.flatMap((one) =>
      declaredBy(one).map(({ kind }) => kind),
    );
    return [...known, ...Object.values<Kind>(KINDS)].find((kind) => isOfKind(object, kind));
  }
}

function nameOf(object: KubeObject): PlannedObject {
  const { namespace, name } = keyOf(object);
  return { apiVersion: object.apiVersion, kind: object.kind, namespace, name };
}
