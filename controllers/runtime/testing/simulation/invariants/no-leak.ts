// Once everything has settled, nothing carries the inventory mark of an owner that is gone, but what
// was rendered to be kept.
import { stampNames } from "../../../apply/stamp.ts";
import type { Invariant } from "../types.ts";
import type { SimWorld } from "../world.ts";

/** See the head of this file. */
export const noLeak: Invariant<SimWorld> = {
  name: "no-leak",
  source: "operators.md section 6: no child leaked after owner gone",
  begin(world, violated) {
    return () => {
      const groups = new Set(world.controllers.map(({ kind }) => kind.group));
      const stamps = [...groups].map(stampNames);
      for (const { kind, stored } of world.server.storage.all()) {
        const { name, labels, annotations } = stored.object.metadata;
        for (const { ownerUid, prune } of stamps) {
          const uid = labels?.[ownerUid];
          if (uid === undefined || world.server.storage.has(uid)) continue;
          if (annotations?.[prune] === "Keep") continue;
          violated(`${kind} ${name} outlived its owner ${uid}`);
        }
      }
    };
  },
};
