// Bad environments, runtimes and collections.
import type { Refusal } from "./row.ts";

const runtime = { class: "shop.Cart" };
const collection = { collection: "shop.Cart" };

/** Bad environments. */
export const environmentRefusals: readonly Refusal[] = [
  { name: "an unknown field", spec: { cluster: "a" }, field: "spec.cluster" },
  { name: "an unknown tier", spec: { tier: "edge" }, field: "spec.tier" },
  { name: "a region that is no name", spec: { region: "eu north" }, field: "spec.region" },
  { name: "a zone that is no name", spec: { zone: "" }, field: "spec.zone" },
  {
    name: "a selector whose value is no label",
    spec: { nodeSelector: { pool: "a b" } },
    field: "spec.nodeSelector.pool",
  },
  {
    name: "this cluster and another",
    spec: { nodeSelector: { a: "b" }, kubeconfigSecretRef: { name: "k" } },
    field: "spec.kubeconfigSecretRef",
  },
  {
    name: "a Secret without a name",
    spec: { kubeconfigSecretRef: {} },
    field: "spec.kubeconfigSecretRef.name",
  },
  {
    name: "a Secret of another namespace",
    spec: { kubeconfigSecretRef: { name: "k", namespace: "kube-system" } },
    field: "spec.kubeconfigSecretRef.namespace",
  },
  {
    name: "a remote namespace without another cluster",
    spec: { remoteNamespace: "a" },
    field: "spec.remoteNamespace",
  },
  {
    name: "a gateway without a port",
    spec: { gatewayAddress: "g.example.com" },
    field: "spec.gatewayAddress",
  },
  {
    name: "a peer address with a scheme",
    spec: { peerAddress: "tcp/p:1" },
    field: "spec.peerAddress",
  },
  {
    name: "a Prometheus that is no URL",
    spec: { prometheusUrl: "prom:9090" },
    field: "spec.prometheusUrl",
  },
  { name: "an unknown template", spec: { defaultTemplate: "Full" }, field: "spec.defaultTemplate" },
  { name: "availability above 1", spec: { availability: "1.1" }, field: "spec.availability" },
  { name: "text for a boolean", spec: { cordoned: "yes" }, field: "spec.cordoned" },
];

/** Bad runtimes. */
export const classRuntimeRefusals: readonly Refusal[] = [
  { name: "no class", spec: {}, field: "spec.class" },
  { name: "a class without a package", spec: { class: "Cart" }, field: "spec.class" },
  { name: "an unknown field", spec: { ...runtime, nfr: {} }, field: "spec.nfr" },
  {
    name: "an environment that is no name",
    spec: { ...runtime, environment: "A_B" },
    field: "spec.environment",
  },
  {
    name: "an unknown template",
    spec: { ...runtime, templateHint: "full" },
    field: "spec.templateHint",
  },
  { name: "an unknown addon", spec: { ...runtime, addons: ["odgm"] }, field: "spec.addons[0]" },
  {
    name: "data without the addon",
    spec: { ...runtime, addons: [], collection: { partitions: 2 } },
    field: "spec.addons",
  },
  {
    name: "a bad function",
    spec: { ...runtime, functions: [{ name: "f" }] },
    field: "spec.functions[0].provision",
  },
  {
    name: "an unknown state type",
    spec: { ...runtime, resolvedClass: { stateType: "Map" } },
    field: "spec.resolvedClass.stateType",
  },
  {
    name: "a bad class",
    spec: { ...runtime, resolvedClass: { consistency: "BoundedStaleness" } },
    field: "spec.resolvedClass.stalenessBoundSeconds",
  },
  {
    name: "Basic with replicas",
    spec: { ...runtime, collection: { replicas: 3 } },
    field: "spec.collection.replicas",
  },
  {
    name: "Raft that is not persistent",
    spec: {
      ...runtime,
      collection: { shardType: "Raft" },
      resolvedClass: { persistent: false },
    },
    field: "spec.collection.shardType",
  },
  {
    name: "too many replicas",
    spec: { ...runtime, collection: { shardType: "Raft", replicas: 11 } },
    field: "spec.collection.replicas",
  },
  {
    name: "a jurisdiction twice",
    spec: { ...runtime, constraints: { jurisdiction: ["eu", "eu"] } },
    field: "spec.constraints.jurisdiction[1]",
  },
  {
    name: "a budget that is no quantity",
    spec: { ...runtime, constraints: { budget: { cpu: "much" } } },
    field: "spec.constraints.budget.cpu",
  },
  {
    name: "a change of 0 percent",
    spec: { ...runtime, enforcement: { maxDeltaPercent: 0 } },
    field: "spec.enforcement.maxDeltaPercent",
  },
  {
    name: "an unknown log level",
    spec: { ...runtime, telemetry: { logLevel: "debug,h2=info" } },
    field: "spec.telemetry.logLevel",
  },
];

/** Bad collections. */
export const odgmCollectionRefusals: readonly Refusal[] = [
  { name: "no name", spec: {}, field: "spec.collection" },
  { name: "a name with a slash", spec: { collection: "a/b" }, field: "spec.collection" },
  {
    name: "upstream's field",
    spec: { ...collection, partition_count: 3 },
    field: "spec.partition_count",
  },
  { name: "text for a number", spec: { ...collection, partitions: "3" }, field: "spec.partitions" },
  { name: "no partitions", spec: { ...collection, partitions: 0 }, field: "spec.partitions" },
  { name: "Basic with replicas", spec: { ...collection, replicas: 2 }, field: "spec.replicas" },
  {
    name: "fewer nodes than replicas",
    spec: { ...collection, shardType: "Mst", replicas: 3, nodes: 2 },
    field: "spec.nodes",
  },
  {
    name: "an unknown shard type",
    spec: { ...collection, shardType: "single" },
    field: "spec.shardType",
  },
  {
    name: "an unknown partitioning",
    spec: { ...collection, partitioning: "Hash" },
    field: "spec.partitioning",
  },
  {
    name: "an option that is a number",
    spec: { ...collection, options: [{ name: "mst_sync_interval", value: 5000 }] },
    field: "spec.options[0].value",
  },
  {
    name: "an option twice",
    spec: {
      ...collection,
      options: [
        { name: "a", value: "1" },
        { name: "a", value: "2" },
      ],
    },
    field: "spec.options[1]",
  },
  {
    name: "assignments for some partitions",
    spec: { ...collection, partitions: 2, assignments: [{ owners: [0] }] },
    field: "spec.assignments",
  },
  {
    name: "an assignment without owners",
    spec: { ...collection, assignments: [{ owners: [] }] },
    field: "spec.assignments[0].owners",
  },
  {
    name: "a group of Basic data",
    spec: { ...collection, group: { members: [{ id: 1, environment: "a" }] } },
    field: "spec.group",
  },
  {
    name: "a member's address without a port",
    spec: {
      ...collection,
      shardType: "Mst",
      group: { members: [{ id: 1, environment: "a", address: "p.example.com" }] },
    },
    field: "spec.group.members[0].address",
  },
  {
    name: "Memory that is persistent",
    spec: { ...collection, storage: { provider: "Memory" } },
    field: "spec.storage.provider",
  },
  {
    name: "Raft that is not persistent",
    spec: { ...collection, shardType: "Raft", resolvedClass: { persistent: false } },
    field: "spec.shardType",
  },
  {
    name: "a route without an address",
    spec: { ...collection, routes: [{ name: "f" }] },
    field: "spec.routes[0].url",
  },
  {
    name: "a route that is no URL",
    spec: { ...collection, routes: [{ name: "f", url: "f.shop.svc" }] },
    field: "spec.routes[0].url",
  },
  {
    name: "an unknown spread",
    spec: { ...collection, placement: { spread: "Maybe" } },
    field: "spec.placement.spread",
  },
];
