// Once everything has settled, nothing carries the mark of an owner that is gone, but what is to be
// kept: the identity record.
import { ownerUidLabel, OAAS_GROUP } from "#api/meta/index.ts";

import type { Invariant } from "./invariant.ts";

/** See the head of this file. */
export const noLeak: Invariant = {
  name: "no-leak",
  source: "operators.md section 6: no child leaked after owner gone",
  begin(world, violated) {
    return () => {
      for (const { kind, stored } of world.server.storage.all()) {
        const { name, labels, annotations } = stored.object.metadata;
        const uid = labels?.[ownerUidLabel(OAAS_GROUP)];
        if (uid === undefined || world.server.storage.has(uid)) continue;
        if (kind.startsWith("configmaps.") && name.endsWith("-identity")) {
          if (annotations?.["oaas.io/prune"] === "Keep") continue;
        }
        violated(`${kind} ${name} outlived its owner ${uid}`);
      }
    };
  },
};
