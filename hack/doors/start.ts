// `npm start`: from a clone to answers. Brings the cluster `dev` up, builds and loads the images,
// installs kinds, operators and gateway, applies the sample, calls its three functions, and says
// what to try next. Running it again does only what is not done yet.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { errorMessage } from "#api/base/index.ts";
import { openCluster } from "#hack/cluster/index.ts";
import type { Cluster } from "#hack/cluster/index.ts";
import { withClusterOptions } from "#hack/cluster/options.ts";
import type { ClusterOptions } from "#hack/cluster/options.ts";
import { waitFor } from "#hack/cluster/wait.ts";
import { applyManifest, deploySystem, shipImages } from "./deploy.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const SAMPLE = join(ROOT, "config", "samples", "quickstart.yaml");
const LOGS = join(ROOT, ".build", "logs", "start");
const NODE_PORT = 30080;
const CLASS_PATH = "/api/class/quickstart.Counter";

interface StartOptions extends ClusterOptions {
  readonly nodes?: number;
}

/** One call through the gateway and how it is written for a person. */
interface Call {
  readonly title: string;
  readonly path: string;
  readonly body: string;
}

const CALLS: readonly Call[] = [
  {
    title: "echo (stateless, called at its Service)",
    path: `${CLASS_PATH}/0/invokes/echo`,
    body: "hello",
  },
  {
    title: "random (writes entries of the object `dice`)",
    path: `${CLASS_PATH}/objects/dice/invokes/random`,
    body: '{"entry":3,"key_size":5,"value_size":5,"resp_json":true}',
  },
  {
    title: "counter (adds to the object `visits` with compare-and-swap)",
    path: `${CLASS_PATH}/objects/visits/invokes/counter`,
    body: '{"amount":1}',
  },
];

const startedAt = performance.now();

function say(line: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
  process.stderr.write(`${seconds} s  ${line}\n`);
}

async function start(options: StartOptions): Promise<void> {
  const cluster = await openCluster({ ...options, say });
  try {
    await run(cluster);
  } catch (cause) {
    await cluster.logs(LOGS);
    say(`failed; objects, events and logs are in ${LOGS}`);
    throw cause;
  }
}

async function run(cluster: Cluster): Promise<void> {
  say("images");
  const images = await shipImages(cluster, say);
  say("kinds, operators, gateway");
  await deploySystem(cluster, images, say);
  say("sample quickstart");
  await applyManifest(cluster, readFileSync(SAMPLE, "utf8"), images);
  await packageReady(cluster);
  const door = await gatewayDoor(cluster);
  try {
    for (const call of CALLS) await show(door.url, call);
  } finally {
    door.close();
  }
  await farewell(cluster, door.forwarded ? undefined : door.url);
}

async function packageReady(cluster: Cluster): Promise<void> {
  await waitFor(
    async () => {
      const get = ["get", "opackage", "quickstart", "--namespace=default", "-o", "json"];
      const { stdout } = await cluster.kubectl(get);
      const { metadata, status } = JSON.parse(stdout) as {
        readonly metadata: { readonly generation: number };
        readonly status?: {
          readonly observedGeneration?: number;
          readonly conditions?: readonly {
            readonly type: string;
            readonly status: string;
            readonly reason: string;
            readonly message: string;
          }[];
        };
      };
      const ready = status?.conditions?.find((condition) => condition.type === "Ready");
      const current = status?.observedGeneration === metadata.generation;
      if (current && ready?.status === "True") return { done: true, value: undefined };
      const why = ready === undefined ? "no status yet" : `${ready.reason}: ${ready.message}`;
      return { done: false, why };
    },
    { what: "OPackage default/quickstart to be Ready", deadlineMs: 180_000, intervalMs: 500 },
  );
  say("package quickstart is Ready");
}

/** Where this machine reaches the gateway. */
interface Door {
  readonly url: string;
  readonly forwarded: boolean;
  readonly close: () => void;
}

/** A node's port where nodes can be reached from here, else a forwarded port. */
async function gatewayDoor(cluster: Cluster): Promise<Door> {
  const path = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}';
  const { stdout: address } = await cluster.kubectl(["get", "nodes", "-o", `jsonpath=${path}`]);
  const url = `http://${address}:${NODE_PORT}`;
  if (await reachable(url)) return { url, forwarded: false, close: () => undefined };
  const [command = "kubectl", ...leading] = cluster.kubectlCommand;
  const child = spawn(
    command,
    [...leading, "port-forward", "--namespace=oaas-system", "service/gateway", ":8080"],
    {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfigPath },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const port = await forwardedPort(child);
  return {
    url: `http://127.0.0.1:${port}`,
    forwarded: true,
    close: () => void child.kill("SIGTERM"),
  };
}

async function reachable(url: string): Promise<boolean> {
  try {
    await waitFor(
      async () => {
        const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
        return answer.ok
          ? { done: true, value: undefined }
          : { done: false, why: answer.statusText };
      },
      { what: "the gateway's node port", deadlineMs: 15_000 },
    );
    return true;
  } catch (cause) {
    say(`${errorMessage(cause)}; forwarding a port instead`);
    return false;
  }
}

function forwardedPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const port = /127\.0\.0\.1:(\d+)/.exec(text)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`kubectl port-forward ended (${code})`)));
  });
}

async function show(url: string, call: Call): Promise<void> {
  const answer = await fetch(`${url}${call.path}`, {
    method: "POST",
    body: call.body,
    headers: { "content-type": "application/json" },
    signal: AbortSignal.timeout(30_000),
  });
  const body = await answer.text();
  if (!answer.ok) throw new Error(`POST ${call.path}: ${answer.status} ${body}`);
  process.stdout.write(
    `\n${call.title}\n  POST ${call.path}  ${call.body}\n  ${answer.status} ${body}\n`,
  );
}

async function farewell(cluster: Cluster, url: string | undefined): Promise<void> {
  const columns = "NAME:.metadata.name,NODE:.spec.nodeName,STATE:.status.phase";
  const get = ["get", "pods", "--namespace=default", "-o", `custom-columns=${columns}`];
  const pods = await cluster.kubectl(get);
  const named = cluster.name === "dev" ? "" : ` --name ${cluster.name}`;
  const lines = [
    "",
    pods.stdout.trimEnd(),
    "",
    "Try next:",
    `  npm run cluster -- kubectl${named} get oaas,rawstor -A`,
    `  npm run cluster -- kubectl${named} describe opackage quickstart`,
    ...(url === undefined
      ? [`  npm run cluster -- kubectl${named} port-forward -n oaas-system service/gateway 8080`]
      : [`  curl -d '{"amount":5}' ${url}${CLASS_PATH}/objects/visits/invokes/counter`]),
    `  npm run cluster -- node stop node-1${named}      # and see that nothing is lost`,
    `  export KUBECONFIG=${cluster.kubeconfigPath}`,
    `  npm run down${cluster.name === "dev" ? "" : ` -- --name ${cluster.name}`}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  say("done");
}

const command = withClusterOptions(new Command("npm start --"))
  .description("a cluster with the system and a sample that answers")
  .option("--nodes <n>", "worker nodes (default 2)", Number)
  .action(start);

try {
  await command.parseAsync();
} catch (cause) {
  say(errorMessage(cause));
  process.exitCode = 1;
}
