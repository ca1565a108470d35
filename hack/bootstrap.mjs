// The one program that must run before anything is installed: plain JavaScript, no dependency, any
// Node from 20 on. It puts the pinned Node 24 into the caches folder, installs the dependencies of
// the lock file, and then runs the script that it was given under that Node. It does nothing that
// is already done: a run that died half-way is repaired because every step writes its stamp last.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_VERSION = "24.21.0";
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const caches =
  process.env.OAAS_CACHE_DIR ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "oaas-operator");

function fail(message) {
  process.stderr.write(`bootstrap: ${message}\n`);
  process.exit(1);
}

function say(message) {
  process.stderr.write(`bootstrap: ${message}\n`);
}

function npmCli() {
  const cli = process.env.npm_execpath;
  if (cli !== undefined && existsSync(cli)) return { command: process.execPath, args: [cli] };
  return { command: "npm", args: [] };
}

function runNpm(args, cwd, what, env = process.env) {
  const npm = npmCli();
  const result = spawnSync(npm.command, [...npm.args, ...args], {
    cwd,
    env,
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (result.error !== undefined) fail(`${what}: npm could not be started (${result.error.message})`);
  if (result.status !== 0) fail(`${what} failed:\n${result.stderr}`);
}

/** The pinned Node in the caches folder; installed there when missing. */
function ensureNode() {
  const target = `${process.platform}-${process.arch}`;
  if (!["linux-x64", "linux-arm64", "darwin-arm64"].includes(target)) {
    fail(`no Node ${NODE_VERSION} package for ${target}; supported: linux-x64, linux-arm64`);
  }
  const folder = join(caches, `node-${NODE_VERSION}-${target}`);
  const bin = join(folder, "node_modules", `node-${target}`, "bin", "node");
  if (existsSync(bin)) return bin;
  say(`installing Node ${NODE_VERSION} into ${folder}`);
  const half = `${folder}.${process.pid}.part`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true });
  writeFileSync(join(half, "package.json"), '{"private":true}\n');
  runNpm(["install", "--no-save", "--no-package-lock", `node-${target}@${NODE_VERSION}`], half, "installing Node");
  rmSync(folder, { recursive: true, force: true });
  renameSync(half, folder);
  return bin;
}

/** node_modules as the lock file says; the stamp is written last. */
function ensureDependencies(node) {
  const stampFile = join(root, "node_modules", ".oaas-stamp");
  const lock = readFileSync(join(root, "package-lock.json"));
  const wanted = `${NODE_VERSION} ${createHash("sha256").update(lock).digest("hex")}\n`;
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) return;
  say("installing dependencies of package-lock.json");
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ""}` };
  runNpm(["ci", "--no-audit", "--no-fund"], root, "npm ci", env);
  writeFileSync(stampFile, wanted);
}

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail("usage: node hack/bootstrap.mjs SCRIPT [ARGS]");
const node = ensureNode();
ensureDependencies(node);
const child = spawn(node, [join(root, script), ...args], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    OAAS_CACHE_DIR: caches,
    NODE_NO_WARNINGS: "1",
    PATH: `${dirname(node)}:${process.env.PATH ?? ""}`,
  },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(`cannot start ${node}: ${error.message}`));
child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
