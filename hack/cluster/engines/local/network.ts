// Cables and switches: one Linux bridge per cluster, one network namespace per node, routes so that
// pods of all nodes, and the host, reach each other without masquerade. The host's own forwarding,
// firewall and other routes stay as they are.
import { existsSync } from "node:fs";
import { check } from "../../run.ts";
import type { CommandRunner } from "../../run.ts";
import type { ClusterLayout, NodeLayout } from "./layout.ts";

/** Makes the bridge with the host's address on it. */
export async function createBridge(runner: CommandRunner, layout: ClusterLayout): Promise<void> {
  await ipBatch(runner, [
    // Without an address of its own a bridge takes that of a port, and loses it with the port:
    // every other node would go on talking to the old one until its neighbour table times out.
    `link add ${layout.bridge} address ${macAddress(layout.slot, 1)} type bridge`,
    `addr add ${layout.bridgeAddress}/24 dev ${layout.bridge}`,
    `link set ${layout.bridge} up`,
  ]);
}

/** Makes the namespace of a node, its cable and its routes, and the host's route to its pods. */
export async function createNodeNetwork(
  runner: CommandRunner,
  layout: ClusterLayout,
  node: NodeLayout,
): Promise<void> {
  // The same after every power-off, for the same reason.
  const mac = macAddress(layout.slot, Number(node.address.split(".")[3]));
  await check(runner, ["ip", "netns", "add", node.netns]);
  await ipBatch(runner, [
    `link add ${node.hostLink} type veth peer name eth0 address ${mac} netns ${node.netns}`,
    `link set ${node.hostLink} master ${layout.bridge} up`,
    `route replace ${node.podCidr} via ${node.address} dev ${layout.bridge}`,
  ]);
  const others = layout.nodes.filter((other) => other.name !== node.name);
  await ipBatch(
    runner,
    [
      "link set lo up",
      `addr add ${node.address}/24 dev eth0`,
      "link set eth0 up",
      `route add default via ${layout.bridgeAddress}`,
      ...others.map((other) => `route add ${other.podCidr} via ${other.address}`),
    ],
    node.netns,
  );
}

/** Removes the namespace of a node and its cable, if there. */
export async function removeNodeNetwork(
  runner: CommandRunner,
  node: Pick<NodeLayout, "netns" | "hostLink">,
): Promise<void> {
  if (existsSync(`/sys/class/net/${node.hostLink}`)) {
    await check(runner, ["ip", "link", "del", node.hostLink]);
  }
  if (existsSync(`/run/netns/${node.netns}`)) {
    await check(runner, ["ip", "netns", "del", node.netns]);
  }
}

/** Removes the bridge and with it all of the host's routes into the cluster, if there. */
export async function removeBridge(runner: CommandRunner, layout: ClusterLayout): Promise<void> {
  if (!existsSync(`/sys/class/net/${layout.bridge}`)) return;
  await check(runner, ["ip", "link", "del", layout.bridge]);
}

/** Plugs or unplugs the cable of a node at the host's end. */
export async function setCable(
  runner: CommandRunner,
  node: NodeLayout,
  state: "up" | "down",
): Promise<void> {
  await check(runner, ["ip", "link", "set", node.hostLink, state]);
}

/** Routes Service addresses of the host over these nodes; without any, they are unreachable. */
export async function routeServices(
  runner: CommandRunner,
  layout: ClusterLayout,
  nodes: readonly NodeLayout[],
): Promise<void> {
  if (nodes.length === 0) {
    await check(runner, ["ip", "route", "replace", "unreachable", layout.serviceCidr]);
    return;
  }
  // A route of another type is another route; replace would leave it beside the new one.
  await runner.run(["ip", "route", "del", "unreachable", layout.serviceCidr]);
  const hops = nodes.flatMap((node) => ["nexthop", "via", node.address, "dev", layout.bridge]);
  await check(runner, ["ip", "route", "replace", layout.serviceCidr, ...hops]);
}

/** Removes the one route that does not vanish with the bridge. */
export async function removeServiceRoute(
  runner: CommandRunner,
  layout: ClusterLayout,
): Promise<void> {
  await runner.run(["ip", "route", "del", "unreachable", layout.serviceCidr]);
}

/** A locally administered address that no other port of any cluster of this host has. */
export function macAddress(slot: number, number: number): string {
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  return `02:6f:61:73:${hex(slot)}:${hex(number)}`;
}

async function ipBatch(
  runner: CommandRunner,
  lines: readonly string[],
  netns?: string,
): Promise<void> {
  const where = netns === undefined ? [] : ["-n", netns];
  await check(runner, ["ip", ...where, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
