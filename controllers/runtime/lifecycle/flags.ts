// The flags that every operator has, and what follows from them. The environment is an argument:
// only an operator's own options.ts reads it.
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";

import type { ClusterConfig } from "../client/config.ts";
import { SERVICE_ACCOUNT_DIR } from "../client/config.ts";
import type { LogLevel } from "./json-logger.ts";
import type { ShardOptions } from "./shard.ts";

/** Values of the environment by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** What {@link addOperatorFlags} adds, as commander gives it back. */
export interface OperatorFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string;
  readonly identity: string;
  /** All namespaces if not given. */
  readonly watchNamespaces?: readonly string[];
  readonly leaderElect: boolean;
  readonly healthListen: ListenAddress;
  readonly logLevel: LogLevel;
}

/** `host:port` or `:port` (all addresses). Throws InvalidArgumentError naming what is wrong. */
export function parseListen(text: string): ListenAddress {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65535) throw new InvalidArgumentError("expected HOST:PORT or :PORT");
  const host = (match[1] ?? "").replace(/^\[|\]$/g, "");
  return { host: host === "" ? "0.0.0.0" : host, port };
}

/** `a,b`: names of namespaces. Throws InvalidArgumentError naming the one that is none. */
function parseNamespaces(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  const bad = names.find((name) => !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name));
  if (bad !== undefined) throw new InvalidArgumentError(`"${bad}" is no name of a namespace`);
  return names;
}

/** `i/n`, such as `0/3`. Throws InvalidArgumentError unless 0 <= i < n. */
function parseShard(text: string): ShardOptions {
  const [, index, count] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  if (!(shard.index < shard.count)) throw new InvalidArgumentError("expected I/N with I below N");
  return shard;
}

/** What {@link addShardFlags} adds, as commander gives it back. */
export interface ShardFlags {
  readonly shard?: ShardOptions;
  readonly shardLabel?: string;
}

/** Adds the flags of an operator that can be split, which what runs beside it must allow. */
export function addShardFlags(command: Command): Command {
  return command
    .option(
      "--shard <i/n>",
      "serve only part i, from 0 on, of n; one deployment each; stop all before changing n",
      parseShard,
    )
    .option("--shard-label <key>", "objects with one value of this label share a part");
}

/** The shard that the flags name, if any. Throws InvalidArgumentError for a lone label. */
export function shardOfFlags(flags: ShardFlags): ShardOptions | undefined {
  const { shard, shardLabel: label } = flags;
  if (shard === undefined) {
    if (label !== undefined) throw new InvalidArgumentError("--shard-label needs --shard I/N");
    return undefined;
  }
  return { ...shard, ...(label === undefined ? {} : { label }) };
}

/**
 * Adds the common flags. Defaults come from POD_NAMESPACE and POD_NAME, else from `namespace` and
 * from `name` with the process id.
 */
export function addOperatorFlags(
  command: Command,
  defaults: { readonly name: string; readonly namespace: string },
  env: Environment,
): Command {
  const identity = env["POD_NAME"] ?? `${defaults.name}-${process.pid}`;
  return command
    .option("--kubeconfig <file>", "kubeconfig; default: the pod's service account")
    .option("--context <name>", "context of the kubeconfig; default: its current one")
    .option(
      "--namespace <name>",
      "namespace of the operator",
      env["POD_NAMESPACE"] ?? defaults.namespace,
    )
    .option("--identity <name>", "name of this process in Leases and Events", identity)
    .option("--watch-namespaces <a,b>", "serve only these namespaces", parseNamespaces)
    .option("--no-leader-elect", "lead at once; for one process only")
    .option("--health-listen <host:port>", "health and metrics", parseListen, parseListen(":9090"))
    .addOption(
      new Option("--log-level <level>", "least level that is written")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    );
}

/**
 * How to reach the cluster: the kubeconfig that was named, else the pod's service account. Throws
 * InvalidArgumentError outside of a pod without a kubeconfig.
 */
export function clusterConfigOf(flags: OperatorFlags, env: Environment): ClusterConfig {
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
