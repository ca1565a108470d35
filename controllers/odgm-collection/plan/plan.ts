// What happens next to a collection. Pure: the same picture gives the same plan, and every step may
// be cut short and is found again by looking.
//
// Bring-up runs: record the intent to format -> Format -> record the incarnation -> Propose the
// first generation to the meta group -> Apply it to every member. Afterwards a change of routes or
// shape is only the last two; the leaders of Raft groups bring their members there by themselves,
// and what comes next waits for their reports.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { StoreState } from "#api/gen/oaas-admin_pb.ts";
import { REASONS } from "#api/meta/index.ts";
import { effectiveOdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";

import {
  canonicalQuantity,
  persistentMessage,
  unsupportedKeyValues,
} from "#controllers/objects/index.ts";

import type { CollectionCall } from "./calls.ts";
import { planGeneration } from "./generation.ts";
import type { GroupSeen } from "./groups.ts";
import { groupsSeen, isWhole } from "./groups.ts";
import type { MemberTrouble } from "./members.ts";
import { planMembers } from "./members.ts";
import { metaSeen } from "./meta.ts";
import { isEvacuated, planNodes } from "./nodes.ts";
import type { IdentityRecord, Observed } from "./observed.ts";
import { LOOK_AGAIN_MS, planRestart } from "./restart.ts";
import { collectionIdentity } from "./san.ts";

/** The plan. */
export interface CollectionPlan {
  /** Nothing is touched: why, at which field of spec. */
  readonly refusal?: { readonly reason: string; readonly message: string; readonly path?: string };
  /** Paused by the user. */
  readonly suspended: boolean;
  readonly nodes: number;
  /** The identity record as it shall be stored; undefined while a lost one is being rebuilt. */
  readonly identity?: IdentityRecord;
  readonly calls: readonly CollectionCall[];
  readonly troubles: readonly MemberTrouble[];
  /** What is under way, for people; undefined when settled. */
  readonly progress?: { readonly reason: string; readonly message: string };
  /** Newest committed generation, if a voter told it. */
  readonly committed?: CollectionSpec;
  /** Every partition as its members tell of it. */
  readonly groups: readonly GroupSeen[];
  /** Nothing is under way and no group lacks a replica: somebody may take one pod away. */
  readonly mayLoseOne: boolean;
  /** When a certificate falls due. */
  readonly wakeAtMs?: number;
}

/**
 * Annotation with which a user has a lost identity record rebuilt: `true` from the formatted
 * stores,
 * `empty` if there is none any more and the data is to begin anew.
 */
export const ADOPT_IDENTITY = "oaas.io/adopt-identity";

type Refusal = NonNullable<CollectionPlan["refusal"]>;

/** Decides what happens next. */
export function plan(observed: Observed, now: Date): CollectionPlan {
  const { collection } = observed;
  const effective = effectiveOdgmCollection(collection.spec);
  const lost = unsupportedValue(observed) ?? identityRefusal(observed);
  const record = presentRecord(observed);
  const meta = metaSeen(observed, record);
  const { committed } = meta;
  const groups = groupsSeen(observed, committed, effective.partitions);
  const nodes = record === undefined ? undefined : planNodes(observed, record, meta, groups);
  const refusal = lost ?? nodes?.refusal;
  const stay = {
    suspended: effective.suspend,
    nodes: nodes?.nodes ?? effective.nodes,
    groups,
    mayLoseOne: false,
    ...(record === undefined ? {} : { identity: record }),
    ...(committed === undefined ? {} : { committed }),
  };
  if (refusal !== undefined) return { ...stay, refusal, calls: [], troubles: [] };
  if (effective.suspend) return { ...stay, calls: [], troubles: [] };
  const certificate = planCertificate(observed, now);
  if (nodes === undefined) {
    const calls = [...certificate.calls, ...planVolumes(observed, record)];
    return { ...stay, calls, troubles: [], progress: storesProgress(observed) };
  }
  const members = planMembers(observed, nodes.record, effective.nodes, { meta, groups });
  const inTrouble = new Set(members.troubles.map((trouble) => trouble.ordinal));
  const { leaving } = nodes;
  const generation = planGeneration(observed, { ...members, inTrouble, leaving, meta, groups });
  if (generation.refusal !== undefined) {
    const { troubles } = members;
    return { ...stay, refusal: generation.refusal, calls: [], troubles };
  }
  const progress = members.progress ?? generation.progress ?? nodes.progress;
  const areWhole = groups.every(isWhole);
  const isQuiet = progress === undefined && meta.isWhole && areWhole;
  const restarts = nodes.nodes === 0 ? { calls: [] } : planRestart(observed, inTrouble, isQuiet);
  const calls: readonly CollectionCall[] = [
    ...certificate.calls,
    ...planVolumes(observed, record),
    ...members.calls,
    ...generation.calls,
    ...nodes.calls,
    ...restarts.calls,
  ];
  // The server may not have decided about a deletion (409): nobody tells that nothing came of it.
  const wakeAfterMs = calls.some(isDeletion) ? LOOK_AGAIN_MS : restarts.wakeAfterMs;
  const wakeAtMs = earliest(certificate.wakeAtMs, now, wakeAfterMs);
  return {
    ...stay,
    identity: members.record,
    // Of groups that nobody has told about, nothing speaks against it either.
    mayLoseOne:
      progress === undefined &&
      members.troubles.length === 0 &&
      (committed === undefined || areWhole),
    calls,
    troubles: members.troubles,
    ...(progress === undefined ? {} : { progress }),
    ...(wakeAtMs === undefined ? {} : { wakeAtMs }),
  };
}

function isDeletion({ kind }: CollectionCall): boolean {
  return kind === "restart-pod" || kind === "delete-claim";
}

/** Of a record that is to be rebuilt and no store has said yet to whom it belongs. */
function storesProgress({ claims, members }: Observed): { reason: string; message: string } {
  const silent = claims.filter(({ ordinal }) => members.get(ordinal)?.kind !== "known").length;
  const message =
    `waiting for a formatted store to rebuild the identity record from: ${silent} of ` +
    `${claims.length} have not been heard`;
  return { reason: REASONS.WaitingForPods, message };
}

function earliest(
  atMs: number | undefined,
  now: Date,
  afterMs: number | undefined,
): number | undefined {
  if (afterMs === undefined) return atMs;
  const soon = now.getTime() + afterMs;
  return atMs === undefined ? soon : Math.min(atMs, soon);
}

/** Values (not fields) that are part of the API but not served yet, and what cannot be changed. */
function unsupportedValue(observed: Observed): Refusal | undefined {
  const effective = effectiveOdgmCollection(observed.collection.spec);
  const refuse = (path: string, message: string): Refusal => ({
    reason: REASONS.Unsupported,
    path: `spec.${path}`,
    message,
  });
  if (effective.shardType === "Basic" && effective.replicas !== 1) {
    return refuse("replicas", "Basic has one replica; set 1");
  }
  if (effective.storage.provider !== "Volume") {
    return refuse(
      "storage.provider",
      `${effective.storage.provider} is not served yet; use Volume`,
    );
  }
  if (!effective.persistent) {
    const owner = effective.shardType === "Raft" ? "shardType Raft" : "";
    return refuse("resolvedClass.persistent", persistentMessage(owner));
  }
  const keys = observed.collection.spec.resolvedClass?.keys ?? [];
  const [key] = unsupportedKeyValues(keys, "spec.resolvedClass", effective.shardType);
  if (key !== undefined) return key;
  const other = observed.claims.find(
    (claim) =>
      !claim.deleting &&
      canonicalQuantity(claim.size) !== canonicalQuantity(effective.storage.size),
  );
  if (other === undefined) return undefined;
  const has = `claim ${other.name} has ${other.size}`;
  const message = `${has}; growing claims is not served yet, set it back`;
  return refuse("storage.size", message);
}

function identityRefusal(observed: Observed): Refusal | undefined {
  const { identity, collection } = observed;
  const name = collectionNames(collection.metadata.namespace, collection.metadata.name).identity;
  if (identity === undefined) {
    const [first] = observed.claims.filter((claim) => !claim.deleting);
    if (first === undefined) return undefined;
    if (adopting(observed) === "true" && areAllEmpty(observed)) {
      const message =
        `ConfigMap ${name} is lost and no store is formatted any more, so there is nothing to ` +
        `rebuild it from: bring a volume back, or set the annotation ${ADOPT_IDENTITY}=empty to ` +
        `begin with empty stores`;
      return { reason: REASONS.IdentityLost, message };
    }
    if (adopting(observed) !== undefined) return undefined;
    const message =
      `claim ${first.name} exists but ConfigMap ${name} does not: bring it back, or set the ` +
      `annotation ${ADOPT_IDENTITY}=true to rebuild it from the stores`;
    return { reason: REASONS.IdentityLost, message };
  }
  if ("malformed" in identity) {
    return { reason: REASONS.IdentityLost, message: `ConfigMap ${name}: ${identity.malformed}` };
  }
  if (identity.collection === collection.spec.collection) return undefined;
  const message =
    `the data that was kept under this name is of ${identity.collection}: delete its claims and ` +
    `ConfigMap ${name} if it is not needed any more, or use another name`;
  return { reason: REASONS.NameConflict, message, path: "spec.collection" };
}

function adopting(observed: Observed): "true" | "empty" | undefined {
  const value = observed.collection.metadata.annotations?.[ADOPT_IDENTITY];
  return value === "true" || value === "empty" ? value : undefined;
}

/** Every store behind a claim was asked and has never been formatted, or is another disk now. */
function areAllEmpty({ claims, members }: Observed): boolean {
  return claims.every(({ deleting, ordinal }) => {
    const seen = members.get(ordinal);
    return deleting || (seen?.kind === "known" && seen.status.storeState === StoreState.EMPTY);
  });
}

/** The record as it is, or the first one. While adopting: with the identity of the stores. */
function presentRecord(observed: Observed): IdentityRecord | undefined {
  const { identity: stored, collection } = observed;
  if (stored !== undefined && !("malformed" in stored)) return stored;
  const ready = [...observed.members.values()].flatMap((member) =>
    member.kind === "known" && member.status.storeState === StoreState.READY
      ? [member.status.identity]
      : [],
  );
  const hasClaims = observed.claims.some((claim) => !claim.deleting);
  const isNew = !hasClaims || (adopting(observed) === "empty" && areAllEmpty(observed));
  const identity = isNew ? collection.metadata.uid : ready[0];
  if (identity === undefined) return undefined;
  return { identity, collection: collection.spec.collection, members: new Map() };
}

function planCertificate(
  observed: Observed,
  now: Date,
): { readonly calls: readonly CollectionCall[]; readonly wakeAtMs?: number } {
  const { trust, certificate, collection } = observed;
  if (trust === undefined) return { calls: [] };
  const good =
    certificate !== undefined &&
    certificate.bundle === trust.bundle &&
    certificate.issuer === trust.issuer &&
    now.getTime() < certificate.renewAtMs;
  if (good) return { calls: [], wakeAtMs: certificate.renewAtMs };
  const { namespace, name } = collection.metadata;
  const secretName = collectionNames(namespace, name).tlsSecret;
  const identity = collectionIdentity(trust.clusterUid, { namespace, name });
  return { calls: [{ kind: "issue-certificate", secretName, identity }] };
}

/**
 * Under Retain a volume must outlive its claim; under Delete, and where nothing is left on it, it
 * goes back to what it was.
 */
function planVolumes(
  { claims, collection }: Observed,
  record: IdentityRecord | undefined,
): readonly CollectionCall[] {
  const { deletionPolicy, nodes } = effectiveOdgmCollection(collection.spec);
  return claims.flatMap((claim): CollectionCall[] => {
    const { volume } = claim;
    if (volume === undefined) return [];
    const isLeft = record !== undefined && isEvacuated(record, claim, nodes);
    if (deletionPolicy === "Retain" && !isLeft) {
      if (volume.reclaimPolicy === "Retain") return [];
      const original = volume.originalReclaimPolicy ?? volume.reclaimPolicy;
      return [{ kind: "set-reclaim-policy", volume: volume.name, policy: "Retain", original }];
    }
    const original = volume.originalReclaimPolicy;
    if (original !== "Delete" || volume.reclaimPolicy === "Delete") return [];
    return [{ kind: "set-reclaim-policy", volume: volume.name, policy: "Delete", original: "" }];
  });
}
