// `npm run plan -- -f FILE`: what our controllers would make of these objects, without writing.
// Reads the cluster of a kubeconfig by GET and LIST, or with --offline nothing or a snapshot.

import { readFile } from "node:fs/promises";

import { Command } from "commander";
import { parseAllDocuments } from "yaml";

import { systemClock, systemRng, systemTimers } from "#controllers/runtime/index.ts";
import type { KubeObject } from "#controllers/runtime/index.ts";
import { Client, createJsonLogger } from "#controllers/runtime/index.ts";
import { openCredentials } from "#controllers/runtime/client/credentials.ts";
import { RestClient } from "#controllers/runtime/client/rest-client.ts";
import { UndiciTransport } from "#controllers/runtime/client/undici-transport.ts";
import { createMetrics } from "#controllers/runtime/base/metrics.ts";
import type { LiveState } from "#controllers/runtime/plan/live-state.ts";
import {
  clusterState,
  readOnlyTransport,
  snapshotState,
} from "#controllers/runtime/plan/live-state.ts";
import { planChanges } from "#controllers/runtime/plan/plan.ts";
import { printPlan } from "#controllers/runtime/plan/print.ts";

import { allControllers } from "./controllers.ts";
import { readSettings } from "./settings.ts";

interface Flags {
  readonly filename: readonly string[];
  readonly namespace: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly offline?: boolean | string;
  readonly output: string;
  readonly odgmImage?: string;
  readonly ostImage?: string;
}

const REFUSED = 3;

function command(): Command {
  return new Command("npm run plan --")
    .description(
      "Prints what the controllers would do with these objects. Nothing is written: only GET\n" +
        "and LIST are sent. Ends with 0, or with 3 if an object would be refused.",
    )
    .requiredOption("-f, --filename <file...>", "YAML or JSON; - is standard input")
    .option("-n, --namespace <name>", "for objects that name none", "default")
    .option("--kubeconfig <file>", "where the cluster is", process.env["KUBECONFIG"])
    .option("--context <name>", "context in the kubeconfig")
    .option("--offline [file]", "ask no cluster; take what is there from a file, or nothing")
    .option("-o, --output <text|json>", "form of the answer", "text")
    .option("--odgm-image <image>", "image of data pods; that of the running operator by default")
    .option("--ost-image <image>", "image of targets; that of the running operator by default");
}

/** Documents of YAML or JSON files, lists unfolded. Throws with file and line. */
async function readObjects(files: readonly string[]): Promise<readonly KubeObject[]> {
  const objects: KubeObject[] = [];
  for (const file of files) {
    const text = await readFile(file === "-" ? "/dev/stdin" : file, "utf8");
    for (const document of parseAllDocuments(text)) {
      const [error] = document.errors;
      if (error !== undefined) throw new Error(`${file}: ${error.message}`);
      objects.push(...unfold(document.toJS(), file));
    }
  }
  return objects;
}

function unfold(value: unknown, file: string): readonly KubeObject[] {
  if (value === null || value === undefined) return [];
  const { apiVersion, kind, metadata, items } = value as Partial<KubeObject> & {
    readonly items?: readonly unknown[];
  };
  if (Array.isArray(items)) return items.flatMap((item) => unfold(item, file));
  if (typeof apiVersion !== "string" || typeof kind !== "string" || metadata?.name === undefined) {
    throw new Error(`${file}: a document without apiVersion, kind or metadata.name`);
  }
  return [value as KubeObject];
}

/** Fills in the namespace of kinds of ours that have one. */
function placed(
  object: KubeObject,
  namespace: string,
  clusterScoped: ReadonlySet<string>,
): KubeObject {
  if (object.metadata.namespace !== undefined || clusterScoped.has(object.kind)) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}

async function openLive(
  flags: Flags,
): Promise<{ readonly live: LiveState; readonly close: () => Promise<void> }> {
  const { offline, kubeconfig, context } = flags;
  if (offline !== undefined && offline !== false) {
    const objects = typeof offline === "string" ? await readObjects([offline]) : [];
    return { live: snapshotState(objects), close: () => Promise.resolve() };
  }
  if (kubeconfig === undefined || kubeconfig === "") {
    throw new Error("--kubeconfig (or KUBECONFIG), or --offline");
  }
  const credentials = openCredentials(
    { kind: "kubeconfig", path: kubeconfig, ...(context === undefined ? {} : { context }) },
    () => systemClock.monotonicMs(),
  );
  const transport = readOnlyTransport(new UndiciTransport({ credentials, userAgent: "plan" }));
  const rest = new RestClient({
    transport,
    world: { clock: systemClock, timers: systemTimers, rng: systemRng },
    logger,
    metrics: createMetrics(),
  });
  return { live: clusterState(new Client(rest)), close: () => transport.close() };
}

const logger = createJsonLogger("plan", "error");

const CLUSTER_SCOPED = ["Environment", "Namespace", "Node", "OstTarget", "PersistentVolume"];

async function main(args: readonly string[]): Promise<number> {
  const program = command();
  program.parse([...args], { from: "user" });
  const flags = program.opts<Flags>();
  if (flags.output !== "text" && flags.output !== "json") program.error("-o is text or json");
  const { live, close } = await openLive(flags);
  try {
    const settings = await readSettings(live, flags);
    const given = await readObjects(flags.filename);
    const scoped = new Set(CLUSTER_SCOPED);
    const plan = await planChanges({
      controllers: allControllers(settings),
      objects: given.map((object) => placed(object, flags.namespace, scoped)),
      live,
      now: new Date(),
      logger,
    });
    process.stdout.write(
      flags.output === "json" ? `${JSON.stringify(plan, null, 2)}\n` : printPlan(plan),
    );
    return plan.refusals.length > 0 ? REFUSED : 0;
  } finally {
    await close();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (cause) {
  process.stderr.write(`error: ${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = 1;
}
