// As long as a package is refused, what runs for it goes on: once its status says Stalled at the
// present generation, no operator deletes a ClassRuntime of it.
import type { OPackage } from "#api/oaas/v1alpha1/index.ts";
import type { Live } from "#controllers/runtime/index.ts";

import { PACKAGES, RUNTIMES } from "../world/kinds.ts";
import { conditionsOf } from "../world/users.ts";
import type { World } from "../world/world.ts";
import type { Invariant } from "./invariant.ts";
import { all } from "../world/look.ts";

function refused(world: World, uid: string): Live<OPackage> | undefined {
  const owner = all(world.server, PACKAGES).find((one) => one.metadata.uid === uid);
  if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) return undefined;
  const stalled = conditionsOf(owner).some(
    (one) => one.type === "Stalled" && one.status === "True",
  );
  const { observedGeneration } = owner.status ?? {};
  return stalled && observedGeneration === owner.metadata.generation ? owner : undefined;
}

/** See the head of this file. */
export const refusedUntouched: Invariant = {
  name: "refused-untouched",
  source: "design.md section 1: prune only if the whole desired set was rendered without error",
  begin(world, violated) {
    world.server.storage.subscribe(({ kind, type, stored }) => {
      if (kind.plural !== RUNTIMES.plural || type !== "DELETED" || world.foreignHand) return;
      for (const reference of stored.object.metadata.ownerReferences ?? []) {
        const owner = refused(world, reference.uid);
        if (owner === undefined) continue;
        const { name } = stored.object.metadata;
        violated(`ClassRuntime ${name} was deleted while ${owner.metadata.name} is Stalled`);
      }
    });
    return undefined;
  },
};
