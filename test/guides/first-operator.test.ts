// docs/guides/first-operator.md, as a stranger would follow it: the files and commands are those of
// the page, the cluster is a real kube-apiserver. What is done in its place is only what `setup`
// blocks say: the clone is this one, and npm's links are made without asking a registry (npm makes
// one link per dependency; the clone is not touched by it).

import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { openCluster } from "#hack/cluster/index.ts";
import type { Cluster } from "#hack/cluster/index.ts";

import { filesOf, normalized, readBlocks, stepsOf } from "#hack/operator/guide.ts";
import type { Step } from "#hack/operator/guide.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const BLOCKS = readBlocks(readFileSync(join(ROOT, "docs/guides/first-operator.md"), "utf8"));
const STEPS = stepsOf(BLOCKS);
const DEPENDENCIES = ["oaas-operator", "@types/node", "esbuild", "typescript"];
/** Programs of dependencies that the guide calls. */
const PROGRAMS = { tsc: "typescript/bin/tsc", esbuild: "esbuild/bin/esbuild" };

let folder: string;
let cluster: Promise<Cluster>;
let operator: ChildProcess | undefined;
let log = "";

beforeAll(async () => {
  cluster = openCluster({
    name: "guide",
    controlPlaneOnly: true,
    fresh: true,
    controllerManager: true,
  });
  const base = await mkdtemp(join(tmpdir(), "first-operator-"));
  folder = join(base, "my-operator");
  await symlink(ROOT, join(base, "oaas-operator"));
  await link(folder);
  for (const [name, text] of filesOf(BLOCKS)) await writeFile(join(folder, name), text);
});

afterAll(async () => {
  operator?.kill("SIGKILL");
  await (await cluster).down();
  await rm(dirname(folder), { recursive: true });
});

/** What `npm install` would do. */
async function link(into: string): Promise<void> {
  const modules = join(into, "node_modules");
  await mkdir(join(modules, ".bin"), { recursive: true });
  await mkdir(join(modules, "@types"));
  for (const name of DEPENDENCIES) {
    const clone = join(dirname(into), name);
    const target = name === "oaas-operator" ? clone : join(ROOT, "node_modules", name);
    await symlink(target, join(modules, name));
  }
  for (const [name, path] of Object.entries(PROGRAMS)) {
    await symlink(join("..", path), join(modules, ".bin", name));
  }
}

/** Everything that the commands of a block need to run. */
async function environment(): Promise<NodeJS.ProcessEnv> {
  const { kubeconfigPath, kubectlCommand } = await cluster;
  const [kubectl = "kubectl"] = kubectlCommand;
  const path = [dirname(process.execPath), dirname(kubectl), process.env["PATH"] ?? ""];
  const { NODE_OPTIONS: _options, ...env } = process.env;
  return { ...env, PATH: path.join(delimiter), KUBECONFIG: kubeconfigPath, NODE_NO_WARNINGS: "1" };
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function shell(text: string, cwd = folder): Promise<Ran> {
  const env = await environment();
  return new Promise((resolve) => {
    const args = ["-euo", "pipefail", "-c", text];
    execFile("bash", args, { cwd, env, timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

/** Instead of what runs in the background already, if anything. */
async function startInBackground(text: string): Promise<void> {
  await stopInBackground();
  // `exec`: the signal is for the program and not for a shell around it.
  const args = ["-c", `exec ${text}`];
  const child = spawn("bash", args, { cwd: folder, env: await environment() });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (log += chunk.toString("utf8")));
  }
  operator = child;
}

/** Ctrl-C. The operator must stop in good order and have met no error. */
async function stopInBackground(): Promise<void> {
  if (operator === undefined) return;
  const ended = once(operator, "exit");
  operator.kill("SIGINT");
  expect(await ended).toEqual([0, null]);
  operator = undefined;
  const lines = log.trim().split("\n");
  expect(lines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
  expect(lines.at(-1)).toContain("manager stopped");
}

/** Runs a block as it is marked, and holds it to what the guide says. */
async function follow({ block, prints }: Step): Promise<void> {
  if (block.info === "background") {
    await startInBackground(block.text);
    return;
  }
  const ran = await shell(block.text);
  const isMeantToFail = block.info === "fails";
  const said = `${ran.stdout}${ran.stderr}\noperator:\n${log}`;
  if ((ran.code !== 0) !== isMeantToFail) throw new Error(`exit code ${ran.code}\n${said}`);
  if (prints === undefined) return;
  const printed = normalized(isMeantToFail ? ran.stderr : ran.stdout);
  const want = normalized(prints);
  expect(printed.slice(-want.length)).toBe(want);
}

describe("what is done in another way here", () => {
  it("is what the guide calls setup, and no more", () => {
    const setup = STEPS.filter(({ block }) => block.info === "setup").map(({ block }) => {
      return block.text.split("\n").filter((line) => line !== "");
    });
    expect(setup).toEqual([
      ["npm --prefix oaas-operator run help", "mkdir my-operator && cd my-operator"],
      ["npm install"],
      [
        "npm --prefix ../oaas-operator run cluster -- up --control-plane-only --controller-manager",
        "export KUBECONFIG=...  # the path that it prints",
      ],
    ]);
  });

  it("links the dependencies that the guide names", () => {
    const manifest = JSON.parse(filesOf(BLOCKS).get("package.json") ?? "") as {
      readonly dependencies: object;
      readonly devDependencies: object;
    };
    const named = [manifest.dependencies, manifest.devDependencies].flatMap(Object.keys);
    expect(named.sort()).toEqual([...DEPENDENCIES].sort());
  });
});

describe("the guide", () => {
  const steps = STEPS.filter(({ block }) => block.info !== "setup");

  it.each(steps.map((step) => ({ step, name: `${step.block.section}, line ${step.block.line}` })))(
    "$name",
    ({ step }) => follow(step),
  );

  it("is right that the simulation sees a status that differs each time", async () => {
    const controller = filesOf(BLOCKS).get("controller.ts") ?? "";
    const mistake = controller.replace('"the text is served"', "`served at ${Date.now()}`");
    expect(mistake).not.toBe(controller);
    await writeFile(join(folder, "controller.ts"), mistake);
    const { code, stdout } = await shell("node --test simulation.test.ts");
    expect(code).not.toBe(0);
    expect(stdout).toContain("no-write-without-difference");
  });

  it("ends with an operator that stops in good order", async () => {
    expect(operator).toBeDefined();
    await stopInBackground();
  });
});

describe("the command that writes the guide's files for another kind", () => {
  it("writes some that compile and pass their unit tests", async () => {
    const other = join(dirname(folder), "site-operator");
    const made = await shell(`node ${join(ROOT, "hack/operator/main.ts")} init Site ${other}`);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    await link(other);
    expect(
      await shell("node_modules/.bin/tsc && node --test controller.test.ts", other),
    ).toMatchObject({ code: 0 });
  });
});
