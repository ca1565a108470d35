// Only the holder of the Lease writes, and none whose last renewal is longer ago than it may be: a
// process that was frozen, cut off or replaced sends nothing any more.
import { KINDS } from "#controllers/runtime/index.ts";

import { LEASE, SYSTEM_NAMESPACE } from "../world/kinds.ts";
import { isOwnWrite } from "../world/process.ts";
import type { Invariant } from "./invariant.ts";
import { one } from "../world/look.ts";

const RENEW_DEADLINE_MS = 10_000;

/** See the head of this file. */
export const leaseHolderWrites: Invariant = {
  name: "lease",
  source: "operators.md section 6: no write after lease loss, lease holder unique",
  begin(world, violated) {
    world.witnesses.push((process, request) => {
      if (!isOwnWrite(request)) return;
      const key = { namespace: SYSTEM_NAMESPACE, name: LEASE };
      const spec = one(world.server, KINDS.Lease, key)?.spec;
      const what = `${process.identity} sent ${request.method} ${request.path}`;
      if (spec?.holderIdentity !== process.identity) {
        violated(`${what} while ${spec?.holderIdentity ?? "nobody"} held the lease`);
        return;
      }
      const agoMs = world.clock.nowMs() - Date.parse(spec.renewTime ?? "");
      if (agoMs > RENEW_DEADLINE_MS) violated(`${what} ${agoMs} ms after its last renewal`);
    });
    return undefined;
  },
};
