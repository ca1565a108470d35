// Once settled, all members of a collection serve the same generation: the committed one.
import type { Invariant } from "#controllers/runtime/testing/index.ts";
import type { World } from "../world/world.ts";
import { equals } from "@bufbuild/protobuf";

import { CollectionSpecSchema } from "#api/gen/oaas-admin_pb.ts";

/** See the head of this file. */
export const oneGeneration: Invariant<World> = {
  name: "one-generation",
  source: "design.md section 5, Authority: pods serve by the last generation",
  begin(world, violated) {
    return () => {
      const claimed = world.claimedVolumes();
      const stores = [...world.fleet.stores.values()].filter((one) => claimed.has(one.volume));
      for (const voter of stores) {
        const { committed, format } = voter;
        if (committed === undefined || format === undefined) continue;
        for (const { served, format: other } of stores) {
          if (other?.identity !== format.identity) continue;
          if (!committed.members.some((one) => one.incarnation === other.incarnation)) continue;
          if (served !== undefined && equals(CollectionSpecSchema, served, committed)) continue;
          const what = `${format.collection} member ${other.ordinal}`;
          const at = served?.generation ?? 0n;
          violated(`${what} serves generation ${at}, committed is ${committed.generation}`);
        }
      }
    };
  },
};
