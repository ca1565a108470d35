// A store is formatted only when the stored record intends it: never before the intent is durable,
// never when an incarnation is on record. Else an empty or foreign disk passes for the real one.
import type { Invariant } from "#controllers/runtime/testing/index.ts";
import type { World } from "../world/world.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";
import { keyOf, KINDS } from "#controllers/runtime/index.ts";

import { COLLECTIONS } from "../world/kinds.ts";
import { all, one } from "../world/look.ts";

/** See the head of this file. */
export const formatByRecord: Invariant<World> = {
  name: "format-by-record",
  source: "design.md section 2, OdgmCollection, Membership",
  begin(world, violated) {
    world.fleet.witness((deed) => {
      // What was on record when the call was made may never have been by now.
      if (deed.kind !== "formatted" || world.sim.isJustRestored) return;
      const { namespace, name: pod, ordinal } = deed.pod;
      const set = pod.slice(0, pod.lastIndexOf("-"));
      const collection = all(world.sim.server, COLLECTIONS).find(
        (one) => collectionNames(namespace, one.metadata.name).statefulSet === set,
      );
      // Deleted while the call was on its way: there is no record to judge by.
      if (collection === undefined) return;
      const { name } = keyOf(collection);
      const key = { namespace, name: collectionNames(namespace, name).identity };
      const recorded = one(world.sim.server, KINDS.ConfigMap, key)?.data?.[`member-${ordinal}`];
      if (recorded === "intent") return;
      violated(`${pod} was formatted while the record says ${recorded ?? "nothing"}`);
    });
    return undefined;
  },
};
