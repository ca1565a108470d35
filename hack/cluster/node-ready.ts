// Whether a node is Ready now, asked through kubectl; for engines without a direct line.
import type { Cluster } from "./engine.ts";
import type { Probe } from "./wait.ts";

/** Done when the node's lease was renewed after `sinceMs` (wall clock) and it says Ready. */
export async function nodeReadyByKubectl(
  cluster: Pick<Cluster, "kubectl">,
  node: string,
  sinceMs: number,
): Promise<Probe<undefined>> {
  const lease = ["get", "lease", node, "--namespace=kube-node-lease"];
  const renewed = await cluster.kubectl([...lease, "-o", "jsonpath={.spec.renewTime}"]);
  if (!(Date.parse(renewed.stdout) >= sinceMs)) return { done: false, why: "no new heartbeat" };
  const path = '{.status.conditions[?(@.type=="Ready")].status}';
  const ready = await cluster.kubectl(["get", "node", node, "-o", `jsonpath=${path}`]);
  if (ready.stdout === "True") return { done: true, value: undefined };
  return { done: false, why: `Ready is ${ready.stdout || "unknown"}` };
}
