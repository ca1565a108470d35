// What the machine must offer before a local cluster can be made.
import { ensureHostPrograms } from "../../../doors/host-packages.ts";
import { ClusterError } from "../../run.ts";
import type { LocalContext } from "./context.ts";

/** Throws with advice if this machine cannot run the wanted kind of cluster. */
export async function assertHost(
  context: LocalContext,
  need: { readonly nodes: boolean },
): Promise<void> {
  const elsewhere = "choose --engine kind (needs Docker) or --engine kubeconfig --context NAME";
  if (process.platform !== "linux") {
    throw new ClusterError("CLUSTER_HOST", `engine local runs on Linux only; ${elsewhere}`);
  }
  if (need.nodes && process.getuid?.() !== 0) {
    throw new ClusterError(
      "CLUSTER_HOST",
      `engine local needs root for network namespaces, cgroups and loop mounts; ` +
        `run the command as root, or ${elsewhere}`,
    );
  }
  if (need.nodes) await ensureHostPrograms(context.runner, context.say);
}
