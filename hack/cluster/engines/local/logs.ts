// Everything that explains a failed test, in one folder.
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runKubectl } from "../../kubectl.ts";
import type { KubectlTarget } from "../../kubectl.ts";
import type { LocalContext } from "./engine.ts";
import type { ClusterLayout } from "./layout.ts";
import { kubectlTarget } from "./nodes.ts";
import { processRecords, isAlive } from "./processes.ts";

const CALL_TIMEOUT_MS = 30_000;

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

/** What kubectl can tell about a cluster; parts that fail say so in their file. */
export async function collectObjects(target: KubectlTarget, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const ask = async (file: string, args: readonly string[]): Promise<string> => {
    const result = await runKubectl(target, args, { check: false, timeoutMs: CALL_TIMEOUT_MS });
    writeFileSync(join(folder, file), `${result.stdout}${result.stderr}`);
    return result.code === 0 ? result.stdout : "";
  };
  await ask("events.txt", ["get", "events", "-A", "--sort-by=.lastTimestamp"]);
  await ask("nodes.txt", ["describe", "nodes"]);
  await ask("pods.txt", ["describe", "pods", "-A"]);
  const kinds = await ask("kinds.txt", ["api-resources", "--verbs=list", "-o", "name"]);
  const wanted = kinds.split("\n").filter((kind) => kind !== "" && !/^(secrets|events)/.test(kind));
  if (wanted.length > 0) {
    await ask("objects.yaml", ["get", wanted.join(","), "-A", "-o", "yaml", "--ignore-not-found"]);
  }
}
