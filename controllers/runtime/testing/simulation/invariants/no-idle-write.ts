// No write without a difference: a request that changes nothing, about an object that has not
// changed for longer than a pass may last, was sent by somebody who could have known better.
import type { ApiRequest } from "../../../client/transport.ts";
import { isOwnWrite } from "../process.ts";
import type { Invariant } from "../types.ts";
import type { SimWorld } from "../world.ts";

/** A pass and the silence of a watch that is dead. */
const KNOWN_AFTER_MS = 60_000 + 75_000 + 30_000;
/** Where versions were given out again, a watch may stay blind until every cache is filled anew. */
const KNOWN_AFTER_REWIND_MS = 60 * 60_000 + KNOWN_AFTER_MS;

/** See the head of this file. */
export const noIdleWrite: Invariant<SimWorld> = {
  name: "no-idle-write",
  source: "operators.md section 6: no write without diff",
  begin(world, violated) {
    const changedAtMs = new Map<string, number>();
    world.server.storage.subscribe(({ stored }) => {
      changedAtMs.set(stored.object.metadata.resourceVersion, world.clock.monotonicMs());
    });
    world.server.answered = (
      request: ApiRequest,
      status: number,
      before: number,
      body: unknown,
    ) => {
      if (!isOwnWrite(request) || status >= 300) return;
      if (world.server.storage.version !== before || request.method === "DELETE") return;
      const { metadata } = body as { readonly metadata?: { readonly resourceVersion?: string } };
      const sinceMs = changedAtMs.get(metadata?.resourceVersion ?? "");
      const nowMs = world.clock.monotonicMs();
      if (sinceMs === undefined || nowMs - sinceMs < KNOWN_AFTER_MS) return;
      if (world.isRewound && nowMs - world.restoredAtMs < KNOWN_AFTER_REWIND_MS) return;
      violated(`${request.method} ${request.path} changed nothing`);
    };
    return undefined;
  },
};
