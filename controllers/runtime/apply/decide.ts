// What is to be done with each rendered child, judged by the caches: created, changed at these
// paths, left alone, waited for, or not ours. Writes nothing; the applier does what is decided
// here, and the dry-run of a whole controller prints it.

import { assert, assertNever } from "#api/base/index.ts";

import { isAppliedBy, isHeldBy } from "../kinds/decode.ts";
import { ownerIndex } from "../cache/reader.ts";
import type { Child, ChildKind } from "../controller/types.ts";
import type { Live, ObjectKey } from "../kinds/kind.ts";
import { describeObject, isOfKind, keyOf, keyText, kindId } from "../kinds/kind.ts";
import { claimOf } from "./claim.ts";
import { differences } from "./match.ts";
import type { Parent, StampedChild, StampNames } from "./stamp.ts";
import { contentHash, ownerText, stampChild } from "./stamp.ts";
import type { Target, Targets } from "./target.ts";

/** What a decision rests on besides the objects; one per controller. */
export interface DecideContext {
  readonly fieldManager: string;
  readonly formerManagers: readonly string[];
  readonly children: readonly ChildKind[];
  readonly targets: Targets;
}

/** What is to be done with one child. */
export type Step =
  | { readonly kind: "create" }
  | {
      readonly kind: "update";
      readonly live: Live;
      readonly paths: readonly string[];
      /** Fields of managers that we have replaced are taken over first. */
      readonly migrate: boolean;
    }
  | { readonly kind: "unchanged" }
  /** Gone soon, by the garbage collector or its own finalizers; then it is made anew. */
  | { readonly kind: "wait"; readonly why: string }
  /** Its cluster cannot be asked. */
  | { readonly kind: "unreachable"; readonly why: string }
  | { readonly kind: "conflict"; readonly owner: string };

/** A rendered child and what is to be done with it. */
export interface Planned {
  readonly child: StampedChild;
  readonly declared: ChildKind;
  readonly key: ObjectKey;
  /** Unknown if the cluster is not known; then the step is `unreachable`. */
  readonly target: Target | undefined;
  readonly content: string;
  readonly step: Step;
}

/** A child that is there. */
export interface Held {
  readonly declared: ChildKind;
  readonly target: Target;
  readonly live: Live;
}

/** Decides about every rendered child. A kind that is not declared, or a name twice, is a bug. */
export function decideChildren(
  context: DecideContext,
  parent: Parent,
  rendered: readonly Child[],
  names: StampNames,
): readonly Planned[] {
  const seen = new Set<string>();
  return rendered.map((child) => {
    const raw = "object" in child ? child.object : child;
    const declared = context.children.find(({ kind }) => isOfKind(raw, kind));
    assert(declared !== undefined, `${raw.kind} is rendered but no declared child kind`);
    const stamped = stampChild(child, parent, {
      namespaced: declared.kind.namespaced,
      metadataOnly: declared.metadataOnly ?? false,
    });
    assert(
      stamped.cluster === "" || declared.clusters === "Any",
      `${raw.kind} is rendered for cluster ${stamped.cluster} but not declared for it`,
    );
    const key = keyOf(stamped.object);
    const id = placeOf(stamped.cluster, declared, key);
    assert(!seen.has(id), `${describeObject(stamped.object)} is rendered twice`);
    seen.add(id);
    const content = contentHash(stamped.object);
    const target = context.targets.get(stamped.cluster);
    const decided = { child: stamped, declared, key, content, target };
    return { ...decided, step: decide(context, parent, decided, names) };
  });
}

/** Where a child stands: cluster, kind, namespace and name. */
export function placeOf(cluster: string, declared: ChildKind, key: ObjectKey): string {
  return `${cluster} ${kindId(declared.kind)} ${keyText(key)}`;
}

/** Objects of ours that are there: label and owner annotation, in all clusters that answer. */
export function inventoryOf(
  context: DecideContext,
  parent: Parent,
  names: StampNames,
): readonly Held[] {
  const { uid } = parent.object.metadata;
  const owner = ownerText(parent);
  const index = ownerIndex(parent.kind.group);
  return context.targets.all().flatMap((target) =>
    context.children.flatMap((declared) => {
      const informers = target.view.get(kindId(declared.kind)) ?? [];
      const found = new Map<string, Live>();
      for (const { store } of informers) {
        for (const live of store.lookup(index, uid)) {
          if (live.metadata.annotations?.[names.owner] !== owner) continue;
          found.set(keyText(keyOf(live)), live);
        }
      }
      return Array.from(found.values(), (live) => ({ declared, target, live }));
    }),
  );
}

function decide(
  context: DecideContext,
  parent: Parent,
  one: Omit<Planned, "step">,
  names: StampNames,
): Step {
  const { child, declared, target } = one;
  const where = child.cluster === "" ? "" : `cluster ${child.cluster} `;
  if (target === undefined) return { kind: "unreachable", why: `${where}is not known` };
  const problem = target.problem();
  if (problem !== undefined) return { kind: "unreachable", why: `${where}${problem}` };
  const live = lookup(target, declared, one.key);
  if (child.handOver !== undefined) {
    // Given away already, or never ours: nothing more to do with it.
    if (live === undefined) return { kind: "unchanged" };
    if (live.metadata.annotations?.[names.owner] === child.handOver) return { kind: "unchanged" };
  }
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
  const { migrate, paths } = mismatch(context, parent, { ...one, target }, live);
  return paths.length === 0 ? { kind: "unchanged" } : { kind: "update", live, paths, migrate };
}

/** Paths at which the live object is not as desired; empty if it is. */
function mismatch(
  context: DecideContext,
  parent: Parent,
  one: Omit<Planned, "step" | "target"> & { readonly target: Target },
  live: Live,
): { readonly paths: readonly string[]; readonly migrate: boolean } {
  const { child, declared, content } = one;
  const { memory } = one.target;
  const { uid } = parent.object.metadata;
  const migrate = context.formerManagers.some((former) => isHeldBy(live, former, ""));
  if (migrate || !isAppliedBy(live, context.fieldManager)) {
    return { paths: ["metadata.managedFields"], migrate };
  }
  if (declared.metadataOnly === true) {
    const { apiVersion, kind, metadata } = child.object;
    const found = differences({ apiVersion, kind, metadata }, live);
    if (found.length > 0) return { paths: found.map((each) => each.path), migrate };
    return { paths: memory.touchedSince(uid, live) ? ["data"] : [], migrate };
  }
  const found = memory.withoutAccepted(uid, live, content, differences(child.object, live));
  if (found.length === 0) memory.matched(uid, live, content);
  return { paths: found.map((each) => each.path), migrate };
}

function lookup(target: Target, declared: ChildKind, key: ObjectKey): Live | undefined {
  for (const informer of target.view.get(kindId(declared.kind)) ?? []) {
    if (informer.metadataOnly !== (declared.metadataOnly ?? false)) continue;
    const live = informer.store.get(key);
    if (live !== undefined) return live;
  }
  return undefined;
}
