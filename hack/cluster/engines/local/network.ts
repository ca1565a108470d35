import type { LocalContext } from "./engine.ts";
import type { ClusterLayout } from "./layout.ts";
export async function removeNetwork(_c: LocalContext, _l: ClusterLayout): Promise<void> {}
