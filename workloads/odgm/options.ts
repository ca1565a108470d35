// Command line -> the names of api/workload/odgm.ts. Flags win over the environment.
import { readFileSync } from "node:fs";

import { Command, CommanderError } from "commander";

import type { OdgmConfig } from "#api/workload/odgm.ts";
import { ODGM_ENV, ODGM_ENV_NOT_SERVED, parseOdgmEnv } from "#api/workload/odgm.ts";
import { errorMessage } from "#api/base/index.ts";

/** What to do with a command line. */
export type CommandLine =
  | { readonly kind: "run"; readonly config: OdgmConfig }
  /** Make the file of a stopped member smaller. */
  | { readonly kind: "compact"; readonly dataDir: string }
  /** Print and leave. */
  | { readonly kind: "exit"; readonly code: number; readonly out: string; readonly error: string };

interface Flag {
  readonly flags: string;
  readonly key: string;
  readonly env: string;
  readonly help: string;
}

const FLAGS: readonly Flag[] = [
  {
    flags: "--listen <host:port>",
    key: "listen",
    env: ODGM_ENV.listen,
    help: "gRPC for functions and clients, plaintext (0.0.0.0:8080)",
  },
  {
    flags: "--data <folder>",
    key: "data",
    env: ODGM_ENV.dataDir,
    help: "folder of the store; nothing is written elsewhere",
  },
  {
    flags: "--format",
    key: "format",
    env: ODGM_ENV.format,
    help: "format an empty folder without collections",
  },
  {
    flags: "--health-listen <host:port>",
    key: "healthListen",
    env: ODGM_ENV.healthListen,
    help: "/healthz, /readyz, /metrics (a member: 0.0.0.0:9090, alone: none)",
  },
  {
    flags: "--member <collection>",
    key: "member",
    env: ODGM_ENV.collectionName,
    help: "be a member of this collection, formatted and told what to serve by an operator",
  },
  {
    flags: "--ordinal <number>",
    key: "ordinal",
    env: ODGM_ENV.ordinal,
    help: "which member",
  },
  {
    flags: "--link-listen <host:port>",
    key: "linkListen",
    env: ODGM_ENV.linkListen,
    help: "links of members and gateways, mTLS (0.0.0.0:8081)",
  },
  {
    flags: "--admin-listen <host:port>",
    key: "adminListen",
    env: ODGM_ENV.adminListen,
    help: "the operator's service, mTLS (0.0.0.0:8082)",
  },
  {
    flags: "--tls-dir <folder>",
    key: "tlsDir",
    env: ODGM_ENV.tlsDir,
    help: "ca.crt, tls.crt, tls.key; read again when they change",
  },
  {
    flags: "--admin-identity <uri>",
    key: "adminIdentity",
    env: ODGM_ENV.adminIdentity,
    help: "URI SAN that a client of the operator's service must have",
  },
  {
    flags: "--link-identities <uris>",
    key: "linkIdentities",
    env: ODGM_ENV.linkIdentities,
    help: "URI SANs that a client of the link may have; the first is the members' own",
  },
  {
    flags: "--insecure",
    key: "insecure",
    env: ODGM_ENV.insecure,
    help: "a member without mTLS; refused unless its listeners are on loopback",
  },
];

/** Never exits and never prints by itself. */
export function parseCommandLine(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): CommandLine {
  let out = "";
  let error = "";
  let compacted: string | undefined;
  const command = buildCommand((dataDir) => (compacted = dataDir));
  for (const each of [command, ...command.commands]) {
    each
      .exitOverride()
      .configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (error += text) });
  }
  try {
    command.parse(args, { from: "user" });
  } catch (cause: unknown) {
    if (!(cause instanceof CommanderError)) throw cause;
    return { kind: "exit", code: cause.exitCode === 0 ? 0 : 2, out, error };
  }
  if (compacted !== undefined) return { kind: "compact", dataDir: compacted };
  const merged = mergeFlags(command.opts(), env);
  if (merged.kind === "invalid") return usage([merged.problem]);
  const result = parseOdgmEnv(merged.env);
  return result.kind === "ok" ? { kind: "run", config: result.config } : usage(result.problems);
}

function buildCommand(compact: (dataDir: string) => void): Command {
  const command = new Command("odgm")
    .description("object data grid: objects of a class, durable, and calls of its functions")
    .helpOption("-h, --help", "show this")
    .option(
      "--collections <file>",
      `JSON list of collections, for an empty folder only (${ODGM_ENV.collection}: the text)`,
    );
  for (const { flags, help, env } of FLAGS) command.option(flags, `${help} (${env})`);
  // Without a subcommand the program runs; Commander would print its help. Options after one are
  // its.
  command.enablePositionalOptions().action(() => undefined);
  command
    .command("compact")
    .description("make the file of a stopped member as small as what it holds")
    .helpOption("-h, --help", "show this")
    .requiredOption("--data <folder>", "folder of the store")
    .helpCommand(false)
    .action(({ data }: { readonly data: string }) => compact(data));
  return command.addHelpText("after", `\n${environmentHelp()}`);
}

function environmentHelp(): string {
  const byFlag = new Set(FLAGS.map(({ env }) => env));
  const others = Object.values(ODGM_ENV).filter((name) => !byFlag.has(name));
  const ignored = Object.entries(ODGM_ENV_NOT_SERVED).map(([name, why]) => `  ${name}: ${why}`);
  return `Also read: ${others.join(", ")}\n\nWithout effect:\n${ignored.join("\n")}\n`;
}

type Merged =
  | { readonly kind: "ok"; readonly env: Readonly<Record<string, string | undefined>> }
  | { readonly kind: "invalid"; readonly problem: string };

function mergeFlags(
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Merged {
  const merged: Record<string, string | undefined> = { ...env };
  for (const { key, env: name } of FLAGS) {
    const value = flags[key];
    if (value !== undefined) merged[name] = String(value);
  }
  const file = flags["collections"];
  if (typeof file === "string") {
    try {
      merged[ODGM_ENV.collection] = readFileSync(file, "utf8");
    } catch (cause: unknown) {
      return { kind: "invalid", problem: `--collections: ${errorMessage(cause)}` };
    }
  }
  return { kind: "ok", env: merged };
}

function usage(problems: readonly string[]): CommandLine {
  const error = problems.map((problem) => `error: ${problem}\n`).join("");
  return { kind: "exit", code: 2, out: "", error: `${error}Try --help.\n` };
}
