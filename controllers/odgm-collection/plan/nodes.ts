// How many data pods there shall be, and how members go: their partitions move away, the record
// says that nothing is left, then the pod goes, then its claim. Every step rests on the stored
// record, so an operator that starts in between goes on; a step back (more nodes again) is possible
// at each.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { REASONS } from "#api/meta/index.ts";
import { effectiveOdgmCollection } from "#api/oaas/v1alpha1/index.ts";

import type { CollectionCall } from "./calls.ts";
import type { GroupSeen } from "./groups.ts";
import type { MetaSeen } from "./meta.ts";
import type { IdentityRecord, MemberRecord, Observed, ObservedClaim } from "./observed.ts";

/** What {@link planNodes} decides. */
export interface NodesPlan {
  /** Replicas of the StatefulSet. */
  readonly nodes: number;
  /** With who may go marked, and who is gone left out. */
  readonly record: IdentityRecord;
  /** Ordinals that shall hold nothing any more and still do, as far as is known. */
  readonly leaving: ReadonlySet<number>;
  /** Claims of members that are gone. */
  readonly calls: readonly CollectionCall[];
  readonly refusal?: { readonly reason: string; readonly path: string; readonly message: string };
  readonly progress?: { readonly reason: string; readonly message: string };
}

/** See the head of this file. */
export function planNodes(
  observed: Observed,
  record: IdentityRecord,
  meta: MetaSeen,
  groups: readonly GroupSeen[],
): NodesPlan {
  const { nodes, shardType } = effectiveOdgmCollection(observed.collection.spec);
  const stay = { nodes, record, leaving: new Set<number>(), calls: [] };
  if (nodes === 0) return stay;
  const present = observed.set?.replicas ?? 0;
  const beyond = [...record.members].filter(([ordinal]) => ordinal >= nodes);
  const ordinals = beyond
    .flatMap(([ordinal, { kind }]) => (kind === "evacuated" ? [] : [ordinal]))
    .sort((a, b) => a - b);
  const isAtRest = present === 0 && observed.pods.length === 0;
  const last = ordinals.at(-1);
  if (isAtRest && last !== undefined && shardType !== "Raft") {
    const message =
      `member ${last} may hold partitions, which nobody can say while it rests; set it to at ` +
      `least ${last + 1}`;
    return { ...stay, refusal: { reason: REASONS.Unsupported, path: "spec.nodes", message } };
  }
  const isDone = (ordinal: number): boolean => holdsNothing(observed, meta, groups, ordinal);
  const leaving = ordinals.filter((ordinal) => !isDone(ordinal));
  const held = ordinals.filter((ordinal) => ordinal < present || leaving.includes(ordinal));
  const kept = shardType === "Raft" ? held : held.filter((ordinal) => ordinal < present);
  const gone = beyond.filter(([ordinal, member]) => mayForget(observed, ordinal, member));
  const progress = leavingProgress(observed, meta, leaving);
  return {
    nodes: Math.max(nodes, ...kept.map((ordinal) => ordinal + 1)),
    record: markRecord(record, { beyond: beyond.map(([ordinal]) => ordinal), leaving, gone }),
    leaving: new Set(leaving),
    calls: planClaims(observed, record, nodes),
    ...(progress === undefined ? {} : { progress }),
  };
}

/**
 * No partition and no vote is at this member, by the committed generation, by what the leaders of
 * all groups have reached, and by its own words if it can be asked.
 */
function holdsNothing(
  observed: Observed,
  meta: MetaSeen,
  groups: readonly GroupSeen[],
  ordinal: number,
): boolean {
  const { committed, isNew } = meta;
  if (committed === undefined) return isNew;
  if (holds(committed, ordinal) || !groups.every((group) => group.settled)) return false;
  if (isVoter(committed, ordinal) || !meta.isWhole) return false;
  const seen = observed.members.get(ordinal);
  return seen?.kind !== "known" || seen.status.shards.length === 0;
}

function idsOf(committed: CollectionSpec, ordinal: number): readonly bigint[] {
  return committed.members.filter((member) => member.ordinal === ordinal).map(({ id }) => id);
}

function holds(committed: CollectionSpec, ordinal: number): boolean {
  const ids = idsOf(committed, ordinal);
  return committed.partitions.some(({ members }) => members.some((id) => ids.includes(id)));
}

function isVoter(committed: CollectionSpec, ordinal: number): boolean {
  return idsOf(committed, ordinal).some((id) => committed.metaVoters.includes(id));
}

function markRecord(
  record: IdentityRecord,
  marks: {
    readonly beyond: readonly number[];
    readonly leaving: readonly number[];
    readonly gone: readonly (readonly [number, MemberRecord])[];
  },
): IdentityRecord {
  const members = new Map(record.members);
  for (const ordinal of marks.beyond) {
    if (!marks.leaving.includes(ordinal)) members.set(ordinal, { kind: "evacuated" });
  }
  for (const [ordinal] of marks.gone) members.delete(ordinal);
  return { ...record, members };
}

/** Its pod and claim are gone: there is nothing left to know about it. */
function mayForget(observed: Observed, ordinal: number, member: MemberRecord): boolean {
  return member.kind === "evacuated" && isDown(observed, ordinal) && !hasClaim(observed, ordinal);
}

/** The StatefulSet does not want its pod, and there is none. */
function isDown(observed: Observed, ordinal: number): boolean {
  if ((observed.set?.replicas ?? 0) > ordinal) return false;
  return observed.pods.every((pod) => pod.ordinal !== ordinal);
}

function hasClaim(observed: Observed, ordinal: number): boolean {
  return observed.claims.some((claim) => claim.ordinal === ordinal);
}

/** True for the claim of a member that is to go: its volume needs no keeping. */
export function isEvacuated(record: IdentityRecord, claim: ObservedClaim, nodes: number): boolean {
  if (nodes === 0 || claim.ordinal < nodes) return false;
  return record.members.get(claim.ordinal)?.kind === "evacuated";
}

/** Deletes claims of members that are gone; volumes get their own reclaim policy back before. */
function planClaims(
  observed: Observed,
  record: IdentityRecord,
  nodes: number,
): readonly CollectionCall[] {
  return observed.claims.flatMap((claim): CollectionCall[] => {
    const { name, uid, ordinal, deleting, volume } = claim;
    if (deleting || !isEvacuated(record, claim, nodes) || !isDown(observed, ordinal)) return [];
    const original = volume?.originalReclaimPolicy;
    if (original !== undefined && original !== volume?.reclaimPolicy) return [];
    return [{ kind: "delete-claim", name, uid }];
  });
}

function leavingProgress(
  observed: Observed,
  { committed }: MetaSeen,
  leaving: readonly number[],
): NodesPlan["progress"] {
  const [first] = leaving;
  if (first === undefined) return undefined;
  if (committed === undefined) {
    const present = observed.set?.replicas ?? 0;
    const message = `${present} data pods stay until the meta group says who holds partitions`;
    return { reason: REASONS.WaitingForPods, message };
  }
  const count = committed.partitions.filter(({ members }) =>
    members.some((id) => idsOf(committed, first).includes(id)),
  ).length;
  const what = count === 0 ? "its last replicas are being removed" : `it holds ${count} partitions`;
  return { reason: REASONS.Draining, message: `member ${first} is going: ${what}` };
}
