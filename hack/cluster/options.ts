// The options that every command about clusters takes, in one place.
import { Option } from "commander";
import type { Command } from "commander";
import type { EngineName } from "./engine.ts";

/** Values of the options that {@link withClusterOptions} adds. */
export interface ClusterOptions {
  readonly name: string;
  readonly engine?: EngineName;
  readonly context?: string;
  readonly registry?: string;
}

/** Adds --name, --engine, --context and --registry to a command. */
export function withClusterOptions(command: Command): Command {
  const engines: readonly EngineName[] = ["local", "kind", "kubeconfig"];
  return command
    .addOption(new Option("--name <name>", "which cluster").default("dev"))
    .addOption(
      new Option("--engine <engine>", "default: local with root on Linux, else kind").choices(
        engines,
      ),
    )
    .option("--context <context>", "engine kubeconfig: context of your kubeconfig")
    .option("--registry <prefix>", "engine kubeconfig: registry that its nodes pull from");
}
