// Where children live: the manager's own cluster and, for kinds that are declared so, the clusters
// beside it. Each has its own client, caches and memory; the rest of the engine does not care which
// one it is.

import type { View } from "../cache/reader.ts";
import type { Client } from "../client/client.ts";
import type { WriteCache } from "../controller/own-writes.ts";
import type { ApplyMemory } from "./memory.ts";

/** One cluster, as the applier sees it. */
export interface Target {
  /** Empty for the manager's own. */
  readonly name: string;
  readonly client: Client;
  readonly caches: WriteCache;
  readonly view: View;
  readonly memory: ApplyMemory;
  /** Why nothing can be said or done there now; undefined if all is well. */
  readonly problem: () => string | undefined;
}

/** All clusters that a controller may have children in. */
export interface Targets {
  /** Undefined if no such cluster is known. */
  get(name: string): Target | undefined;
  /** The manager's own first. */
  all(): readonly Target[];
}
