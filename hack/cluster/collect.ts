// What kubectl can tell about a cluster on which something failed, in files.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runKubectl } from "./kubectl.ts";
import type { KubectlTarget } from "./kubectl.ts";

const CALL_TIMEOUT_MS = 30_000;

/** Writes events, nodes, pods and all objects but Secrets; parts that fail say so in their file. */
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
