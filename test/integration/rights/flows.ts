// What users do, once through everything that makes the operators act on the API server.
import type { Reported, World } from "./world.ts";
import { eventually } from "./world.ts";

const OAAS = "oaas.io/v1alpha1";
const RAWSTOR = "rawstor.io/v1alpha1";

/** How much of a package there is. */
export interface PackageShape {
  readonly name: string;
  readonly functions: readonly string[];
  readonly template: "Dev" | "Cloud";
  /** Without it nothing is deployed. */
  readonly deployed: boolean;
  readonly dependencies?: readonly string[];
  readonly deletionPolicy?: "Retain" | "Delete";
}

/** A package with one class. */
export function packageOf(shape: PackageShape, namespace: string): object {
  const { name, functions, template, deployed, dependencies = [], deletionPolicy } = shape;
  const image = "example/fn:1";
  const members = [{ id: 1, environment: "default", template }];
  const policy = deletionPolicy ?? "Delete";
  return {
    apiVersion: OAAS,
    kind: "OPackage",
    metadata: { name, namespace },
    spec: {
      version: "1.0",
      ...(dependencies.length === 0
        ? {}
        : { dependencies: dependencies.map((dependency) => ({ name: dependency })) }),
      classes: [{ name: "Counter", functions: functions.map((one) => ({ name: one })) }],
      functions: functions.map((one) => ({ name: one, provision: { deployment: { image } } })),
      deployments: deployed
        ? [{ name: "counter", class: "Counter", members, partitions: 2, deletionPolicy: policy }]
        : [],
    },
  };
}

/** Waits until a kind has so many objects. */
async function untilCount(world: World, kind: string, namespace: string, count: number) {
  await eventually(`${count} ${kind} in ${namespace}`, async () => {
    return (await world.list(kind, namespace)).length === count;
  });
}

/** Packages come, shrink, depend on each other, and go. */
export async function packages(world: World, namespace: string): Promise<void> {
  const full = { name: "a", functions: ["f", "g"], template: "Cloud", deployed: true } as const;
  await world.apply(packageOf(full, namespace));
  await untilCount(world, "deployments", namespace, 2);
  await untilCount(world, "horizontalpodautoscalers", namespace, 2);
  await untilCount(world, "statefulsets", namespace, 1);
  await eventually("the collection's certificate is there", async () => {
    const secrets = await world.list("secrets", namespace);
    return secrets.some(({ metadata }) => metadata.name.endsWith("-tls"));
  });
  // Autoscalers and budgets go with the template; one function goes with all it has.
  await world.apply(packageOf({ ...full, functions: ["f"], template: "Dev" }, namespace));
  await untilCount(world, "deployments", namespace, 1);
  await untilCount(world, "horizontalpodautoscalers", namespace, 0);
  await world.apply(packageOf({ ...full, deployed: false }, namespace));
  await untilCount(world, "classruntimes", namespace, 0);
  await world.cluster.kubectl(["delete", "opackage", full.name, "-n", namespace]);
}

/** One package holds another. */
export async function dependencies(world: World, namespace: string): Promise<void> {
  const held = { name: "base", functions: ["f"], template: "Dev", deployed: false } as const;
  await world.apply(packageOf(held, namespace));
  await world.apply(packageOf({ ...held, name: "user", dependencies: ["base"] }, namespace));
  await eventually("the package is held", async () => {
    const base = await world.get("opackage", "base", namespace);
    return ((base?.metadata["finalizers"] ?? []) as readonly string[]).length > 0;
  });
  await world.cluster.kubectl(["delete", "opackage", "base", "-n", namespace, "--wait=false"]);
  await world.cluster.kubectl(["delete", "opackage", "user", "-n", namespace]);
  await eventually("both are gone", async () => {
    const left = (await world.list("opackages", namespace)).map(({ metadata }) => metadata.name);
    return !left.includes("base") && !left.includes("user");
  });
}

/** Somebody takes the label off a child: it is found by its name and taken back. */
export async function lostLabel(world: World, namespace: string): Promise<void> {
  const name = "lost";
  const shape = { name, functions: ["f"], template: "Dev", deployed: true } as const;
  await world.apply(packageOf(shape, namespace));
  const child = await eventually("it has an account", async () => {
    const accounts = await world.list("serviceaccounts", namespace);
    return accounts.find(({ metadata }) => metadata.name.startsWith(name));
  });
  const at = ["serviceaccount", child.metadata.name, "-n", namespace];
  await world.cluster.kubectl(["label", ...at, "oaas.io/owner-uid-"]);
  await eventually("the label is back", async () => {
    const live = await world.get("serviceaccount", child.metadata.name, namespace);
    const labels = live?.metadata["labels"] as Readonly<Record<string, string>> | undefined;
    return labels?.["oaas.io/owner-uid"] !== undefined;
  });
  await world.cluster.kubectl(["delete", "opackage", name, "-n", namespace]);
}

async function untilReason(
  world: World,
  kind: string,
  at: { readonly name: string; readonly namespace: string },
  type: string,
): Promise<void> {
  await eventually(`${kind} ${at.name} is ${type}`, async () => {
    const live = await world.get<Reported>(kind, at.name, at.namespace);
    return live?.status?.conditions?.some((one) => one.type === type && one.status === "True");
  });
}

/** A volume behind a member's claim is kept. */
export async function keptVolume(world: World, namespace: string): Promise<void> {
  const shape = { name: "kept", functions: ["f"], template: "Dev", deployed: true } as const;
  await world.apply(packageOf({ ...shape, deletionPolicy: "Retain" }, namespace));
  const claim = await eventually("the member has a claim", async () => {
    const claims = await world.list("persistentvolumeclaims", namespace);
    return claims.find(({ metadata }) => metadata.name.includes("kept"));
  });
  const { accessModes, resources, storageClassName } = claim["spec"] as {
    readonly accessModes: readonly string[];
    readonly resources: { readonly requests: { readonly storage: string } };
    readonly storageClassName?: string;
  };
  await world.apply({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "kept" },
    spec: {
      capacity: resources.requests,
      accessModes,
      persistentVolumeReclaimPolicy: "Delete",
      storageClassName: storageClassName ?? "",
      hostPath: { path: "/nowhere" },
      claimRef: { namespace, name: claim.metadata.name },
    },
  });
  await eventually("the volume is kept", async () => {
    const [volume] = await world.list<{
      readonly spec: { readonly persistentVolumeReclaimPolicy: string };
    }>("persistentvolumes");
    return volume?.spec.persistentVolumeReclaimPolicy === "Retain";
  });
  await world.cluster.kubectl(["delete", "opackage", "kept", "-n", namespace]);
}

/** A target comes and goes; a volume is refused by name. */
export async function storage(world: World, namespace: string): Promise<void> {
  await world.apply({ apiVersion: "v1", kind: "Node", metadata: { name: "node-1" } });
  await world.apply({
    apiVersion: RAWSTOR,
    kind: "OstTarget",
    metadata: { name: "one" },
    spec: { nodeName: "node-1", path: "/var/lib/rawstor/disks/one", capacity: "1Gi" },
  });
  await untilCount(world, "statefulsets", "rawstor-system", 1);
  await world.apply({
    apiVersion: RAWSTOR,
    kind: "RawstorVolume",
    metadata: { name: "v", namespace },
    spec: { size: "1Gi", deletionPolicy: "Delete" },
  });
  await untilReason(world, "rawstorvolume", { name: "v", namespace }, "Stalled");
  await world.cluster.kubectl(["delete", "osttarget", "one"]);
}
