// status.observedGeneration is there whenever there is a status, is at most metadata.generation, and
// never goes back.
import { OWN_KINDS } from "../world/kinds.ts";
import type { Invariant } from "./invariant.ts";

const OURS = new Set(OWN_KINDS.map((kind) => kind.plural));

/** See the head of this file. */
export const observedGeneration: Invariant = {
  name: "observed-generation",
  source: "operators.md section 6; kstatus, operators.md section 7.1",
  begin(world, violated) {
    const seen = new Map<string, number>();
    world.server.storage.subscribe(({ kind, type, stored }) => {
      if (!OURS.has(kind.plural) || type === "DELETED") return;
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
