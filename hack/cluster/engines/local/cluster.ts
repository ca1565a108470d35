// A local cluster that is up, as its users see it.
import { existsSync } from "node:fs";
import { binaries } from "../../build/binaries.ts";
import type { Cluster } from "../../engine.ts";
import { runKubectl } from "../../kubectl.ts";
import { ClusterError } from "../../run.ts";
import type { LocalContext } from "./engine.ts";
import { localEngine } from "./engine.ts";
import type { ClusterLayout } from "./layout.ts";

/** The handle of a running cluster. Holds no resources; any number may exist. */
export function attach(context: LocalContext, layout: ClusterLayout): Cluster {
  const target = {
    runner: context.runner,
    command: [binaries().path("kubectl")],
    kubeconfigPath: layout.kubeconfigPath,
  };
  return {
    name: layout.name,
    engine: "local",
    kubeconfigPath: layout.kubeconfigPath,
    ...(existsSync(layout.auditLogPath) ? { auditLogPath: layout.auditLogPath } : {}),
    nodes: layout.nodes.map((node) => node.name),
    kubectl: (args, options) => runKubectl(target, args, options),
    loadImages: () => Promise.reject(new ClusterError("CLUSTER_UNSUPPORTED", "no nodes")),
    node: (name) => {
      throw new ClusterError("CLUSTER_USAGE", `no node ${name}`);
    },
    logs: () => Promise.resolve(),
    down: () => localEngine(context).down({ name: layout.name }),
  };
}
