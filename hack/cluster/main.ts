// `npm run cluster -- COMMAND`: the harness from a terminal.
import { Command, InvalidArgumentError } from "commander";
import { errorMessage } from "#api/base/index.ts";
import { chooseEngine, ClusterError } from "./index.ts";
import type { Cluster, ClusterEngine, ClusterSpec } from "./index.ts";
import { isNodeVerb, NODE_VERBS } from "./engine.ts";
import { withClusterOptions } from "./options.ts";
import type { ClusterOptions } from "./options.ts";

interface UpOptions extends ClusterOptions {
  readonly nodes?: number;
  readonly controlPlaneOnly?: boolean;
  readonly controllerManager?: boolean;
  readonly fresh?: boolean;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("a count from 1");
  return value;
}

function program(): Command {
  const root = new Command("npm run cluster --");
  root.description("a real Kubernetes for development and tests").enablePositionalOptions();
  const sub = (usage: string): Command => withClusterOptions(root.command(usage));
  sub("up")
    .description("bring the cluster up, or find it up")
    .option("--nodes <n>", "worker nodes (default 2)", count)
    .option("--control-plane-only", "etcd and API server only, no root needed")
    .option("--controller-manager", "with --control-plane-only: kube-controller-manager too")
    .option("--fresh", "remove a cluster of that name first")
    .action(async (_: unknown, command: Command) => {
      const options: UpOptions = command.opts();
      const cluster = await (await engineOf(options)).up(specOf(options));
      say(`kubeconfig: ${cluster.kubeconfigPath}`);
    });
  sub("down")
    .description("remove everything that up made")
    .action(async (_: unknown, command: Command) => {
      const options: ClusterOptions = command.opts();
      await (await engineOf(options)).down(specOf(options));
    });
  sub("status")
    .description("parts of the cluster and their state; exit code 1 if one is dead")
    .action(async (_: unknown, command: Command) => await status(command.opts()));
  sub("load <archive...>")
    .description("load docker archives on every node")
    .action(async (archives: string[], _: unknown, command: Command) => {
      await (await running(command.opts())).loadImages(archives);
    });
  sub("logs <folder>")
    .description("write objects, events and logs of everything into a folder")
    .action(async (folder: string, _: unknown, command: Command) => {
      await (await running(command.opts())).logs(folder);
    });
  sub("kubectl [args...]")
    .description("kubectl against the cluster; options of kubectl after a --")
    .passThroughOptions()
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: string[], _: unknown, command: Command) => {
      const cluster = await running(command.opts());
      process.exitCode = await cluster.kubectlInteractive(args);
    });
  sub("node <verb> <node> [args...]")
    .description(`${NODE_VERBS.join("|")}: power, cable, or a program on the node`)
    .passThroughOptions()
    .action(async (verb: string, node: string, args: string[], _: unknown, command: Command) => {
      await nodeCommand(await running(command.opts()), { verb, node, args });
    });
  return root;
}

async function nodeCommand(
  cluster: Cluster,
  wanted: { readonly verb: string; readonly node: string; readonly args: readonly string[] },
): Promise<void> {
  const { verb } = wanted;
  const args = wanted.args[0] === "--" ? wanted.args.slice(1) : wanted.args;
  if (!isNodeVerb(verb)) {
    throw new ClusterError("CLUSTER_USAGE", `node ${verb}: one of ${NODE_VERBS.join(", ")}`);
  }
  const node = cluster.node(wanted.node);
  if (verb !== "exec") {
    await node[verb]();
    return;
  }
  const result = await node.exec(args);
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  process.exitCode = result.code;
}

async function status(options: ClusterOptions): Promise<void> {
  const parts = await (await engineOf(options)).status(specOf(options));
  if (parts.length === 0) {
    process.stdout.write(`cluster ${options.name} is not up\n`);
    process.exitCode = 1;
    return;
  }
  const width = Math.max(...parts.map((part) => part.part.length));
  for (const { part, state, detail } of parts) {
    process.stdout.write(`${part.padEnd(width)}  ${state.padEnd(9)}  ${detail}\n`);
  }
  if (parts.some((part) => part.state === "dead")) process.exitCode = 1;
}

function engineOf(options: UpOptions): Promise<ClusterEngine> {
  return chooseEngine(options);
}

async function running(options: ClusterOptions): Promise<Cluster> {
  const cluster = await (await engineOf(options)).find(specOf(options));
  if (cluster !== undefined) return cluster;
  const advice = `npm run cluster -- up --name ${options.name}`;
  throw new ClusterError("CLUSTER_STATE", `cluster ${options.name} is not up; ${advice}`);
}

function specOf(options: UpOptions): ClusterSpec {
  const { name, context, registry, nodes, controlPlaneOnly, controllerManager, fresh } = options;
  return {
    name,
    ...(context === undefined ? {} : { context }),
    ...(registry === undefined ? {} : { registry }),
    ...(nodes === undefined ? {} : { nodes }),
    ...(controlPlaneOnly === undefined ? {} : { controlPlaneOnly }),
    ...(controllerManager === undefined ? {} : { controllerManager }),
    ...(fresh === undefined ? {} : { fresh }),
  };
}

function say(line: string): void {
  process.stderr.write(`cluster: ${line}\n`);
}

// `... | head` closes our output early; that is not a failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

try {
  await program().parseAsync();
} catch (cause) {
  say(errorMessage(cause));
  process.exitCode = 1;
}
