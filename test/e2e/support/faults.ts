// What breaks in a grid: processes, links and disks of the pods of a collection, by the nodes' own
// means. Whoever breaks a link or a disk mends it.
import type { AnyObject, Kube } from "./kube.ts";
import type { World } from "./world.ts";

/** Where a data pod runs and what it stores on. */
export interface Place {
  readonly pod: string;
  readonly node: string;
  /** Folder of its volume, on its node. */
  readonly folder: string;
  /** Claim of its volume. */
  readonly claim: string;
}

interface PodParts {
  readonly nodeName?: string;
  readonly volumes?: readonly {
    readonly persistentVolumeClaim?: { readonly claimName: string };
  }[];
}

/** The data pods of a collection by ordinal, each with its place. */
export async function placesOf(kube: Kube, selector: string): Promise<readonly Place[]> {
  const pods = [...(await kube.list("pods", selector))].sort((one, two) =>
    one.metadata.name.localeCompare(two.metadata.name, "en", { numeric: true }),
  );
  const claims = await kube.list("persistentvolumeclaims", selector);
  const volumes = await kube.list("persistentvolumes");
  return pods.map((pod) => {
    const { nodeName: node = "", volumes: mounts = [] } = (pod.spec ?? {}) as PodParts;
    const claim = mounts.find((one) => one.persistentVolumeClaim)?.persistentVolumeClaim?.claimName;
    const volumeName = named(claims, claim ?? "").spec?.["volumeName"];
    const { local } = named(volumes, String(volumeName)).spec as { local?: { path: string } };
    if (claim === undefined || local === undefined)
      throw new Error(`no disk: ${pod.metadata.name}`);
    return { pod: pod.metadata.name, node, folder: local.path, claim };
  });
}

function named(list: readonly AnyObject[], name: string): AnyObject {
  const found = list.find((one) => one.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

/** Runs a program on a node; throws with its words if it fails. */
export async function onNode(
  world: World,
  node: string,
  ...argv: readonly string[]
): Promise<string> {
  const { code, stdout, stderr } = await world.cluster.node(node).exec(argv);
  if (code !== 0) throw new Error(`${argv.join(" ")} on ${node}: ${code} ${stderr}`);
  return stdout;
}

/** Container of a pod that runs, as containerd names it. */
async function containerOf({ kube }: World, pod: string): Promise<string | undefined> {
  const statuses = (await kube.get("pod", pod))?.status?.["containerStatuses"] as
    readonly { readonly containerID?: string; readonly state?: object }[] | undefined;
  const [first] = statuses ?? [];
  if (first?.state === undefined || !("running" in first.state)) return undefined;
  return first.containerID?.replace("containerd://", "");
}

/** Ends the process of a pod's first container at once, as a crash does. */
export async function killProcess(world: World, { pod, node }: Place): Promise<void> {
  const id = await containerOf(world, pod);
  if (id === undefined) throw new Error(`${pod} does not run`);
  await onNode(world, node, "ctr", "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", id);
}

/**
 * A node hears nothing of what other nodes and their pods send; what it sends arrives, and it
 * and the host (clients, API server) hear each other. Ends with {@link hear}.
 */
export async function deafen(world: World, node: string): Promise<void> {
  await onNode(world, node, ...(await deafness(world, node, "-A")));
}

/** The end of {@link deafen}. */
export async function hear(world: World, node: string): Promise<void> {
  await onNode(world, node, ...(await deafness(world, node, "-D")));
}

async function deafness(world: World, node: string, verb: "-A" | "-D"): Promise<readonly string[]> {
  const route = await onNode(world, node, "ip", "route", "show", "default");
  const host = /via (\S+)/.exec(route)?.[1];
  if (host === undefined) throw new Error(`${node} has no way to the host: ${route}`);
  return `iptables -t raw ${verb} PREROUTING -i eth0 ! -s ${host} -j DROP`.split(" ");
}

const FOREIGN = "not-ours";

/** Fills a volume up to this percentage of its file system, 100 until nothing fits any more. */
export async function fillDisk(world: World, place: Place, percent: number): Promise<void> {
  const file = `${place.folder}/${FOREIGN}`;
  if (percent === 100) {
    // cat ends with an error when the disk is full, which is what is wanted.
    await onNode(world, place.node, "sh", "-c", `! cat /dev/zero >> ${file} 2> /dev/null`);
    return;
  }
  const table = await onNode(world, place.node, "df", "-k", "--output=size,used", place.folder);
  const [size = 0, used = 0] = (table.trim().split("\n")[1] ?? "").trim().split(/\s+/).map(Number);
  const missing = Math.ceil((size * percent) / 100) - used;
  await onNode(world, place.node, "fallocate", "-l", `${missing}KiB`, file);
}

/** The end of {@link fillDisk}. */
export async function freeDisk(world: World, { node, folder }: Place): Promise<void> {
  await onNode(world, node, "rm", "-f", `${folder}/${FOREIGN}`);
}

/** Removes everything from a volume, as if an empty disk stood in the place of the old one. */
export async function emptyDisk(world: World, { node, folder }: Place): Promise<void> {
  await onNode(world, node, "find", folder, "-mindepth", "1", "-delete");
}

/** Gives an image of the nodes another name, which is another image to Kubernetes. */
export async function renameImage(world: World, from: string, to: string): Promise<void> {
  for (const node of world.cluster.nodes) {
    await onNode(world, node, "ctr", "-n", "k8s.io", "images", "tag", "--force", from, to);
  }
}
