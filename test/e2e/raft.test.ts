// A collection of Raft groups under clients outside of the cluster: a pod dies, a node stops and comes
// back, members are added and taken away by kubectl scale, the pods are rolled. One history explains
// every answer, and nothing that was acknowledged is missing. grid.test.ts is the full form.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import type { Agreed } from "./support/agreed.ts";
import { openAgreed } from "./support/agreed.ts";
import type { Collection } from "./support/collection.ts";
import { condition, eventually } from "./support/kube.ts";
import type { Traffic } from "./support/traffic.ts";
import type { World } from "./support/world.ts";

const CLASS = "agreed.Note";
const ODGM = "app.kubernetes.io/component=odgm";
const PARTITIONS = 2;

let agreed: Agreed;
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
  agreed = await openAgreed({
    namespace: "e2e-raft",
    name: "notes",
    cls: CLASS,
    partitions: PARTITIONS,
  });
  ({ world, collection: notes, traffic } = agreed);
}, 600_000);

afterAll(() => agreed.close(), 300_000);

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
