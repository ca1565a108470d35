// Once everything has settled, nothing carries the inventory mark of an owner that is gone, but what
// was rendered to be kept, and what somebody has orphaned on purpose.
import { stampNames } from "../../../apply/stamp.ts";
import type { StoredMeta } from "../../fake-storage.ts";
import type { Invariant } from "../types.ts";
import type { SimWorld } from "../world.ts";

/** See the head of this file. */
export const noLeak: Invariant<SimWorld> = {
  name: "no-leak",
  source: "operators.md section 6: no child leaked after owner gone",
  begin(world, violated) {
    const orphans = new Set<string>();
    /**
     * Owners that a restored backup does not know, or that it does not hold as they were held:
     * whoever still served them left children, or was not asked when they went.
     */
    const undone = new Set<string>();
    world.server.storage.subscribe(({ type, stored, previous, actor }) => {
      const { uid: owner, finalizers = [] } = stored.object.metadata;
      const { finalizers: held = [] } = previous?.object.metadata ?? {};
      const isLetGo = held.length > 0 && finalizers.length === 0;
      if (actor === "restore" && (type === "DELETED" || isLetGo)) undone.add(owner);
      else if (type === "MODIFIED" && finalizers.length > 0) undone.delete(owner);
      if (type !== "MODIFIED" || actor !== "garbage-collector") return;
      const { ownerReferences: before = [] } = previous?.object.metadata ?? {};
      const { uid, ownerReferences: now = [] } = stored.object.metadata;
      if (before.length > 0 && now.length === 0) orphans.add(uid);
    });
    return () => {
      const isOrphaned = ({ uid: own, ownerReferences = [] }: StoredMeta): boolean =>
        orphans.has(own) && ownerReferences.length === 0;
      const groups = new Set(world.controllers.map(({ kind }) => kind.group));
      const stamps = [...groups].map(stampNames);
      for (const { kind, stored } of world.server.storage.all()) {
        const { name, labels, annotations } = stored.object.metadata;
        for (const { ownerUid, prune } of stamps) {
          const uid = labels?.[ownerUid];
          if (uid === undefined || undone.has(uid) || world.server.storage.has(uid)) continue;
          if (annotations?.[prune] === "Keep" || isOrphaned(stored.object.metadata)) continue;
          violated(`${kind} ${name} outlived its owner ${uid}`);
        }
      }
    };
  },
};
