// As long as a package is there, what runs for it goes on, also while it is refused: every spec that
// is accepted in this world wants its deployment, so no operator ever deletes a ClassRuntime of it.
import type { Invariant } from "#controllers/runtime/testing/index.ts";
import type { OPackage } from "#api/oaas/v1alpha1/index.ts";
import type { Live } from "#controllers/runtime/index.ts";

import { PACKAGES, RUNTIMES } from "../world/kinds.ts";
import { all } from "../world/look.ts";
import type { World } from "../world/world.ts";

function present(world: World, uid: string): Live<OPackage> | undefined {
  const owner = all(world.sim.server, PACKAGES).find((found) => found.metadata.uid === uid);
  return owner?.metadata.deletionTimestamp === undefined ? owner : undefined;
}

/** See the head of this file. */
export const refusedUntouched: Invariant<World> = {
  name: "refused-untouched",
  source: "design.md section 1: prune only if the whole desired set was rendered without error",
  begin(world, violated) {
    world.sim.server.storage.subscribe(({ kind, type, stored, actor }) => {
      if (kind.plural !== RUNTIMES.plural || type !== "DELETED") return;
      if (actor !== "client") return;
      for (const reference of stored.object.metadata.ownerReferences ?? []) {
        const owner = present(world, reference.uid);
        if (owner === undefined) continue;
        const { name } = stored.object.metadata;
        violated(`ClassRuntime ${name} was deleted while package ${owner.metadata.name} is there`);
      }
    });
    return undefined;
  },
};
