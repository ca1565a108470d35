// Loads image archives into the container stores of nodes. Content that a node has is not sent
// again.
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { check } from "../../run.ts";
import type { CommandRunner } from "../../run.ts";
import { together } from "../../wait.ts";
import { execOnNode } from "./node.ts";
import type { NodeContext } from "./node.ts";

/** Imports these docker archives on every given node. */
export async function importImages(
  nodes: readonly NodeContext[],
  archives: readonly string[],
): Promise<void> {
  const keyed = await Promise.all(
    [...new Set(archives)].map(async (path) => ({ path, key: await contentHash(path) })),
  );
  // Nodes work side by side; one node takes one archive after the other.
  await together(
    nodes.map(async (context) => {
      for (const { path, key } of keyed) await importOn(context, path, key);
    }),
  );
}

async function importOn(context: NodeContext, path: string, key: string): Promise<void> {
  const stamp = join(stampFolder(context), key);
  if (existsSync(stamp)) return;
  const runner: CommandRunner = {
    run: (argv, options) => execOnNode(context, argv, options ?? {}),
  };
  await check(runner, ["ctr", "-n", "k8s.io", "images", "import", "-"], { inputFile: path });
  mkdirSync(stampFolder(context), { recursive: true });
  writeFileSync(stamp, `${path}\n`);
}

function stampFolder(context: NodeContext): string {
  return join(context.node.folder, "images-loaded");
}

async function contentHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
