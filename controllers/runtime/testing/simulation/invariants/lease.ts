// Only the holder of the Lease writes, and none whose last renewal is longer ago than it may be: a
// process that was frozen, cut off or replaced sends nothing any more. Two processes never lead at
// once.
import type { Lease } from "kubernetes-types/coordination/v1.js";

import { KINDS } from "../../../kinds/builtin.ts";
import { isOwnWrite } from "../process.ts";
import type { Invariant } from "../types.ts";
import { SIM_LEASE, type SimWorld } from "../world.ts";

const RENEW_DEADLINE_MS = 10_000;

/** See the head of this file. */
export const leaseHolderWrites: Invariant<SimWorld> = {
  name: "lease",
  source: "operators.md section 6: no write after lease loss, lease holder unique",
  begin(world, violated) {
    world.witnesses.push((process, request) => {
      // A restored Lease may name somebody who has led before; a clock alone cannot know better.
      if (!isOwnWrite(request) || world.isJustRestored) return;
      const stored = world.server.storage.get(KINDS.Lease, SIM_LEASE);
      const spec = stored?.object["spec"] as Lease["spec"];
      const what = `${process.identity} sent ${request.method} ${request.path}`;
      if (spec?.holderIdentity !== process.identity) {
        const holder = spec?.holderIdentity ?? "";
        violated(`${what} while ${holder === "" ? "nobody" : holder} held the lease`);
        return;
      }
      // The renewal is written by the process's own clock.
      const agoMs = process.nowMs() - Date.parse(spec.renewTime ?? "");
      if (agoMs > RENEW_DEADLINE_MS) violated(`${what} ${agoMs} ms after its last renewal`);
      const leading = world.alive.filter((one) => one.manager?.isLeading === true);
      if (leading.length > 1) {
        violated(`${leading.map(({ identity }) => identity).join(" and ")} lead at once`);
      }
    });
    return undefined;
  },
};
