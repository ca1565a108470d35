// A finalizer is removed last: when a process lets an object that is being deleted go, none of the
// children that it prunes is there any more that the garbage collector would not take along.
import { stampNames } from "../../../apply/stamp.ts";
import { kindId } from "../../../kinds/kind.ts";
import type { Stored } from "../../fake-storage.ts";
import type { Invariant } from "../types.ts";
import type { SimWorld } from "../world.ts";

function isReferred(child: Stored, uid: string): boolean {
  return child.object.metadata.ownerReferences?.some((one) => one.uid === uid) ?? false;
}

/** See the head of this file. */
export const finalizerLast: Invariant<SimWorld> = {
  name: "finalizer-last",
  source: "operators.md section 6: finalizer removed last",
  begin(world, violated) {
    world.server.storage.subscribe(({ kind, stored, previous, actor }) => {
      const before = previous?.object.metadata;
      if (actor !== "client" || before?.deletionTimestamp === undefined) return;
      for (const { kind: own, spec, children } of world.controllers) {
        const { finalizer } = spec;
        if (kindId(own) !== kindId(kind) || finalizer === undefined) continue;
        const { finalizers = [], uid, name, annotations } = stored.object.metadata;
        const wasThere = before.finalizers?.includes(finalizer.name) ?? false;
        if (!wasThere || finalizers.includes(finalizer.name)) continue;
        if (annotations?.[finalizer.escapeAnnotation] === "true") continue;
        const names = stampNames(own.group);
        for (const child of children) {
          for (const left of world.server.storage.list(child.kind)) {
            const { metadata } = left.object;
            if (metadata.labels?.[names.ownerUid] !== uid) continue;
            if (metadata.annotations?.[names.owner] === undefined) continue;
            if (metadata.annotations[names.prune] === "Keep" || isReferred(left, uid)) continue;
            violated(`${kind.kind} ${name} went before ${child.kind.kind} ${metadata.name}`);
          }
        }
      }
    });
    return undefined;
  },
};
