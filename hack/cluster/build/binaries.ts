// Builds the programs of sources.ts with the Go toolchain into the caches folder, once per version
// and recipe. A program is compiled into a scratch folder and renamed into place, so a folder that
// has the final name is complete, whatever died before.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { withLock } from "../lock.ts";
import { check, ClusterError } from "../run.ts";
import type { CommandRunner } from "../run.ts";
import { GO_VERSION_MIN } from "../versions.ts";
import { RECIPES, renderGoMod } from "./sources.ts";
import type { Recipe } from "./sources.ts";

const BUILD_DEADLINE_MS = 40 * 60_000;

/** Told about progress, one line at a time. */
export type Say = (line: string) => void;

/** The folder that outlives checkouts: OAAS_CACHE_DIR, which the bootstrap sets. */
export function cachesFolder(): string {
  const { OAAS_CACHE_DIR: own, XDG_CACHE_HOME: xdg } = process.env;
  return own ?? join(xdg ?? join(homedir(), ".cache"), "oaas-operator");
}

/** Where the programs are: absolute paths by program name. */
export interface Binaries {
  readonly path: (program: Program) => string;
}

/** Every program that {@link ensureBinaries} provides. */
export type Program =
  | "etcd"
  | "coredns"
  | "pause"
  | "kubectl"
  | "kubelet"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kube-scheduler"
  | "kube-proxy";

/**
 * Guarantees that the programs of these recipes are in the caches folder; builds what is missing.
 */
export async function ensureBinaries(
  runner: CommandRunner,
  say: Say,
  names: readonly Recipe["name"][] = RECIPES.map((recipe) => recipe.name),
): Promise<Binaries> {
  const wanted = RECIPES.filter((recipe) => names.includes(recipe.name));
  for (const recipe of wanted) await ensure(runner, say, recipe);
  return binaries();
}

/** Paths of the programs, whether or not they were built. */
export function binaries(): Binaries {
  return {
    path(program) {
      const recipe = RECIPES.find((one) => one.name === program || one.links.includes(program));
      if (recipe === undefined) throw new ClusterError("CLUSTER_USAGE", `no program ${program}`);
      return join(folderOf(recipe), program);
    },
  };
}

/** Whether nothing has to be built for these recipes. */
export function haveBinaries(names: readonly Recipe["name"][]): boolean {
  return RECIPES.filter((recipe) => names.includes(recipe.name)).every((recipe) =>
    existsSync(folderOf(recipe)),
  );
}

function folderOf(recipe: Recipe): string {
  const parts = [recipe.version, recipe.main, recipe.ldflags, ...recipe.links];
  const hash = createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 8);
  const target = `${process.platform}-${process.arch}`;
  return join(cachesFolder(), "bin", `${recipe.name}-${recipe.version}-${hash}-${target}`);
}

async function ensure(runner: CommandRunner, say: Say, recipe: Recipe): Promise<void> {
  const folder = folderOf(recipe);
  if (existsSync(folder)) return;
  const onWait = (): void => say(`waiting for another process that builds ${recipe.name}`);
  await withLock(`build/${folder}`, { deadlineMs: BUILD_DEADLINE_MS, onWait }, async () => {
    if (existsSync(folder)) return;
    await requireGo(runner);
    await build(runner, say, recipe, folder);
  });
}

async function requireGo(runner: CommandRunner): Promise<void> {
  const seen = await runner.run(["go", "env", "GOVERSION"], { env: { GOTOOLCHAIN: "local" } });
  const advice =
    `engine local builds Kubernetes, etcd and CoreDNS from their Go modules: install Go ` +
    `${GO_VERSION_MIN} or newer (https://go.dev/dl, or the package golang-go), ` +
    `or choose --engine kind (needs Docker) or --engine kubeconfig --context NAME`;
  if (seen.code !== 0) throw new ClusterError("CLUSTER_HOST", `no Go toolchain in PATH; ${advice}`);
  const [major = 0, minor = 0] = seen.stdout.trim().replace(/^go/, "").split(".").map(Number);
  const [minMajor = 0, minMinor = 0] = GO_VERSION_MIN.split(".").map(Number);
  if (major < minMajor || (major === minMajor && minor < minMinor)) {
    throw new ClusterError("CLUSTER_HOST", `${seen.stdout.trim()} is too old; ${advice}`);
  }
}

async function build(
  runner: CommandRunner,
  say: Say,
  recipe: Recipe,
  folder: string,
): Promise<void> {
  const startedAt = performance.now();
  say(`building ${recipe.name} ${recipe.version} (once; cold: ${recipe.coldBuild})`);
  const scratch = `${folder}.part`;
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const env = { CGO_ENABLED: "0", GOFLAGS: "-mod=mod -trimpath -buildvcs=false", GOWORK: "off" };
  const upstream = await upstreamGoMod(runner, recipe, { cwd: scratch, env });
  writeFileSync(join(scratch, "go.mod"), renderGoMod(recipe, upstream));
  writeFileSync(join(scratch, "main.go"), recipe.main);
  const progress = compileProgress(say, recipe.name);
  try {
    await check(runner, ["go", "build", "-v", "-ldflags", recipe.ldflags, "-o", recipe.name, "."], {
      cwd: scratch,
      env,
      onStderr: progress.seen,
      timeoutMs: BUILD_DEADLINE_MS,
    });
  } finally {
    progress.stop();
  }
  for (const link of recipe.links) symlinkSync(recipe.name, join(scratch, link));
  renameSync(scratch, folder);
  say(`built ${recipe.name} in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}

async function upstreamGoMod(
  runner: CommandRunner,
  recipe: Recipe,
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<string> {
  if (recipe.module === undefined) return "";
  const wanted = `${recipe.module}@${recipe.version}`;
  const result = await check(runner, ["go", "mod", "download", "-json", wanted], {
    ...options,
    // Outside of any module; -mod would be refused.
    env: { ...options.env, GOFLAGS: "" },
  });
  const { GoMod: path } = JSON.parse(result.stdout) as { readonly GoMod?: string };
  if (path === undefined) {
    throw new ClusterError("CLUSTER_HOST", `the Go module proxy has no ${wanted}`);
  }
  return readFileSync(path, "utf8");
}

/** One line every 15 seconds, so that a long compilation does not look dead. */
function compileProgress(say: Say, name: string): { seen(chunk: string): void; stop(): void } {
  let packages = 0;
  let last = "";
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    say(`building ${name}: ${seconds} s, ${packages} packages compiled${last && `, ${last}`}`);
  }, 15_000);
  return {
    seen(chunk) {
      const lines = chunk.split("\n").filter((line) => line.trim() !== "");
      packages += lines.length;
      last = lines.at(-1)?.trim() ?? last;
    },
    stop: () => clearInterval(timer),
  };
}
