// `npm run down`: removes everything that `npm start` made and nothing else.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { errorMessage } from "#api/base/index.ts";
import { chooseEngine, localClusters } from "#hack/cluster/index.ts";
import type { Cluster } from "#hack/cluster/index.ts";
import { withClusterOptions } from "#hack/cluster/options.ts";
import type { ClusterOptions } from "#hack/cluster/options.ts";
import { renderSystem } from "./deploy.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const SAMPLE = join(ROOT, "config", "samples", "quickstart.yaml");

interface DownOptions extends ClusterOptions {
  readonly all?: boolean;
}

function say(line: string): void {
  process.stderr.write(`down: ${line}\n`);
}

async function down(options: DownOptions): Promise<void> {
  const engine = await chooseEngine({ ...options, say });
  if (engine.name === "kubeconfig") {
    const cluster = await engine.find(options);
    if (cluster !== undefined) await uninstall(cluster);
    return;
  }
  const names = options.all === true ? localClusters() : [options.name];
  for (const name of names) {
    await engine.down({ name });
    say(`cluster ${name} is gone`);
  }
}

/** On a cluster that is not ours: what we applied goes, kinds and foreign namespaces stay. */
async function uninstall(cluster: Cluster): Promise<void> {
  const remove = ["delete", "--ignore-not-found", "--wait", "--timeout=180s", "-f", "-"];
  // The sample first: the operator that undoes it must still be there.
  await cluster.kubectl(remove, { input: readFileSync(SAMPLE, "utf8") });
  await cluster.kubectl(remove, { input: await renderSystem(cluster, []) });
  say("sample, operators and gateway are gone; the kinds (CRDs) stay");
}

const command = withClusterOptions(new Command("npm run down --"))
  .description("removes everything that npm start made")
  .option("--all", "every local cluster of this user")
  .action(down);

try {
  await command.parseAsync();
} catch (cause) {
  say(errorMessage(cause));
  process.exitCode = 1;
}
