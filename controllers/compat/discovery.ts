// What the API server calls a resource: a watch is asked for by plural, but objects in lists carry
// no kind, and paths depend on whether the kind is namespaced.

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { KindId } from "#api/meta/index.ts";
import type { World } from "#controllers/runtime/index.ts";
import { backoffMs, sleep } from "#controllers/runtime/index.ts";
import type { RestClient } from "#controllers/runtime/client/rest-client.ts";

/** A resource as operators name it; `group` is empty for Kubernetes' core. */
export interface ResourceName {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

const BACKOFF = { baseMs: 250, maxMs: 30_000 };

/**
 * The kind behind a resource. Asks again for as long as the server does not know it (its CRD may be
 * on the way) or does not answer; undefined once `signal` aborts.
 */
export async function discover(
  name: ResourceName,
  options: {
    readonly rest: RestClient;
    readonly world: World;
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
): Promise<KindId | undefined> {
  const { rest, world, logger, signal } = options;
  const { group, version, plural } = name;
  const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  let told = "";
  for (let attempt = 0; !signal.aborted; attempt++) {
    let problem = `${path} does not list ${plural}`;
    try {
      const { body } = await rest.call({ method: "GET", path, signal });
      const found = readResources(body).find((one) => one.name === plural);
      if (found !== undefined) {
        return { group, version, plural, kind: found.kind, namespaced: found.namespaced };
      }
    } catch (cause) {
      if (signal.aborted) break;
      problem = errorMessage(cause);
    }
    const waitMs = backoffMs(BACKOFF, attempt, world.rng);
    const fields = { plural, cause: problem, waitMs: Math.round(waitMs) };
    if (problem === told) logger.debug("resource is still unknown", fields);
    else logger.warn("resource is unknown so far", fields);
    told = problem;
    await sleep(world.timers, waitMs, signal);
  }
  return undefined;
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Reads an APIResourceList; entries that are none are left out. */
function readResources(body: unknown): readonly Resource[] {
  const list = (body as { readonly resources?: unknown } | null)?.resources;
  if (!Array.isArray(list)) return [];
  return list.flatMap((raw: unknown) => {
    // Untrusted JSON: every field is checked before it is used.
    const entry = raw as Record<string, unknown> | null;
    const [name, kind, namespaced] = [entry?.["name"], entry?.["kind"], entry?.["namespaced"]];
    if (typeof name !== "string" || typeof kind !== "string") return [];
    return [{ name, kind, namespaced: namespaced === true }];
  });
}
