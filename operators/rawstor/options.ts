// Flags and environment of the rawstor operator: the only place of this program that reads them.
import { Command, InvalidArgumentError } from "commander";

import type {
  CommonOptions,
  Environment,
  LogLevel,
  OperatorFlags,
} from "#controllers/runtime/index.ts";
import { addOperatorFlags, clusterConfigOf } from "#controllers/runtime/index.ts";

/** Everything that the operator can be told from outside. */
export interface OperatorOptions extends CommonOptions {
  readonly ostImage: string;
  /** Folders of nodes under which `spec.path` may lie. */
  readonly allowedPathPrefixes: readonly string[];
  readonly logLevel: LogLevel;
}

interface Flags extends OperatorFlags {
  readonly ostImage: string;
  readonly allowedPathPrefixes: readonly string[];
}

function parsePrefixes(text: string): readonly string[] {
  const prefixes = text.split(",").map((prefix) => prefix.trim().replace(/\/+$/, ""));
  const bad = prefixes.find((prefix) => !/^\/[^/]/.test(prefix) || prefix.includes(".."));
  if (bad !== undefined) throw new InvalidArgumentError(`"${bad}" is no absolute folder`);
  return prefixes;
}

function command(env: Environment): Command {
  const bare = new Command("rawstor-operator").description(
    "Reconciles OstTarget and RawstorVolume.",
  );
  const defaults = { name: "rawstor-operator", namespace: "rawstor-system" };
  return addOperatorFlags(bare, defaults, env)
    .requiredOption("--ost-image <image>", "image of the object storage targets")
    .option(
      "--allowed-path-prefixes <a,b>",
      "folders of nodes under which spec.path may lie",
      parsePrefixes,
      ["/var/lib/rawstor/disks"],
    );
}

/** Parses flags (without node and script). Ends the process with a message if they are wrong. */
export function parseOptions(
  args: readonly string[],
  env: Environment = process.env,
): OperatorOptions {
  const program = command(env);
  program.parse([...args], { from: "user" });
  const { healthListen, kubeconfig: _, context: __, ...flags } = program.opts<Flags>();
  try {
    const cluster = clusterConfigOf(program.opts<Flags>(), env);
    return { ...flags, cluster, health: healthListen };
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return program.error(`error: ${error.message}`);
  }
}
