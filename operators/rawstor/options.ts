// Flags and environment of the rawstor operator: the only place of this program that reads them.
import { Command, InvalidArgumentError, Option } from "commander";

import type { ClusterConfig } from "#controllers/runtime/index.ts";
import { SERVICE_ACCOUNT_DIR } from "#controllers/runtime/index.ts";

/** Everything that the operator can be told from outside. */
export interface OperatorOptions {
  readonly cluster: ClusterConfig;
  /** Namespace of the operator and of everything that it renders. */
  readonly namespace: string;
  readonly identity: string;
  readonly leaderElect: boolean;
  readonly ostImage: string;
  readonly health: { readonly host: string; readonly port: number };
  readonly allowedPathPrefixes: readonly string[];
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Flags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string;
  readonly identity: string;
  readonly leaderElect: boolean;
  readonly ostImage: string;
  readonly healthListen: { readonly host: string; readonly port: number };
  readonly allowedPathPrefixes: readonly string[];
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65535) throw new InvalidArgumentError("expected HOST:PORT or :PORT");
  const host = (match[1] ?? "").replace(/^\[|\]$/g, "");
  return { host: host === "" ? "0.0.0.0" : host, port };
}

function parsePrefixes(text: string): readonly string[] {
  const prefixes = text.split(",").map((prefix) => prefix.trim().replace(/\/+$/, ""));
  const bad = prefixes.find((prefix) => !/^\/[^/]/.test(prefix) || prefix.includes(".."));
  if (bad !== undefined) throw new InvalidArgumentError(`"${bad}" is no absolute folder`);
  return prefixes;
}

function command(env: Environment): Command {
  return new Command("rawstor-operator")
    .description("Reconciles OstTarget and RawstorVolume.")
    .option("--kubeconfig <file>", "kubeconfig; default: the pod's service account")
    .option("--context <name>", "context of the kubeconfig; default: its current one")
    .option(
      "--namespace <name>",
      "namespace of the operator",
      env["POD_NAMESPACE"] ?? "rawstor-system",
    )
    .option(
      "--identity <name>",
      "name of this process in Leases and Events",
      env["POD_NAME"] ?? `rawstor-operator-${process.pid}`,
    )
    .option("--no-leader-elect", "lead at once; for one process only")
    .requiredOption("--ost-image <image>", "image of the object storage targets")
    .option("--health-listen <host:port>", "health and metrics", parseListen, parseListen(":9090"))
    .option(
      "--allowed-path-prefixes <a,b>",
      "folders of nodes under which spec.path may lie",
      parsePrefixes,
      ["/var/lib/rawstor/disks"],
    )
    .addOption(
      new Option("--log-level <level>", "least level that is written")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    );
}

function clusterConfig(flags: Flags, env: Environment): ClusterConfig {
  if (flags.kubeconfig !== undefined) {
    return {
      kind: "kubeconfig",
      path: flags.kubeconfig,
      ...(flags.context === undefined ? {} : { context: flags.context }),
    };
  }
  const host = env["KUBERNETES_SERVICE_HOST"];
  if (host === undefined) {
    throw new InvalidArgumentError("not in a pod: say where the cluster is with --kubeconfig FILE");
  }
  return {
    kind: "in-cluster",
    host,
    port: Number(env["KUBERNETES_SERVICE_PORT"] ?? "443"),
    tokenFile: `${SERVICE_ACCOUNT_DIR}/token`,
    caFile: `${SERVICE_ACCOUNT_DIR}/ca.crt`,
  };
}

/** Parses flags (without node and script). Ends the process with a message if they are wrong. */
export function parseOptions(
  args: readonly string[],
  env: Environment = process.env,
): OperatorOptions {
  const program = command(env);
  program.parse([...args], { from: "user" });
  const flags = program.opts<Flags>();
  let cluster: ClusterConfig;
  try {
    cluster = clusterConfig(flags, env);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return program.error(`error: ${error.message}`);
  }
  const { namespace, identity, leaderElect, ostImage, allowedPathPrefixes, logLevel } = flags;
  const health = flags.healthListen;
  return {
    cluster,
    namespace,
    identity,
    leaderElect,
    ostImage,
    health,
    allowedPathPrefixes,
    logLevel,
  };
}
