// What happens next to a collection. Pure: the same picture gives the same plan, and every step may
// be cut short and is found again by looking.
//
// Bring-up runs: record the intent to format -> Format -> record the incarnation -> Propose the
// first generation to the meta group's voter (ordinal 0) -> Apply it to every member. Afterwards a
// change of routes or shape is only the last two. Nothing here re-places data.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { StoreState } from "#api/gen/oaas-admin_pb.ts";
import { REASONS } from "#api/meta/index.ts";
import { effectiveOdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";

import { canonicalQuantity, unsupportedKeyValues } from "#controllers/objects/index.ts";

import type { CollectionCall } from "./calls.ts";
import { ACCEPT_DATA_LOSS, committedGeneration, nodesNow, planGeneration } from "./generation.ts";
import type {
  IdentityRecord,
  MemberRecord,
  Observed,
  ObservedClaim,
  ObservedPod,
  SeenTarget,
} from "./observed.ts";
import { collectionIdentity } from "./san.ts";

/** Trouble of one member that nobody but a person can end. */
export interface MemberTrouble {
  readonly ordinal: number;
  readonly reason: string;
  readonly message: string;
}

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
  /** When a certificate falls due. */
  readonly wakeAtMs?: number;
}

/** Annotation with which a user has a lost identity record rebuilt from the stores. */
export const ADOPT_IDENTITY = "oaas.io/adopt-identity";

type Refusal = NonNullable<CollectionPlan["refusal"]>;

/** Decides what happens next. */
export function plan(observed: Observed, now: Date): CollectionPlan {
  const { collection } = observed;
  const effective = effectiveOdgmCollection(collection.spec);
  const refusal = unsupportedValue(observed) ?? identityRefusal(observed);
  const record = presentRecord(observed);
  const committed = committedGeneration(observed, record);
  const count = nodesNow(observed, record, committed);
  const stay = {
    suspended: effective.suspend,
    nodes: count.nodes,
    ...(record === undefined ? {} : { identity: record }),
  };
  const known = committed === undefined ? {} : { committed };
  if (refusal !== undefined) return { ...stay, ...known, refusal, calls: [], troubles: [] };
  if (effective.suspend) return { ...stay, ...known, calls: [], troubles: [] };

  const certificate = planCertificate(observed, now);
  const volumes = planVolumes(observed.claims, effective.deletionPolicy);
  if (record === undefined) {
    const message = "waiting for a formatted store to rebuild the identity record from";
    const progress = { reason: REASONS.WaitingForPods, message };
    return { ...stay, calls: [...certificate.calls, ...volumes], troubles: [], progress };
  }
  const members = planMembers(observed, record, effective.nodes);
  const inTrouble = new Set(members.troubles.map((trouble) => trouble.ordinal));
  const generation = planGeneration(observed, { ...members, inTrouble }, committed);
  if (generation.refusal !== undefined) {
    return {
      ...stay,
      ...known,
      refusal: generation.refusal,
      calls: [],
      troubles: members.troubles,
    };
  }
  const progress = members.progress ?? generation.progress ?? count.progress;
  return {
    ...stay,
    ...known,
    identity: members.record,
    calls: [
      ...certificate.calls,
      ...volumes,
      ...members.calls,
      ...generation.calls,
      ...(count.nodes === 0 ? [] : planRestart(observed, members.troubles, progress === undefined)),
    ],
    troubles: members.troubles,
    ...(progress === undefined ? {} : { progress }),
    ...(certificate.wakeAtMs === undefined ? {} : { wakeAtMs: certificate.wakeAtMs }),
  };
}

/** Values (not fields) that are part of the API but not served yet, and what cannot be changed. */
function unsupportedValue(observed: Observed): Refusal | undefined {
  const effective = effectiveOdgmCollection(observed.collection.spec);
  const refuse = (path: string, message: string): Refusal => ({
    reason: REASONS.Unsupported,
    path: `spec.${path}`,
    message,
  });
  if (effective.shardType === "Raft") {
    return refuse("shardType", "Raft is not served yet; use Basic or Mst");
  }
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
    return refuse("resolvedClass.persistent", "false is not served yet; every write is durable");
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
    const claims = observed.claims.filter((claim) => !claim.deleting);
    const [first] = claims;
    if (first === undefined || adopting(observed)) return undefined;
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

function adopting(observed: Observed): boolean {
  return observed.collection.metadata.annotations?.[ADOPT_IDENTITY] === "true";
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
  const lost = observed.claims.some((claim) => !claim.deleting);
  const identity = lost ? ready[0] : collection.metadata.uid;
  if (identity === undefined) return undefined;
  return { identity, collection: collection.spec.collection, members: new Map() };
}

interface MembersPlan {
  readonly record: IdentityRecord;
  readonly calls: readonly CollectionCall[];
  readonly troubles: readonly MemberTrouble[];
  /** Every wanted ordinal has its incarnation on record. */
  readonly settled: boolean;
  readonly progress?: { readonly reason: string; readonly message: string };
}

function planMembers(observed: Observed, record: IdentityRecord, nodes: number): MembersPlan {
  const members = new Map(record.members);
  const calls: CollectionCall[] = [];
  const troubles: MemberTrouble[] = [];
  for (let ordinal = 0; ordinal < nodes; ordinal += 1) {
    const step = planMember(observed, record, ordinal);
    if (step.record !== undefined) members.set(ordinal, step.record);
    if (step.call !== undefined) calls.push(step.call);
    if (step.trouble !== undefined) troubles.push({ ordinal, ...step.trouble });
  }
  const waiting: number[] = [];
  for (let ordinal = 0; ordinal < nodes; ordinal += 1) {
    if (members.get(ordinal)?.kind !== "formatted") waiting.push(ordinal);
  }
  return {
    record: { ...record, members },
    calls,
    troubles,
    settled: waiting.length === 0,
    ...(waiting.length === 0
      ? {}
      : {
          progress: {
            reason: REASONS.Formatting,
            message: `${nodes - waiting.length} of ${nodes} stores are formatted`,
          },
        }),
  };
}

interface MemberStep {
  readonly record?: MemberRecord;
  readonly call?: CollectionCall;
  readonly trouble?: { readonly reason: string; readonly message: string };
}

function planMember(observed: Observed, record: IdentityRecord, ordinal: number): MemberStep {
  const seen = observed.members.get(ordinal);
  const target = observed.targets.get(ordinal);
  if (seen?.kind !== "known" || target === undefined) return {};
  const { status } = seen;
  const known = record.members.get(ordinal);
  switch (status.storeState) {
    case StoreState.EMPTY:
      return emptyStore(observed, record, known, target);
    case StoreState.READY:
      if (status.identity !== record.identity) {
        return foreign(`its store is of identity ${status.identity}`);
      }
      if (known?.kind === "formatted" && known.incarnation !== status.incarnation) {
        return foreign(`its store is incarnation ${status.incarnation}, not ${known.incarnation}`);
      }
      if (known?.kind === "formatted") return {};
      return { record: { kind: "formatted", incarnation: status.incarnation } };
    case StoreState.FOREIGN:
      return foreign(status.storeMessage);
    case StoreState.REFUSED:
      return { trouble: { reason: REASONS.StoreSuspect, message: status.storeMessage } };
    default:
      return {};
  }
}

function foreign(message: string): MemberStep {
  return { trouble: { reason: REASONS.WrongDisk, message } };
}

function emptyStore(
  observed: Observed,
  record: IdentityRecord,
  known: MemberRecord | undefined,
  target: SeenTarget,
): MemberStep {
  // The record must be durable before the store may be formatted: the intent is stored in one pass,
  // the call is made in a later one, when the stored record already shows it.
  if (known === undefined) return { record: { kind: "intent" } };
  if (known.kind === "intent") {
    const { collection, identity } = record;
    return { call: { kind: "format", target, collection, identity } };
  }
  const accepted = observed.collection.metadata.annotations?.[ACCEPT_DATA_LOSS];
  if (accepted === known.incarnation) return { record: { kind: "intent" } };
  const message =
    `its store is empty but held incarnation ${known.incarnation}: bring the volume back, or set ` +
    `the annotation ${ACCEPT_DATA_LOSS}=${known.incarnation} to start it empty`;
  return { trouble: { reason: REASONS.EmptyDisk, message } };
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

/** Under Retain a volume must outlive its claim; under Delete it goes back to what it was. */
function planVolumes(
  claims: readonly ObservedClaim[],
  policy: "Retain" | "Delete",
): readonly CollectionCall[] {
  return claims.flatMap((claim): CollectionCall[] => {
    const { volume } = claim;
    if (volume === undefined) return [];
    if (policy === "Retain") {
      if (volume.reclaimPolicy === "Retain") return [];
      const original = volume.originalReclaimPolicy ?? volume.reclaimPolicy;
      return [{ kind: "set-reclaim-policy", volume: volume.name, policy, original }];
    }
    const original = volume.originalReclaimPolicy;
    if (original !== "Delete" || volume.reclaimPolicy === "Delete") return [];
    return [{ kind: "set-reclaim-policy", volume: volume.name, policy: "Delete", original: "" }];
  });
}

/**
 * The StatefulSet never restarts pods itself (OnDelete). A pod of an old revision that does not
 * serve anyway goes first; a serving one only while all others are there and serve, and nothing
 * else is under way. A pod of the new revision serves once its member has said so: what the new
 * program breaks stays at one pod. Of an old one that is not asked, it may be what is to be mended.
 */
function planRestart(
  observed: Observed,
  troubles: readonly MemberTrouble[],
  quiet: boolean,
): readonly CollectionCall[] {
  const revision = observed.set?.updateRevision;
  if (revision === undefined) return [];
  if (observed.pods.some((pod) => pod.deleting)) return [];
  const old = observed.pods.filter((pod) => pod.revision !== revision);
  const serves = (pod: ObservedPod): boolean => {
    if (!pod.ready || troubles.some((trouble) => trouble.ordinal === pod.ordinal)) return false;
    return pod.revision !== revision || observed.members.get(pod.ordinal)?.kind === "known";
  };
  const broken = old.find((pod) => !serves(pod));
  const complete = observed.pods.length >= (observed.set?.replicas ?? 0);
  const may = quiet && complete && observed.pods.every(serves);
  const next: ObservedPod | undefined = broken ?? (may ? old.at(-1) : undefined);
  if (next === undefined) return [];
  return [{ kind: "restart-pod", name: next.name, uid: next.uid }];
}
