import type { LocalContext } from "./engine.ts";
import type { ClusterLayout } from "./layout.ts";
import type { Binaries } from "../../build/binaries.ts";
import type { ClusterState } from "./state.ts";
export function prepareNodes(_c: LocalContext, _l: ClusterLayout, _s: ClusterState, _b: Binaries) {
  return { network: Promise.resolve(), nodes: Promise.resolve() };
}
export async function removeNodes(_c: LocalContext, _l: ClusterLayout): Promise<void> {}
export async function bringUpNodes(
  _c: LocalContext,
  _l: ClusterLayout,
  _s: ClusterState,
  _b: Binaries,
): Promise<void> {}
