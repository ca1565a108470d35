// A local cluster that is up, as its users see it.
import { existsSync } from "node:fs";
import type { Cluster } from "../../engine.ts";
import { runKubectl, runKubectlInteractive } from "../../kubectl.ts";
import { ClusterError } from "../../run.ts";
import type { LocalContext } from "./context.ts";
import { importImages } from "./images.ts";
import type { ClusterLayout } from "./layout.ts";
import { kubectlTarget, nodeControl, runningNodes } from "./nodes.ts";
import { collectLogs } from "./logs.ts";

/** The handle of a running cluster. Holds no resources; any number may exist. */
export function attach(
  context: LocalContext,
  layout: ClusterLayout,
  down: (name: string) => Promise<void>,
): Cluster {
  const target = kubectlTarget(context, layout);
  return {
    name: layout.name,
    engine: "local",
    kubeconfigPath: layout.kubeconfigPath,
    ...(existsSync(layout.auditLogPath) ? { auditLogPath: layout.auditLogPath } : {}),
    nodes: layout.nodes.map((node) => node.name),
    kubectlCommand: target.command,
    kubectl: (args, options) => runKubectl(target, args, options),
    kubectlInteractive: (args) => runKubectlInteractive(target, args),
    loadImages: async (archives) => {
      if (layout.nodes.length === 0) {
        throw new ClusterError("CLUSTER_UNSUPPORTED", `cluster ${layout.name} has no nodes`);
      }
      await importImages(runningNodes(context, layout), archives);
    },
    node: (name) => nodeControl(context, layout, name),
    logs: (folder) => collectLogs(context, layout, folder),
    down: () => down(layout.name),
  };
}
