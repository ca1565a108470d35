// Programs that come from the distribution, not from Go modules or npm. Missing ones are installed
// with apt where that is possible; everywhere else the message says what to install.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ClusterError, tail } from "../cluster/run.ts";
import type { CommandRunner } from "../cluster/run.ts";

/** One program that the host must have. */
export interface HostProgram {
  /** Name in PATH, or an absolute path of which one of several may exist. */
  readonly program: string;
  /** Places besides PATH where it may be. */
  readonly places?: readonly string[];
  /** Debian package that brings it. */
  readonly package: string;
  /** What it is for; part of the message when it cannot be had. */
  readonly purpose: string;
}

/** Folders in which CNI plugins are installed by distributions and by hand. */
export const CNI_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"] as const;

/** What the local cluster engine needs besides its own programs. */
export const CLUSTER_PROGRAMS: readonly HostProgram[] = [
  { program: "containerd", package: "containerd", purpose: "runs the pods" },
  { program: "ctr", package: "containerd", purpose: "loads images" },
  { program: "runc", package: "runc", purpose: "runs the containers" },
  {
    program: "bridge",
    places: CNI_FOLDERS.map((folder) => `${folder}/bridge`),
    package: "containernetworking-plugins",
    purpose: "connects the pods",
  },
  { program: "iptables", package: "iptables", purpose: "routes Services (kube-proxy)" },
  { program: "conntrack", package: "conntrack", purpose: "drops stale connections (kube-proxy)" },
  { program: "ip", package: "iproute2", purpose: "makes the nodes' networks" },
  { program: "nsenter", package: "util-linux", purpose: "enters a node" },
  { program: "losetup", package: "mount", purpose: "makes size-limited disks" },
  { program: "mkfs.ext4", package: "e2fsprogs", purpose: "formats the disks" },
  {
    program: "busybox",
    places: ["/usr/bin/busybox", "/bin/busybox"],
    package: "busybox-static",
    purpose: "is the image for debugging on the nodes",
  },
];

/** What tests need besides: the recorder of writes that rebuilds a disk after a power failure. */
export const TEST_PROGRAMS: readonly HostProgram[] = [
  { program: "strace", package: "strace", purpose: "records what a program writes" },
];

/** The programs of the list that are not installed. `exists` and `path` are arguments for tests. */
export function missingPrograms(
  wanted: readonly HostProgram[],
  exists: (path: string) => boolean,
  path: string,
): readonly HostProgram[] {
  const folders = [...path.split(delimiter), "/usr/sbin", "/sbin"];
  return wanted.filter((one) => {
    const places =
      one.program === "bridge" || one.program === "busybox"
        ? (one.places ?? [])
        : [...folders.map((folder) => join(folder, one.program)), ...(one.places ?? [])];
    return !places.some(exists);
  });
}

/** Guarantees that the programs are installed; uses apt as root, else throws with advice. */
export async function ensureHostPrograms(
  runner: CommandRunner,
  say: (line: string) => void,
  wanted: readonly HostProgram[] = CLUSTER_PROGRAMS,
): Promise<void> {
  const find = (): readonly HostProgram[] =>
    missingPrograms(wanted, existsSync, process.env["PATH"] ?? "");
  const missing = find();
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((one) => one.package))].sort();
  const listed = missing.map((one) => `${one.program} (${one.purpose})`).join(", ");
  const apt = await runner.run(["apt-get", "--version"]);
  const root = process.getuid?.() === 0;
  if (apt.code !== 0 || !root) {
    const why = root ? "there is no apt-get here" : "that needs root";
    throw new ClusterError(
      "CLUSTER_HOST",
      `missing: ${listed}. They are not installed for you because ${why}. ` +
        `On Debian or Ubuntu: apt-get install ${packages.join(" ")}; elsewhere the packages for ` +
        `the same purpose. Or choose --engine kind (needs Docker) or --engine kubeconfig.`,
    );
  }
  say(`installing Debian packages: ${packages.join(" ")}`);
  await install(runner, packages);
  const left = find();
  if (left.length === 0) return;
  const names = left.map((one) => one.program).join(", ");
  throw new ClusterError(
    "CLUSTER_HOST",
    `apt-get installed ${packages.join(" ")}, but these programs are still missing: ${names}`,
  );
}

async function install(runner: CommandRunner, packages: readonly string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  // Another apt may be at work; it is waited for instead of failing at once.
  const apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"];
  const argv = [...apt, "install", "-y", "--no-install-recommends", ...packages];
  const first = await runner.run(argv, { env });
  if (first.code === 0) return;
  // Package lists are absent or old on a fresh machine.
  const update = await runner.run([...apt, "update"], { env });
  const second = await runner.run(argv, { env });
  if (second.code === 0) return;
  const said = [update, second].map((result) => tail(result.stderr)).join("\n");
  throw new ClusterError("CLUSTER_HOST", `apt-get install ${packages.join(" ")} failed:\n${said}`);
}
