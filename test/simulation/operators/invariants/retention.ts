// A collection that was well and up to date when its deletion began leaves what its deletionPolicy
// says: under Retain its volumes, claims and identity record, under Delete none of them.
import type { Invariant } from "#controllers/runtime/testing/index.ts";
import type { OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";
import type { Live } from "#controllers/runtime/index.ts";
import { KINDS } from "#controllers/runtime/index.ts";

import { COLLECTIONS } from "../world/kinds.ts";
import { conditionsOf } from "#controllers/runtime/testing/index.ts";
import type { World } from "../world/world.ts";
import { all, one } from "../world/look.ts";

const JUDGED_AFTER_MS = 5_000;
/** How often the garbage collector must look: the collection, its set, claims, volumes. */
const COLLECTIONS_BELOW = 5;

interface Expected {
  readonly name: string;
  readonly policy: "Retain" | "Delete";
  readonly claims: ReadonlyMap<string, string>;
  readonly identity: string | undefined;
  readonly identityKey: { readonly namespace: string; readonly name: string };
}

function upToDate(collection: Live<OdgmCollection>): boolean {
  const ready = conditionsOf(collection).some(
    (one) => one.type === "Ready" && one.status === "True",
  );
  const { observedGeneration } = collection.status ?? {};
  return ready && observedGeneration === collection.metadata.generation;
}

/** What must be left; undefined where the policy had not reached claims and volumes yet. */
function expectation(world: World, collection: Live<OdgmCollection>): Expected | undefined {
  const { namespace = "", name } = collection.metadata;
  const { suspend, deletionPolicy: policy = "Retain" } = collection.spec;
  if (suspend === true || !upToDate(collection)) return undefined;
  const names = collectionNames(namespace, name);
  const set = one(world.sim.server, KINDS.StatefulSet, { namespace, name: names.statefulSet });
  const whenDeleted = set?.spec?.persistentVolumeClaimRetentionPolicy?.whenDeleted;
  if (set === undefined) return undefined;
  const claims = all(world.sim.server, KINDS.PersistentVolumeClaim).filter((claim) =>
    claim.metadata.name.startsWith(`data-${names.statefulSet}-`),
  );
  // The StatefulSet controller is a moment behind.
  const behind = claims.some(
    (claim) =>
      (claim.metadata.ownerReferences ?? []).length > 0 !== (whenDeleted === "Delete") ||
      (claim.metadata.ownerReferences?.some((one) => one.uid !== set.metadata.uid) ?? false),
  );
  if (behind) return undefined;
  const identityKey = { namespace, name: names.identity };
  return {
    name,
    policy,
    claims: new Map(
      claims.map((claim) => [claim.metadata.name, claim.spec?.volumeName ?? ""] as const),
    ),
    identity: one(world.sim.server, KINDS.ConfigMap, identityKey)?.data?.["identity"],
    identityKey,
  };
}

function judge(world: World, expected: Expected): readonly string[] {
  const { name, policy, claims, identity, identityKey } = expected;
  const record = one(world.sim.server, KINDS.ConfigMap, identityKey)?.data?.["identity"];
  const found: string[] = [];
  const kept = policy === "Retain";
  if (identity !== undefined && !world.users.recordGone && (record === identity) !== kept) {
    found.push(`${name} (${policy}): identity record is ${record ?? "gone"}, was ${identity}`);
  }
  for (const [claim, volume] of claims) {
    const key = { namespace: identityKey.namespace, name: claim };
    const now = one(world.sim.server, KINDS.PersistentVolumeClaim, key)?.spec?.volumeName;
    if ((now === volume) !== kept) found.push(`${name} (${policy}): ${claim} is ${now ?? "gone"}`);
  }
  return found;
}

/** See the head of this file. */
export const retention: Invariant<World> = {
  name: "retention",
  source: "design.md section 1, Deletion",
  begin(world, violated) {
    const expected = new Map<string, Expected | undefined>();
    world.sim.server.storage.subscribe(({ kind, type, stored, actor }) => {
      if (kind.plural !== COLLECTIONS.plural) return;
      const collection = stored.object as unknown as Live<OdgmCollection>;
      const { uid, name } = collection.metadata;
      const going = type === "DELETED" || collection.metadata.deletionTimestamp !== undefined;
      if (!going || expected.has(uid) || actor === "restore") return;
      expected.set(uid, expectation(world, collection));
      // Judged once the garbage collector and the volumes' controller have had their time; the name
      // may be taken anew, but claims and record of a kept one stay those.
      const lateMs = COLLECTIONS_BELOW * world.sim.faults.collectorMsMax;
      world.sim.clock.schedule(JUDGED_AFTER_MS + lateMs, () => {
        const wanted = expected.get(uid);
        const again = all(world.sim.server, COLLECTIONS).some(
          (one) => one.metadata.name === name && one.metadata.uid !== uid,
        );
        if (wanted === undefined || again || world.sim.isJustRestored) return;
        for (const problem of judge(world, wanted)) violated(problem);
      });
    });
    return undefined;
  },
};
