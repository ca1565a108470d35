// A collection of Raft groups under clients outside of the cluster: a pod dies, a node stops and comes
// back, members are added and taken away by kubectl scale, the pods are rolled. One history explains
// every answer, and nothing that was acknowledged is missing. grid.test.ts is the full form.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { Collection } from "./support/collection.ts";
import { condition, eventually } from "./support/kube.ts";
import { Traffic } from "./support/traffic.ts";
import type { World } from "./support/world.ts";
import { gatewayOnEveryNode, oneGatewayLess, openWorld } from "./support/world.ts";

const CLASS = "agreed.Note";
const ODGM = "app.kubernetes.io/component=odgm";
const PARTITIONS = 2;

let world: World;
let notes: Collection;
let traffic: Traffic;

const pods = () => world.kube.list("pods", ODGM);

/** At once, not when the file is over. */
function tell(what: string): void {
  const silences = traffic.takeSilences().join(", ");
  const codes = traffic.takeCodes().join(", ") || "none";
  process.stderr.write(`raft: ${what}: ${silences} ms without a write; other answers: ${codes}\n`);
}

beforeAll(async () => {
  world = await openWorld("e2e-raft");
  notes = new Collection(world, "notes");
  await notes.apply({
    collection: CLASS,
    partitions: PARTITIONS,
    shardType: "Raft",
    replicas: 3,
    nodes: 3,
    resolvedClass: { consistency: "Strong" },
    placement: { spread: "Hard" },
    storage: { size: "128Mi" },
    deletionPolicy: "Delete",
  });
  await notes.whole(180_000, 3);
  const addresses = await gatewayOnEveryNode(world);
  traffic = new Traffic({ cls: CLASS, partitions: PARTITIONS, addresses });
  await traffic.everywhere();
}, 600_000);

afterAll(async () => {
  await traffic.stop();
  await oneGatewayLess(world);
  await world.kube.run("delete", "odgmcollections", "--all", "--timeout=120s");
  await world.dispose();
}, 300_000);

describe("a collection of Raft groups, under load", () => {
  it("says who leads and that every partition has its three replicas", async () => {
    const found = await notes.get();
    expect(found.status).toMatchObject({
      partitions: { total: 2, serving: 2 },
      leadersBalanced: true,
    });
    expect(condition(found, "FullyReplicated")?.message).toBe("every partition has its 3 replicas");
  });

  it("goes on when a pod dies", async () => {
    const [pod] = await pods();
    await world.kube.run("delete", "pod", `${pod?.metadata.name}`, "--grace-period=0", "--force");
    await traffic.everywhere();
    tell("a pod died");
    await notes.whole(60_000, 3);
  });

  it("goes on when a node stops, and takes it back", async () => {
    const leading = (await pods()).at(1)?.spec?.["nodeName"];
    const node = world.cluster.node(String(leading));
    await node.stop();
    try {
      await traffic.everywhere();
      tell("a node stopped");
    } finally {
      await node.start();
    }
    await notes.whole(120_000, 3);
  });

  it("is scaled up and down by kubectl scale; the claim of who left is gone", async () => {
    await world.kube.run("scale", "odgm", "notes", "--replicas=4");
    await notes.whole(90_000, 4);
    await world.kube.run("scale", "odgm", "notes", "--replicas=3");
    await notes.whole(90_000, 3);
    await eventually("three claims", 30_000, async () => {
      const claims = await world.kube.list("persistentvolumeclaims", ODGM);
      return claims.length === 3 ? true : undefined;
    });
    tell("scaled");
  });

  it("is rolled pod by pod, and calls go on", async () => {
    const before = new Set((await pods()).map((pod) => pod.metadata.uid));
    const resources = { requests: { cpu: "40m", memory: "128Mi" }, limits: { memory: "512Mi" } };
    await world.kube.patch("odgmcollection", "notes", { spec: { resources } });
    await eventually("other pods", 120_000, async () => {
      const now = await pods();
      const isOther = now.length === 3 && now.every((pod) => !before.has(pod.metadata.uid));
      return isOther ? true : undefined;
    });
    await notes.whole(60_000, 3);
    tell("rolled");
  });

  it("has one history, in which nothing that was acknowledged is missing", async () => {
    await traffic.stop();
    await traffic.check();
    process.stderr.write(`raft: ${traffic.summary()}\n`);
    expect(traffic.acknowledged).toBeGreaterThan(300);
  });
});
