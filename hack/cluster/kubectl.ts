// kubectl as every engine calls it.
import { check } from "./run.ts";
import type { CommandResult, CommandRunner } from "./run.ts";
import type { KubectlOptions } from "./engine.ts";

/** Which kubectl talks to which cluster. */
export interface KubectlTarget {
  readonly runner: CommandRunner;
  /** Program and fixed leading arguments. */
  readonly command: readonly string[];
  readonly kubeconfigPath: string;
}

/**
 * Runs kubectl; throws `CLUSTER_COMMAND_FAILED` on a non-zero exit code unless `check` is false.
 */
export async function runKubectl(
  target: KubectlTarget,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<CommandResult> {
  const argv = [...target.command, ...args];
  const settings = {
    env: { KUBECONFIG: target.kubeconfigPath },
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
  if (options.check === false) return await target.runner.run(argv, settings);
  return await check(target.runner, argv, settings);
}

/** Runs kubectl on our own terminal; returns its exit code. */
export async function runKubectlInteractive(
  target: KubectlTarget,
  args: readonly string[],
): Promise<number> {
  const env = { KUBECONFIG: target.kubeconfigPath };
  return (await target.runner.run([...target.command, ...args], { env, inherit: true })).code;
}
