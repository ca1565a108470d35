// Raft groups on three nodes with clients outside of the cluster, as tests of agreement begin and end.
import { Collection } from "./collection.ts";
import { Traffic } from "./traffic.ts";
import type { World } from "./world.ts";
import { gatewayOnEveryNode, oneGatewayLess, openWorld } from "./world.ts";

/** A Strong collection of three replicas a partition, hard-spread, and the load on it. */
export interface Agreed {
  readonly world: World;
  readonly collection: Collection;
  readonly traffic: Traffic;
  /** Ends the load, and removes all of it. */
  close(): Promise<void>;
}

/** Everything is whole, and every partition has been written to. */
export async function openAgreed(options: {
  readonly namespace: string;
  readonly name: string;
  readonly cls: string;
  readonly partitions: number;
}): Promise<Agreed> {
  const { namespace, name, cls, partitions } = options;
  const world = await openWorld(namespace);
  const collection = new Collection(world, name);
  await collection.apply({
    collection: cls,
    partitions,
    shardType: "Raft",
    replicas: 3,
    nodes: 3,
    resolvedClass: { consistency: "Strong" },
    placement: { spread: "Hard" },
    storage: { size: "128Mi" },
    deletionPolicy: "Delete",
  });
  await collection.whole(180_000, 3);
  const traffic = new Traffic({ cls, partitions, addresses: await gatewayOnEveryNode(world) });
  await traffic.everywhere();
  const close = async (): Promise<void> => {
    await traffic.stop();
    await oneGatewayLess(world);
    await world.kube.run("delete", "odgmcollections", "--all", "--timeout=120s");
    await world.dispose();
  };
  return { world, collection, traffic, close };
}
