// Looks at this machine for choice.ts, and fetches or builds the programs that it chose.
import { constants } from "node:fs";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";

import {
  binaries,
  cachesFolder,
  ensureBinaries,
  haveBinaries,
} from "#hack/cluster/build/binaries.ts";
import { check } from "#hack/cluster/run.ts";
import { hostRunner } from "#hack/cluster/run-host.ts";

import type { Command, HostFacts, ServiceSource } from "./choice.ts";
import { ServiceError, type ServiceName } from "./model.ts";
import { ZENOH_VERSION } from "./recipes.ts";

const COMMANDS: readonly Command[] = [
  ...(["go", "cargo", "apt-get", "dpkg-deb", "etcd", "prometheus", "zenohd"] as const),
];
const PACKAGE_DEADLINE_MS = 180_000;
const CRATE_DEADLINE_MS = 3_600_000;

/** What chooseSource needs to know. */
export async function observeHost(allowLongBuild: boolean): Promise<HostFacts> {
  const found = await Promise.all(
    COMMANDS.map(async (name) => [name, await inPath(name)] as const),
  );
  const commands = found.filter(([, path]) => path !== undefined).map(([name]) => name);
  const docker = await hostRunner.run(["docker", "info"], { timeoutMs: 10_000 });
  const cached = new Set<ServiceName>();
  if (haveBinaries(["etcd"])) cached.add("etcd");
  if (await isExecutable(prometheusPath())) cached.add("prometheus");
  if (await isExecutable(zenohPath())) cached.add("zenoh");
  return { dockerRuns: docker.code === 0, commands: new Set(commands), cached, allowLongBuild };
}

/** Absolute path of the program; fetched or built into the caches folder where the source says so. */
export async function provideProgram(
  name: ServiceName,
  source: Exclude<ServiceSource, { kind: "container" | "unavailable" }>,
  say: (line: string) => void,
): Promise<string> {
  switch (source.kind) {
    case "in-path":
      return (await inPath(source.command)) ?? missing(source.command);
    case "go-module":
      await ensureBinaries(hostRunner, say, ["etcd"]);
      return cachedPath(name);
    case "debian-package":
      say("fetching the Debian package prometheus");
      await unpackPrometheus();
      return cachedPath(name);
    case "crate":
      say(`building zenohd ${ZENOH_VERSION}, which takes many minutes`);
      await buildZenoh();
      return cachedPath(name);
    case "cached":
      return cachedPath(name);
  }
}

function cachedPath(name: ServiceName): string {
  switch (name) {
    case "etcd":
      return binaries().path("etcd");
    case "prometheus":
      return prometheusPath();
    case "zenoh":
      return zenohPath();
  }
}

function prometheusPath(): string {
  return join(cachesFolder(), `prometheus-debian-${process.arch}`, "usr", "bin", "prometheus");
}

function zenohPath(): string {
  return join(cachesFolder(), `zenohd-${ZENOH_VERSION}-${process.arch}`, "bin", "zenohd");
}

/** Unpacks the package without installing it: no daemon is started, and no root is needed. */
async function unpackPrometheus(): Promise<void> {
  const folder = join(cachesFolder(), `prometheus-debian-${process.arch}`);
  await mkdir(cachesFolder(), { recursive: true });
  const scratch = await mkdtemp(`${folder}.part-`);
  try {
    await check(
      hostRunner,
      ["apt-get", "download", "-o", "APT::Sandbox::User=root", "prometheus"],
      {
        cwd: scratch,
        timeoutMs: PACKAGE_DEADLINE_MS,
      },
    );
    const archive = (await readdir(scratch)).find((file) => file.endsWith(".deb"));
    if (archive === undefined) throw new ServiceError("apt-get downloaded no prometheus");
    const unpacked = join(scratch, "unpacked");
    await check(hostRunner, ["dpkg-deb", "-x", join(scratch, archive), unpacked]);
    await renameUnlessThere(unpacked, folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function buildZenoh(): Promise<void> {
  const folder = join(cachesFolder(), `zenohd-${ZENOH_VERSION}-${process.arch}`);
  await mkdir(cachesFolder(), { recursive: true });
  const scratch = await mkdtemp(`${folder}.part-`);
  try {
    const options = ["--locked", "--version", ZENOH_VERSION, "--root", join(scratch, "root")];
    await check(hostRunner, ["cargo", "install", ...options, "zenohd"], {
      cwd: scratch,
      env: { CARGO_TARGET_DIR: join(scratch, "target") },
      timeoutMs: CRATE_DEADLINE_MS,
    });
    await renameUnlessThere(join(scratch, "root"), folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Two tests may fetch the same program at once; the first one to finish wins. */
async function renameUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw cause;
  }
}

async function inPath(command: Command): Promise<string | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, command);
    if (folder !== "" && (await isExecutable(path))) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function missing(command: Command): never {
  throw new ServiceError(`${command} left PATH`);
}
