// The one program that must run before anything is installed: plain JavaScript, no dependency, any
// Node from 20 on. It puts the pinned Node 24 into the caches folder, installs the dependencies of
// the lock file, and then runs the script that it was given under that Node. It does nothing that
// is already done. Every step writes its mark last, so a run that died half-way is repaired by the
// next one, and steps run under a lock, so that two of them at once wait for each other.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { constants, homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_VERSION = "24.21.0";
const TARGETS = ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"];
const PROGRESS_INTERVAL_MS = 15_000;
const LOCK_POLL_MS = 200;

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const caches =
  process.env.OAAS_CACHE_DIR ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "oaas-operator");

function say(message) {
  process.stderr.write(`bootstrap: ${message}\n`);
}

function fail(message) {
  say(message);
  process.exit(1);
}

/** The npm that runs us, or the one in PATH. */
function npmCommand() {
  const cli = process.env.npm_execpath;
  if (cli !== undefined && /npm(-cli)?\.[cm]?js$/.test(cli) && existsSync(cli)) {
    return { command: process.execPath, args: [cli] };
  }
  return { command: "npm", args: [] };
}

/** Runs npm to its end with a line of progress now and then; ends the program if npm fails. */
async function runNpm(args, { cwd, what, env = process.env }) {
  const npm = npmCommand();
  const startedAt = performance.now();
  const child = spawn(npm.command, [...npm.args, ...args], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = [];
  child.stdout.on("data", (chunk) => output.push(chunk));
  child.stderr.on("data", (chunk) => output.push(chunk));
  const seconds = () => Math.round((performance.now() - startedAt) / 1000);
  const timer = setInterval(() => say(`${what}: ${seconds()} s`), PROGRESS_INTERVAL_MS);
  const result = await new Promise((done) => {
    child.once("error", (error) => done({ error }));
    child.once("close", (code) => done({ code }));
  });
  clearInterval(timer);
  if (result.error !== undefined) {
    fail(`${what}: npm could not be started (${result.error.message}); npm comes with Node.js`);
  }
  if (result.code !== 0) {
    const said = Buffer.concat(output).toString().trimEnd().split("\n").slice(-25).join("\n");
    fail(
      `${what} failed (exit code ${result.code}); nothing is half-installed, run it again:\n${said}`,
    );
  }
  say(`${what}: done in ${seconds()} s`);
}

/** Runs `body` alone among the processes of this machine. The kernel drops the lock with its owner. */
async function locked(name, body) {
  const key = createHash("sha256").update(name).digest("hex").slice(0, 16);
  const abstract = process.platform === "linux";
  const path = abstract
    ? `\0oaas-operator/bootstrap/${key}`
    : join(tmpdir(), `oaas-bootstrap-${key}.lock`);
  let told = false;
  for (;;) {
    const server = createServer((socket) => socket.destroy());
    const error = await new Promise((done) => {
      server.once("error", done);
      server.listen(path, () => done(undefined));
    });
    if (error === undefined) {
      try {
        return await body();
      } finally {
        server.close();
      }
    }
    if (error.code !== "EADDRINUSE") throw error;
    if (!abstract && (await refuses(path))) rmSync(path, { force: true });
    if (!told) say("another bootstrap is at work; waiting for it");
    told = true;
    await new Promise((done) => setTimeout(done, LOCK_POLL_MS));
  }
}

/** Whether a socket file has no owner any more. */
function refuses(path) {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      done(false);
    });
    socket.once("error", (error) => done(error.code === "ECONNREFUSED"));
  });
}

/** The pinned Node in the caches folder; installed there when missing. */
async function ensureNode() {
  const target = `${process.platform}-${process.arch}`;
  if (!TARGETS.includes(target)) {
    fail(`Node ${NODE_VERSION} is not published for ${target}; supported: ${TARGETS.join(", ")}`);
  }
  const name = `node-${NODE_VERSION}-${target}`;
  const folder = join(caches, name);
  const binOf = (base) => join(base, "node_modules", `node-${target}`, "bin", "node");
  if (existsSync(binOf(folder))) return binOf(folder);
  mkdirSync(caches, { recursive: true });
  return await locked(folder, async () => {
    if (existsSync(binOf(folder))) return binOf(folder);
    say(`installing Node ${NODE_VERSION} into ${folder}`);
    for (const left of readdirSync(caches).filter((entry) => entry.startsWith(`${name}.`))) {
      // An npm whose parent was killed may still be writing there for a moment.
      rmSync(join(caches, left), { recursive: true, force: true, maxRetries: 10 });
    }
    const half = `${folder}.part`;
    mkdirSync(half);
    writeFileSync(join(half, "package.json"), '{"private":true}\n');
    await runNpm(["install", "--no-save", "--no-package-lock", `node-${target}@${NODE_VERSION}`], {
      cwd: half,
      what: `installing Node ${NODE_VERSION}`,
    });
    await assertRuns(binOf(half));
    rmSync(folder, { recursive: true, force: true });
    renameSync(half, folder);
    return binOf(folder);
  });
}

/** A Node for glibc does not start on musl systems; better to say so than to fail later. */
async function assertRuns(node) {
  const code = await new Promise((done) => {
    const child = spawn(node, ["--version"], { stdio: "ignore" });
    child.once("error", () => done(-1));
    child.once("close", done);
  });
  if (code !== 0)
    fail(`Node ${NODE_VERSION} does not start on this system; it needs glibc 2.28 or newer`);
}

/** node_modules as the lock file says; the stamp is written last. */
async function ensureDependencies(node) {
  const stampFile = join(root, "node_modules", ".oaas-stamp");
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  const wanted = `${NODE_VERSION} ${createHash("sha256").update(lock).digest("hex")}\n`;
  const isDone = () => existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted;
  if (isDone()) return;
  await locked(join(root, "node_modules"), async () => {
    if (isDone()) return;
    if (!isInstalled(lock)) {
      const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ""}` };
      say("installing the dependencies of package-lock.json");
      await runNpm(["ci", "--no-audit", "--no-fund"], { cwd: root, what: "npm ci", env });
    }
    writeFileSync(stampFile, wanted);
  });
}

/** Whether npm has recorded exactly the packages of the lock file, as after `npm install NAME`. */
function isInstalled(lock) {
  const record = join(root, "node_modules", ".package-lock.json");
  // npm removes its record first and writes it last; without our stamp of before, trust nothing.
  if (!existsSync(record) || !existsSync(join(root, "node_modules", ".oaas-stamp"))) return false;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  const wanted = JSON.parse(lock).packages;
  const same = Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const found = installed[path];
    if (found === undefined) return entry.optional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
  return same && Object.keys(installed).every((path) => wanted[path] !== undefined);
}

/** Runs the script under the pinned Node and ends as it ends. */
function runScript(node, script, args) {
  const child = spawn(node, [resolve(root, script), ...args], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      OAAS_CACHE_DIR: caches,
      NODE_NO_WARNINGS: "1",
      PATH: `${dirname(node)}:${process.env.PATH ?? ""}`,
    },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => fail(`cannot start ${node}: ${error.message}`));
  child.on("exit", (code, signal) => {
    process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
  });
}

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail("usage: node hack/bootstrap.mjs SCRIPT [ARGS]");
if (Number(process.versions.node.split(".")[0]) < 20) {
  fail(`this is Node ${process.versions.node}; Node 20 or newer is needed to begin with`);
}
const node = await ensureNode();
await ensureDependencies(node);
runScript(node, script, args);
