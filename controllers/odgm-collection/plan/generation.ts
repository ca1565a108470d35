// Which generation the collection shall serve by, and who must still be told. The meta group
// decides; this only asks.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { StoreState } from "#api/gen/oaas-admin_pb.ts";
import { REASONS } from "#api/meta/index.ts";
import {
  effectiveBinding,
  effectiveOdgmCollection,
  effectiveRoute,
} from "#api/oaas/v1alpha1/index.ts";
import { memberAddresses } from "#api/workload/odgm-names.ts";

import type { FormattedMember, RoutedFunction, WantedCollection } from "./assignment.ts";
import { nextGeneration } from "./assignment.ts";
import type { CollectionCall } from "./calls.ts";
import type { GroupSeen } from "./groups.ts";
import { isWhole } from "./groups.ts";
import type { MetaSeen } from "./meta.ts";
import type { IdentityRecord, Observed } from "./observed.ts";
import { slotsSeen } from "./slots.ts";

/** Annotation with which a user accepts that a member's data is gone: its recorded incarnation. */
export const ACCEPT_DATA_LOSS = "oaas.io/accept-data-loss";

/** What {@link planGeneration} builds upon. */
export interface GenerationInput {
  readonly record: IdentityRecord;
  /** Every wanted ordinal has its incarnation on record. */
  readonly settled: boolean;
  /** Ordinals whose store is not the one on record: asked for nothing and told nothing. */
  readonly inTrouble: ReadonlySet<number>;
  /** Ordinals that shall hold nothing any more. */
  readonly leaving: ReadonlySet<number>;
  readonly meta: MetaSeen;
  readonly groups: readonly GroupSeen[];
}

/** What is proposed and handed out, or why not. */
export interface GenerationPlan {
  readonly calls: readonly CollectionCall[];
  readonly refusal?: { readonly reason: string; readonly path?: string; readonly message: string };
  readonly progress?: { readonly reason: string; readonly message: string };
}

/** Brings the next generation to the meta group and the committed one to every member. */
export function planGeneration(observed: Observed, input: GenerationInput): GenerationPlan {
  const { settled, inTrouble, meta } = input;
  // At rest nobody is asked: what has changed meanwhile is proposed when it wakes.
  if (effectiveOdgmCollection(observed.collection.spec).nodes === 0) return { calls: [] };
  if (meta.adopt !== undefined) {
    const message = `the meta group goes on from what member ${meta.adopt.from.ordinal} serves`;
    const call: CollectionCall = { kind: "adopt-generation", ...meta.adopt };
    return { calls: [call], progress: { reason: REASONS.Progressing, message } };
  }
  const { committed } = meta;
  if (committed === undefined && (!meta.isNew || !settled)) return { calls: [] };
  const next = nextGeneration(committed, wantedCollection(observed, input));
  if (next.kind === "refused") {
    const { path, message } = next;
    const refusal =
      path === undefined
        ? { reason: REASONS.EmptyDisk, message: `${message} (annotation ${ACCEPT_DATA_LOSS})` }
        : { reason: REASONS.Unsupported, path: `spec.${path}`, message };
    return { calls: [], refusal };
  }
  const { target } = meta;
  if (next.kind === "propose" && (target === undefined || inTrouble.has(target.ordinal))) {
    const message = `generation ${next.spec.generation} waits: nobody leads the meta group`;
    const calls = committed === undefined ? [] : behind(observed, input, committed);
    return { calls, progress: { reason: REASONS.WaitingForData, message } };
  }
  const propose: readonly CollectionCall[] =
    next.kind === "current" || target === undefined
      ? []
      : [{ kind: "propose", target, expected: committed?.generation ?? 0n, spec: next.spec }];
  const apply = behind(observed, input, next.spec);
  const calls = [...propose, ...apply];
  if (calls.length === 0) return { calls };
  const message = `bringing generation ${next.spec.generation} to ${apply.length} members`;
  return { calls, progress: { reason: REASONS.Progressing, message } };
}

/** Hands this generation to its members that serve an older one. */
function behind(
  observed: Observed,
  { record, inTrouble }: GenerationInput,
  spec: CollectionSpec,
): readonly CollectionCall[] {
  return [...observed.members].flatMap(([ordinal, member]): CollectionCall[] => {
    const at = observed.targets.get(ordinal);
    if (member.kind !== "known" || at === undefined) return [];
    if (member.status.storeState !== StoreState.READY || inTrouble.has(ordinal)) return [];
    if (!record.members.has(ordinal) || member.status.generation >= spec.generation) return [];
    const belongs = spec.members.find((one) => one.ordinal === ordinal);
    // Somebody else's store is told nothing; the generation that names it comes first.
    if (belongs?.incarnation !== member.status.incarnation) return [];
    return [{ kind: "apply", target: at, spec }];
  });
}

/**
 * The members: every formatted store, and where one is being replaced the one that it was, because
 * its groups have not let go of it yet.
 */
function wantedMembers(
  observed: Observed,
  record: IdentityRecord,
  committed: CollectionSpec | undefined,
): readonly FormattedMember[] {
  const { namespace, name } = observed.collection.metadata;
  return [...record.members].flatMap(([ordinal, member]): FormattedMember[] => {
    if (member.kind === "evacuated") return [];
    if (member.kind === "intent") {
      return committed?.members.filter((one) => one.ordinal === ordinal) ?? [];
    }
    const { link, data } = memberAddresses(namespace, name, ordinal);
    const { incarnation } = member;
    return [{ environment: "default", ordinal, incarnation, linkAddress: link, dataUrl: data }];
  });
}

function wantedCollection(observed: Observed, input: GenerationInput): WantedCollection {
  const { record, leaving, meta, groups } = input;
  const { spec, metadata } = observed.collection;
  const effective = effectiveOdgmCollection(spec);
  const dot = spec.collection.lastIndexOf(".");
  return {
    collection: spec.collection,
    package: dot < 0 ? "" : spec.collection.slice(0, dot),
    partitioning: effective.partitioning,
    partitions: effective.partitions,
    shardType: effective.shardType,
    replicas: effective.replicas,
    persistent: effective.persistent,
    disabled: false,
    options: Object.fromEntries((spec.options ?? []).map((option) => [option.name, option.value])),
    functions: routedFunctions(observed),
    members: wantedMembers(observed, record, meta.committed),
    leaving,
    settled: new Set(groups.filter((group) => group.settled).map(({ partition }) => partition)),
    isWell: groups.every(isWhole),
    moving: slotsSeen(observed, meta.committed),
    acceptedLoss: metadata.annotations?.[ACCEPT_DATA_LOSS],
    resolvedClassJson: JSON.stringify(spec.resolvedClass ?? {}),
  };
}

function routedFunctions(observed: Observed): readonly RoutedFunction[] {
  const { routes, resolvedClass } = observed.collection.spec;
  return (routes ?? []).map((route) => {
    const { name, url, stateless, standby, disabled, timeoutMs } = effectiveRoute(route);
    const found = resolvedClass?.functions?.find((binding) => binding.name === name);
    const binding = effectiveBinding(found ?? { name }, undefined);
    const { access, immutable, concurrency } = binding;
    const rest = { stateless, standby, disabled, timeoutMs, access, immutable, concurrency };
    return { name, url: url ?? "", ...rest };
  });
}
