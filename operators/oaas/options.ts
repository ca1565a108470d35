// Flags and environment of the oaas operator: the only place of this program that reads them.
import { Command, InvalidArgumentError } from "commander";

import type {
  CommonOptions,
  Environment,
  ListenAddress,
  LogLevel,
  OperatorFlags,
} from "#controllers/runtime/index.ts";
import { addOperatorFlags, clusterConfigOf, parseListen } from "#controllers/runtime/index.ts";

/** Everything that the operator can be told from outside; `namespace` also holds its CA. */
export interface OperatorOptions extends CommonOptions {
  readonly odgmImage: string;
  /** host:port of oprc.RoutingService. */
  readonly routingListen: string;
  readonly leafLifetimeMs: number;
  readonly authorityLifetimeMs: number;
  readonly logLevel: LogLevel;
}

interface Flags extends OperatorFlags {
  readonly odgmImage: string;
  readonly routingListen: ListenAddress;
  readonly certificateLifetimeHours: number;
  readonly authorityLifetimeHours: number;
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

function command(env: Environment): Command {
  const bare = new Command("oaas-operator").description(
    "Reconciles Environment, OPackage, ClassRuntime and OdgmCollection.",
  );
  const defaults = { name: "oaas-operator", namespace: "oaas-system" };
  return addOperatorFlags(bare, defaults, env)
    .requiredOption("--odgm-image <image>", "image of the data grid's members")
    .option("--routing-listen <host:port>", "routes, mTLS", parseListen, parseListen(":8083"))
    .option("--certificate-lifetime-hours <n>", "life of a leaf", parseHours, 30 * 24)
    .option("--authority-lifetime-hours <n>", "life of the CA", parseHours, 365 * 24);
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
  const { namespace, identity, watchNamespaces, leaderElect, odgmImage, logLevel } = flags;
  try {
    return {
      ...{ namespace, identity, watchNamespaces, leaderElect, odgmImage, logLevel },
      cluster: clusterConfigOf(flags, env),
      health: flags.healthListen,
      routingListen: `${flags.routingListen.host}:${flags.routingListen.port}`,
      leafLifetimeMs: flags.certificateLifetimeHours * HOUR_MS,
      authorityLifetimeMs: flags.authorityLifetimeHours * HOUR_MS,
    };
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return program.error(`error: ${error.message}`);
  }
}
