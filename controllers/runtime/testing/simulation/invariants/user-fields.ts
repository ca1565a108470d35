// What a user has applied belongs to the user: an operator changes nothing of an object of its own
// kind that nobody rendered, but its status and its finalizers.
import { stampNames } from "../../../apply/stamp.ts";
import { kindId } from "../../../kinds/kind.ts";
import type { StoredMeta } from "../../fake-storage.ts";
import type { Json } from "../../json.ts";
import { sameJson } from "../../json.ts";
import type { Invariant } from "../types.ts";
import type { SimWorld } from "../world.ts";

function usersPart(object: Json & { readonly metadata: StoredMeta }): object {
  const { status: _status, metadata, ...spec } = object;
  const { labels = {}, annotations = {}, ownerReferences = [] } = metadata;
  return { spec, labels, annotations, ownerReferences };
}

/** See the head of this file. */
export const userFieldsUntouched: Invariant<SimWorld> = {
  name: "user-fields",
  source:
    "design.md section 1: no controller writes spec, labels or annotations of a user's object",
  begin(world, violated) {
    const ours = new Set(world.kinds.map(kindId));
    world.server.storage.subscribe(({ kind, stored, previous, actor, type }) => {
      if (actor !== "client" || previous === undefined || type === "DELETED") return;
      if (!ours.has(kindId(kind))) return;
      const { annotations = {}, name } = previous.object.metadata;
      const rendered = world.controllers.some(
        (one) => annotations[stampNames(one.kind.group).owner] !== undefined,
      );
      if (rendered || sameJson(usersPart(previous.object), usersPart(stored.object))) return;
      violated(`${kind.kind} ${name} was changed by an operator`);
    });
    return undefined;
  },
};
