// status.observedGeneration is there whenever there is a status, is at most metadata.generation, and
// never goes back.
import { kindId } from "../../../kinds/kind.ts";
import type { Invariant } from "../types.ts";
import type { SimWorld } from "../world.ts";

/** See the head of this file. */
export const observedGeneration: Invariant<SimWorld> = {
  name: "observed-generation",
  source: "operators.md section 6; kstatus, operators.md section 7.1",
  begin(world, violated) {
    const ours = new Set(world.kinds.map(kindId));
    const seen = new Map<string, number>();
    world.server.storage.subscribe(({ kind, type, stored, actor }) => {
      if (actor === "restore") seen.delete(stored.object.metadata.uid);
      if (type === "DELETED" || !ours.has(kindId(kind))) return;
      const { name, uid, generation = 0 } = stored.object.metadata;
      const status = stored.object["status"] as
        { readonly observedGeneration?: number } | undefined;
      if (status === undefined || Object.keys(status).length === 0) return;
      const what = `${kind.kind} ${name}`;
      const { observedGeneration: observed } = status;
      if (observed === undefined) {
        violated(`${what} has a status without observedGeneration`);
        return;
      }
      const before = seen.get(uid) ?? -1;
      if (observed < before) violated(`${what}: observedGeneration ${observed} after ${before}`);
      if (observed > generation) violated(`${what}: observed ${observed} of ${generation}`);
      seen.set(uid, observed);
    });
    return undefined;
  },
};
