// Everything that explains a failed test, in one folder.
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { collectObjects } from "../../collect.ts";
import type { LocalContext } from "./context.ts";
import type { ClusterLayout } from "./layout.ts";
import { kubectlTarget } from "./nodes.ts";
import { processRecords, isAlive } from "./processes.ts";

/** Writes objects, events, pod logs (of the node folders too) and the logs of all programs. */
export async function collectLogs(
  context: LocalContext,
  layout: ClusterLayout,
  folder: string,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const records = processRecords(layout).map((record) => ({ ...record, alive: isAlive(record) }));
  writeFileSync(join(folder, "processes.json"), `${JSON.stringify(records, undefined, 2)}\n`);
  if (existsSync(layout.logsFolder)) {
    cpSync(layout.logsFolder, join(folder, "programs"), { recursive: true });
  }
  for (const node of layout.nodes) {
    const pods = join(node.folder, "log", "pods");
    if (existsSync(pods)) cpSync(pods, join(folder, "pods", node.name), { recursive: true });
  }
  await collectObjects(kubectlTarget(context, layout), folder);
}
