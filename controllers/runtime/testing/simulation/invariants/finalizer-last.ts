// A finalizer is removed last: when a process lets an object that is being deleted go, none of the
// children that it prunes is there any more that the garbage collector would not take along.
import { stampNames } from "../../../apply/stamp.ts";
import type { AnyController } from "../../../controller/types.ts";
import { kindId } from "../../../kinds/kind.ts";
import type { Stored } from "../../fake-storage.ts";
import type { Invariant } from "../types.ts";
import type { SimWorld } from "../world.ts";

function isReferred(child: Stored, uid: string): boolean {
  return child.object.metadata.ownerReferences?.some((one) => one.uid === uid) ?? false;
}

/** Children of a deleted object that only its controller could have deleted. */
function leftBehind(
  world: SimWorld,
  controller: AnyController,
  { object }: Stored,
): readonly string[] {
  const names = stampNames(controller.kind.group);
  const { uid } = object.metadata;
  return controller.children.flatMap((child) =>
    world.server.storage.list(child.kind).flatMap((left) => {
      const { name, labels, annotations } = left.object.metadata;
      if (labels?.[names.ownerUid] !== uid || annotations?.[names.owner] === undefined) return [];
      if (annotations[names.prune] === "Keep" || isReferred(left, uid)) return [];
      return [`${child.kind.kind} ${name}`];
    }),
  );
}

/** See the head of this file. */
export const finalizerLast: Invariant<SimWorld> = {
  name: "finalizer-last",
  source: "operators.md section 6: finalizer removed last",
  begin(world, violated) {
    world.server.storage.subscribe(({ kind, stored, previous, actor }) => {
      const before = previous?.object.metadata;
      if (actor !== "client" || before?.deletionTimestamp === undefined) return;
      const { finalizers = [], name, annotations } = stored.object.metadata;
      for (const controller of world.controllers) {
        const { finalizer } = controller.spec;
        if (kindId(controller.kind) !== kindId(kind) || finalizer === undefined) continue;
        const wasThere = before.finalizers?.includes(finalizer.name) ?? false;
        if (!wasThere || finalizers.includes(finalizer.name)) continue;
        if (annotations?.[finalizer.escapeAnnotation] === "true") continue;
        for (const left of leftBehind(world, controller, stored)) {
          violated(`${kind.kind} ${name} went before ${left}`);
        }
      }
    });
    return undefined;
  },
};
