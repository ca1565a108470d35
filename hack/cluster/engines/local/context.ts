// What the functions of the local engine pass on.
import type { Say } from "../../build/binaries.ts";
import type { CommandRunner } from "../../run.ts";
import { clusterLayout } from "./layout.ts";
import type { ClusterLayout } from "./layout.ts";
import type { ClusterState } from "./state.ts";

/** Everything that the functions of the engine pass on. */
export interface LocalContext {
  readonly runner: CommandRunner;
  readonly say: Say;
  readonly base: string;
}

/** The layout that belongs to a remembered state. */
export function layoutOf(base: string, state: ClusterState): ClusterLayout {
  return clusterLayout({ name: state.name, slot: state.slot, nodeCount: state.nodeCount, base });
}
