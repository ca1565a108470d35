// What others put on our children stays there as long as the object lives.
import type { Invariant } from "#controllers/runtime/testing/index.ts";
import type { World } from "../world/world.ts";
import { FOREIGN_LABEL } from "../world/users.ts";

/** See the head of this file. */
export const foreignLabelsStay: Invariant<World> = {
  name: "foreign-labels",
  source: "issue 4 item 1: drift revert of owned fields only",
  begin(world, violated) {
    world.sim.server.storage.subscribe(({ kind, type, stored, previous, actor }) => {
      if (type === "DELETED" || previous === undefined || actor === "restore") return;
      const { name, uid, labels } = stored.object.metadata;
      if (!world.users.labelled.has(uid)) return;
      if (labels?.[FOREIGN_LABEL] === "yes") return;
      if (previous.object.metadata.labels?.[FOREIGN_LABEL] !== "yes") return;
      violated(`${kind.kind} ${name} lost a label that is not ours`);
    });
    return undefined;
  },
};
