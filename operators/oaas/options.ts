// Flags and environment of the oaas operator: the only place of this program that reads them.
import { Command, InvalidArgumentError, Option } from "commander";

import type { ClusterConfig } from "#controllers/runtime/index.ts";
import { SERVICE_ACCOUNT_DIR } from "#controllers/runtime/index.ts";

/** Everything that the operator can be told from outside. */
export interface OperatorOptions {
  readonly cluster: ClusterConfig;
  /** Namespace of the operator, its CA and the gateway. */
  readonly namespace: string;
  /** Unique per process: lease holder and event reporter. */
  readonly identity: string;
  readonly watchNamespaces: readonly string[] | undefined;
  readonly leaderElect: boolean;
  readonly odgmImage: string;
  readonly health: { readonly host: string; readonly port: number };
  /** host:port of oprc.RoutingService. */
  readonly routingListen: string;
  readonly leafLifetimeMs: number;
  readonly authorityLifetimeMs: number;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Flags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string;
  readonly identity: string;
  readonly watchNamespaces?: readonly string[];
  readonly leaderElect: boolean;
  readonly odgmImage: string;
  readonly healthListen: { readonly host: string; readonly port: number };
  readonly routingListen: { readonly host: string; readonly port: number };
  readonly certificateLifetimeHours: number;
  readonly authorityLifetimeHours: number;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** `host:port` or `:port` (all addresses). Throws InvalidArgumentError naming what is wrong. */
export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65535) throw new InvalidArgumentError("expected HOST:PORT or :PORT");
  const host = (match[1] ?? "").replace(/^\[|\]$/g, "");
  return { host: host === "" ? "0.0.0.0" : host, port };
}

/** A new certificate takes up to two minutes into a pod; it must live well beyond that. */
const HOURS_MIN = 0.1;

function parseHours(text: string): number {
  const hours = Number(text);
  if (!Number.isFinite(hours) || hours < HOURS_MIN) {
    throw new InvalidArgumentError(`expected a number of hours, at least ${HOURS_MIN}`);
  }
  return hours;
}

function parseNamespaces(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  const bad = names.find((name) => !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name));
  if (bad !== undefined) throw new InvalidArgumentError(`"${bad}" is no name of a namespace`);
  return names;
}

function command(env: Environment): Command {
  return new Command("oaas-operator")
    .description("Reconciles Environment, OPackage, ClassRuntime and OdgmCollection.")
    .option("--kubeconfig <file>", "kubeconfig; default: the pod's service account")
    .option("--context <name>", "context of the kubeconfig; default: its current one")
    .option(
      "--namespace <name>",
      "namespace of the operator",
      env["POD_NAMESPACE"] ?? "oaas-system",
    )
    .option(
      "--identity <name>",
      "name of this process in Leases and Events",
      env["POD_NAME"] ?? `oaas-operator-${process.pid}`,
    )
    .option("--watch-namespaces <a,b>", "serve only these namespaces", parseNamespaces)
    .option("--no-leader-elect", "lead at once; for one process only")
    .requiredOption("--odgm-image <image>", "image of the data grid's members")
    .option("--health-listen <host:port>", "health and metrics", parseListen, parseListen(":9090"))
    .option("--routing-listen <host:port>", "routes, mTLS", parseListen, parseListen(":8083"))
    .option("--certificate-lifetime-hours <n>", "life of a leaf", parseHours, 30 * 24)
    .option("--authority-lifetime-hours <n>", "life of the CA", parseHours, 365 * 24)
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

const HOUR_MS = 60 * 60 * 1000;

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
  return {
    cluster,
    namespace: flags.namespace,
    identity: flags.identity,
    watchNamespaces: flags.watchNamespaces,
    leaderElect: flags.leaderElect,
    odgmImage: flags.odgmImage,
    health: flags.healthListen,
    routingListen: `${flags.routingListen.host}:${flags.routingListen.port}`,
    leafLifetimeMs: flags.certificateLifetimeHours * HOUR_MS,
    authorityLifetimeMs: flags.authorityLifetimeHours * HOUR_MS,
    logLevel: flags.logLevel,
  };
}
