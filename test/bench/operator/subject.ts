// The two operators as programs: how each is built, started on a core of its own, and ended.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { build } from "esbuild";

import { cachesFolder } from "#hack/cluster/build/binaries.ts";
import { hostRunner } from "#hack/cluster/run-host.ts";
import { check } from "#hack/cluster/run.ts";
import { PROGRAM_OPTIONS } from "#hack/images/program.ts";

import { scrape } from "./prometheus.ts";
import type { SubjectAccess } from "./testbed.ts";
import { SYSTEM_NAMESPACE } from "./testbed.ts";

/** One of the two operators. */
export interface Subject {
  /** Also its service account. */
  readonly name: "ours" | "controller-runtime";
  readonly version: string;
  readonly argv: readonly string[];
}

const FOLDER = import.meta.dirname;
const ROOT = join(FOLDER, "..", "..", "..");
const LIBRARY = "sigs.k8s.io/controller-runtime";

/** Flags of Node in the images of our operators: what is measured is what is deployed. */
function imageFlags(): readonly string[] {
  const text = readFileSync(join(ROOT, "operators", "oaas", "Dockerfile"), "utf8");
  const entrypoint = /^ENTRYPOINT (.*)$/m.exec(text)?.[1] ?? "[]";
  return (JSON.parse(entrypoint) as readonly string[]).slice(1, -1);
}

/** Our operator, bundled and started as an image's program is. `nodeFlags` for experiments. */
export async function buildOurs(nodeFlags: readonly string[]): Promise<Subject> {
  const outdir = join(ROOT, ".build", "bench-operator", "app");
  rmSync(outdir, { recursive: true, force: true });
  await build({
    ...PROGRAM_OPTIONS,
    absWorkingDir: ROOT,
    entryPoints: [join(FOLDER, "ours.ts")],
    outdir,
    logLevel: "error",
  });
  const commit = await check(hostRunner, ["git", "rev-parse", "--short=10", "HEAD"], { cwd: ROOT });
  return {
    name: "ours",
    version: `${commit.stdout.trim()}, Node ${process.versions.node}`,
    argv: [process.execPath, ...imageFlags(), ...nodeFlags, join(outdir, "main.mjs")],
  };
}

/** The Go operator, built from published modules into the caches folder once per source. */
export async function buildTheirs(say: (line: string) => void): Promise<Subject> {
  const source = join(FOLDER, "go");
  const hash = createHash("sha256");
  for (const name of readdirSync(source).sort()) hash.update(readFileSync(join(source, name)));
  const folder = join(cachesFolder(), "bin", `bench-operator-${hash.digest("hex").slice(0, 12)}`);
  const env = { CGO_ENABLED: "0", GOFLAGS: "-trimpath -buildvcs=false", GOTOOLCHAIN: "local" };
  const program = join(folder, "bench-operator");
  if (!existsSync(program)) {
    say("building the Go operator (once; cold: about 2 minutes)");
    mkdirSync(folder, { recursive: true });
    const argv = ["go", "build", "-ldflags", "-s -w", "-o", `${program}.part`, "."];
    await check(hostRunner, argv, { cwd: source, env });
    renameSync(`${program}.part`, program);
  }
  const go = await check(hostRunner, ["go", "env", "GOVERSION"], { env });
  const version = new RegExp(`${LIBRARY} (v\\S+)`).exec(
    readFileSync(join(source, "go.mod"), "utf8"),
  )?.[1];
  return {
    name: "controller-runtime",
    version: `${version ?? "unknown"}, ${go.stdout.trim()}`,
    argv: [program],
  };
}

/** A subject that runs. */
export interface RunningSubject {
  readonly pid: number;
  readonly metrics: string;
  /** SIGTERM; resolves when it has ended, fails if it ended badly. */
  stop(): Promise<void>;
  /** Throws if it has ended by itself. */
  assertAlive(): void;
}

/** Starts a subject on `core`; its output goes to `log`. */
export async function startSubject(
  subject: Subject,
  access: SubjectAccess,
  options: { readonly core: number | undefined; readonly log: string },
): Promise<RunningSubject> {
  const metrics = `127.0.0.1:${await freePort()}`;
  const pin = options.core === undefined ? [] : ["taskset", "-c", String(options.core)];
  const [command = "", ...args] = [
    ...pin,
    ...subject.argv,
    `--server=${access.server}`,
    `--token-file=${access.tokenFile}`,
    `--ca-file=${access.caFile}`,
    `--namespace=${SYSTEM_NAMESPACE}`,
    `--metrics=${metrics}`,
  ];
  const log = openSync(options.log, "a");
  const child = spawn(command, args, { stdio: ["ignore", log, log] });
  closeSync(log);
  const ended = whenEnded(child);
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const assertAlive = (): void => {
    if (child.exitCode === null && child.signalCode === null) return;
    throw new Error(`${subject.name} has ended, see ${options.log}`);
  };
  return {
    // taskset becomes the subject: it calls exec.
    pid: child.pid ?? 0,
    metrics,
    assertAlive,
    async stop() {
      process.off("exit", kill);
      child.kill("SIGTERM");
      const code = await ended;
      if (code !== 0) throw new Error(`${subject.name} ended with ${code}, see ${options.log}`);
    },
  };
}

/** Resolves once the subject leads. */
export async function whenLeading(running: RunningSubject): Promise<void> {
  for (;;) {
    running.assertAlive();
    if ((await scrape(running.metrics))?.leading === true) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function whenEnded(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "nothing"));
  });
}
