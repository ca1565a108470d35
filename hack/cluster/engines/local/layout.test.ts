// Addresses and names of local clusters: nothing may be shared between two slots.
import { expect, test } from "@jest/globals";
import {
  assertClusterName,
  chooseSlot,
  cidrsOverlap,
  clusterLayout,
  SLOT_COUNT,
} from "./layout.ts";
import { macAddress } from "./network.ts";

function layout(name: string, slot: number) {
  return clusterLayout({ name, slot, nodeCount: 3, base: "/state" });
}

test("the layout of a slot", () => {
  const { bridge, bridgeAddress, loopbackAddress, serviceAddress, nodes } = layout("dev", 2);
  expect({ bridge, bridgeAddress, loopbackAddress, serviceAddress, node: nodes[1] }).toEqual({
    bridge: "oaas2",
    bridgeAddress: "10.178.0.1",
    loopbackAddress: "127.77.2.1",
    serviceAddress: "10.178.128.1",
    node: {
      name: "node-2",
      netns: "oaas-dev-node-2",
      hostLink: "oaas2n2",
      address: "10.178.0.12",
      podCidr: "10.178.66.0/24",
      cgroup: "/oaas-dev/node-2",
      folder: "/state/dev/node-2",
    },
  });
});

test("no two slots share a network, a link, an address or a folder", () => {
  const layouts = Array.from({ length: SLOT_COUNT }, (_, slot) => layout(`c${slot}`, slot));
  const unique = (values: readonly string[]): void => {
    expect(new Set(values).size).toBe(values.length);
  };
  unique(layouts.flatMap((one) => [one.bridge, ...one.nodes.map((node) => node.hostLink)]));
  unique(layouts.flatMap((one) => [one.folder, ...one.nodes.map((node) => node.cgroup)]));
  unique(layouts.flatMap((one) => one.nodes.map((node) => node.netns)));
  unique(layouts.map((one) => one.loopbackAddress));
  const networks = layouts.flatMap((one) => [one.nodeCidr, one.podCidr, one.serviceCidr]);
  for (const [index, left] of networks.entries()) {
    for (const right of networks.slice(index + 1)) expect(cidrsOverlap(left, right)).toBe(false);
  }
});

test("link names fit into the kernel's 15 characters", () => {
  const links = clusterLayout({ name: "a", slot: 15, nodeCount: 32, base: "/" }).nodes;
  for (const node of links) expect(node.hostLink.length).toBeLessThanOrEqual(15);
});

test("pods of every node are inside the cluster's pod network, nodes and services are not", () => {
  const one = layout("dev", 0);
  for (const node of one.nodes) expect(cidrsOverlap(node.podCidr, one.podCidr)).toBe(true);
  expect(cidrsOverlap(one.nodeCidr, one.podCidr)).toBe(false);
  expect(cidrsOverlap(one.serviceCidr, one.podCidr)).toBe(false);
});

for (const [left, right, want] of [
  ["10.0.0.0/8", "10.176.0.0/16", true],
  ["10.176.0.0/16", "10.177.0.0/16", false],
  ["0.0.0.0/0", "10.1.2.3/32", true],
  ["192.168.0.1", "192.168.0.1/32", true],
  ["192.168.0.0/25", "192.168.0.128/25", false],
  ["255.255.255.255/32", "128.0.0.0/1", true],
] as const) {
  test(`${left} and ${right} ${want ? "overlap" : "do not overlap"}`, () => {
    expect(cidrsOverlap(left, right)).toBe(want);
    expect(cidrsOverlap(right, left)).toBe(want);
  });
}

for (const { name, taken, routes, want } of [
  { name: "the first of an empty machine", taken: [], routes: ["default"], want: 0 },
  { name: "the lowest that is free", taken: [0, 2], routes: [], want: 1 },
  { name: "not one that a route overlaps", taken: [], routes: ["10.176.4.0/24"], want: 1 },
  {
    name: "none where the host has all of 10/8",
    taken: [],
    routes: ["10.0.0.0/8"],
    want: undefined,
  },
  { name: "other words of a route list do not matter", taken: [], routes: ["local", ""], want: 0 },
]) {
  test(`chosen slot: ${name}`, () => {
    expect(chooseSlot(new Set(taken), routes)).toBe(want);
  });
}

for (const name of ["", "Dev", "1a", "a_b", "a-", "../x", "a".repeat(21)]) {
  test(`refused name: "${name}"`, () => {
    expect(() => assertClusterName(name)).toThrow("cluster name");
  });
}

test("hardware addresses are local, unicast and differ by slot and node", () => {
  expect(macAddress(3, 12)).toBe("02:6f:61:73:03:0c");
  expect(parseInt(macAddress(0, 1).slice(0, 2), 16) & 3).toBe(2);
});
