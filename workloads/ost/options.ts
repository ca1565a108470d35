// Command line of the ost program, made from the table of settings in api/workload/ost.ts.
import { Command } from "commander";

import type { OstConfig, OstSettings } from "#api/workload/ost.ts";
import { ostExitCodes, ostOptions, parseOstSettings, settingsOfEnv } from "#api/workload/ost.ts";

/** What to do with a command line. */
export type CommandLine =
  | { readonly kind: "run"; readonly config: OstConfig }
  | { readonly kind: "exit"; readonly code: number; readonly out: string; readonly error: string };

/** Flags win over the environment. Never exits and never prints by itself. */
export function parseCommandLine(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): CommandLine {
  let out = "";
  let error = "";
  const command = buildCommand()
    .exitOverride()
    .configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (error += text) });
  try {
    command.parse(args, { from: "user" });
  } catch (cause: unknown) {
    const wanted = isCommanderExit(cause) && cause.exitCode === 0;
    return { kind: "exit", code: wanted ? ostExitCodes.Ok : ostExitCodes.Usage, out, error };
  }
  const settings = { ...settingsOfEnv(env), ...settingsOfFlags(command.opts()) };
  const result = parseOstSettings(settings);
  if (result.kind === "ok") return { kind: "run", config: result.config };
  const lines = result.problems.map(
    ({ option, message }) => `error: ${option.flag} (${option.env}): ${message}\n`,
  );
  return { kind: "exit", code: ostExitCodes.Usage, out: "", error: lines.join("") };
}

function buildCommand(): Command {
  const command = new Command("ost")
    .description("Rawstor object storage target: serves one disk over the Rawstor protocol")
    .helpOption("-h, --help", "show this");
  for (const { kind, flag, env, fallback, description } of ostOptions) {
    const flags = kind === "policy" ? flag : `${flag} <value>`;
    const unset = fallback === undefined ? "" : `, default ${fallback}`;
    command.option(flags, `${description} (${env}${unset})`);
  }
  const codes = Object.entries(ostExitCodes).map(([name, code]) => `${String(code)} ${name}`);
  return command.addHelpText("after", `\nExit codes: ${codes.join(", ")}`);
}

/** Commander names `--health-listen` `healthListen`; our keys are those of the config. */
function settingsOfFlags(flags: Readonly<Record<string, unknown>>): OstSettings {
  const entries = ostOptions.flatMap(({ key, flag, kind }) => {
    const name = flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value = flags[name];
    if (kind === "policy") return value === true ? [[key, "IfBlank"] as const] : [];
    return typeof value === "string" ? [[key, value] as const] : [];
  });
  return Object.fromEntries(entries);
}

function isCommanderExit(cause: unknown): cause is { readonly exitCode: number } {
  return cause instanceof Error && "exitCode" in cause;
}
