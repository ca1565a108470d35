// Which generation the collection shall serve by, and who must still be told. The meta group's
// voter decides; this only asks.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { StoreState } from "#api/gen/oaas-admin_pb.ts";
import { REASONS } from "#api/meta/index.ts";
import {
  effectiveBinding,
  effectiveOdgmCollection,
  effectiveRoute,
} from "#api/oaas/v1alpha1/index.ts";
import { memberAddresses } from "#api/workload/odgm-names.ts";

import type { RoutedFunction, WantedCollection } from "./assignment.ts";
import { nextGeneration } from "./assignment.ts";
import type { CollectionCall } from "./calls.ts";
import type { IdentityRecord, Observed } from "./observed.ts";

/** Annotation with which a user accepts that a member's data is gone: its recorded incarnation. */
export const ACCEPT_DATA_LOSS = "oaas.io/accept-data-loss";

/** Ordinal 0 is the meta group's only voter for now. */
const VOTER = 0;

/** The committed generation, if the collection's own voter has told it. */
export function committedGeneration(
  observed: Observed,
  record: IdentityRecord | undefined,
): CollectionSpec | undefined {
  const voter = observed.members.get(VOTER);
  if (voter?.kind !== "known" || voter.status.storeState !== StoreState.READY) return undefined;
  if (voter.status.identity !== record?.identity) return undefined;
  return voter.status.metaGeneration === 0n ? undefined : voter.status.committed;
}

/** What {@link planGeneration} builds upon. */
export interface SettledMembers {
  readonly record: IdentityRecord;
  /** Every wanted ordinal has its incarnation on record. */
  readonly settled: boolean;
  /** Ordinals whose store is not the one on record: asked for nothing and told nothing. */
  readonly inTrouble: ReadonlySet<number>;
}

/** What is proposed and handed out, or why not. */
export interface GenerationPlan {
  readonly calls: readonly CollectionCall[];
  readonly refusal?: { readonly reason: string; readonly path?: string; readonly message: string };
  readonly progress?: { readonly reason: string; readonly message: string };
}

/** Brings the next generation to the voter and the committed one to every member. */
export function planGeneration(
  observed: Observed,
  { record, settled, inTrouble }: SettledMembers,
  committed: CollectionSpec | undefined,
): GenerationPlan {
  // At rest nobody is asked: what has changed meanwhile is proposed when it wakes.
  if (effectiveOdgmCollection(observed.collection.spec).nodes === 0) return { calls: [] };
  const voter = observed.members.get(VOTER);
  const target = observed.targets.get(VOTER);
  if (!settled || target === undefined || voter?.kind !== "known") return { calls: [] };
  if (inTrouble.has(VOTER)) return { calls: [] };
  if (voter.status.storeState !== StoreState.READY) return { calls: [] };
  if (voter.status.metaGeneration > 0n && committed === undefined) return { calls: [] };
  const next = nextGeneration(committed, wantedCollection(observed, record));
  if (next.kind === "refused") {
    const { path, message } = next;
    const refusal =
      path === undefined
        ? { reason: REASONS.EmptyDisk, message: `${message} (annotation ${ACCEPT_DATA_LOSS})` }
        : { reason: REASONS.Unsupported, path: `spec.${path}`, message };
    return { calls: [], refusal };
  }
  const propose: readonly CollectionCall[] =
    next.kind === "current"
      ? []
      : [{ kind: "propose", target, expected: committed?.generation ?? 0n, spec: next.spec }];
  const belongs = new Set(next.spec.members.map((member) => member.ordinal));
  const behind = [...observed.members].flatMap(([ordinal, member]): CollectionCall[] => {
    const at = observed.targets.get(ordinal);
    if (!belongs.has(ordinal)) return [];
    if (member.kind !== "known" || at === undefined) return [];
    if (member.status.storeState !== StoreState.READY || inTrouble.has(ordinal)) return [];
    if (!record.members.has(ordinal) || member.status.generation >= next.spec.generation) return [];
    return [{ kind: "apply", target: at, spec: next.spec }];
  });
  const calls = [...propose, ...behind];
  if (calls.length === 0) return { calls };
  const message = `bringing generation ${next.spec.generation} to ${behind.length} members`;
  return { calls, progress: { reason: REASONS.Progressing, message } };
}

function wantedCollection(observed: Observed, record: IdentityRecord): WantedCollection {
  const { spec, metadata } = observed.collection;
  const effective = effectiveOdgmCollection(spec);
  const members = [...record.members].flatMap(([ordinal, member]) => {
    if (member.kind !== "formatted" || ordinal >= effective.nodes) return [];
    const { link, data } = memberAddresses(metadata.namespace, metadata.name, ordinal);
    const { incarnation } = member;
    return [{ environment: "default", ordinal, incarnation, linkAddress: link, dataUrl: data }];
  });
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
    members,
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

/**
 * How many data pods there shall be now. Fewer than there are only once the voter has said that the
 * last ones hold nothing: lowering the count must not take data away before that is known.
 */
export function nodesNow(
  observed: Observed,
  record: IdentityRecord | undefined,
  committed: CollectionSpec | undefined,
): { readonly nodes: number; readonly progress?: GenerationPlan["progress"] } {
  const { nodes } = effectiveOdgmCollection(observed.collection.spec);
  const present = observed.set?.replicas ?? 0;
  if (nodes === 0 || present <= nodes || committed !== undefined) return { nodes };
  const leaving = [...(record?.members ?? [])].some(
    ([ordinal, member]) => ordinal >= nodes && member.kind === "formatted",
  );
  const voter = observed.members.get(VOTER);
  const nothingCommitted =
    voter?.kind === "known" &&
    voter.status.storeState === StoreState.READY &&
    voter.status.identity === record?.identity &&
    voter.status.metaGeneration === 0n;
  if (!leaving || nothingCommitted) return { nodes };
  const message = `${present} data pods stay until member ${VOTER} says who holds partitions`;
  return { nodes: present, progress: { reason: REASONS.WaitingForPods, message } };
}
