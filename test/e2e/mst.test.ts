// A class that merges: two replicas that both take writes; one after the other dies under load.
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { condition, eventually, waitCondition } from "./support/kube.ts";
import type { World } from "./support/world.ts";
import { openWorld } from "./support/world.ts";

const CLASS = "merging.Note";
const ODGM = "app.kubernetes.io/component=odgm";
let world: World;

const PACKAGE = JSON.stringify({
  apiVersion: "oaas.io/v1alpha1",
  kind: "OPackage",
  metadata: { name: "merging" },
  spec: {
    version: "1.0.0",
    classes: [
      {
        name: "Note",
        consistency: "None",
        storage: { size: "128Mi" },
        keys: [{ name: "count", type: "Counter" }],
      },
    ],
    deployments: [
      { name: "main", class: "Note", partitions: 2, replicas: 2, deletionPolicy: "Delete" },
    ],
  },
});

beforeAll(async () => {
  world = await openWorld("e2e-mst");
  await world.kube.apply(PACKAGE);
  const ready = { type: "Ready", status: "True" };
  await waitCondition(world.kube, { kind: "opackage", name: "merging" }, ready, 180_000);
}, 600_000);

afterAll(async () => {
  await world.dispose();
}, 300_000);

async function collection() {
  const [found] = await world.kube.list("odgmcollections");
  if (found === undefined) throw new Error("there is no collection");
  return found;
}

describe("a class without consistency and with two replicas", () => {
  it("is planned as Mst with a pod for each, and says so", async () => {
    const odgm = await collection();
    expect(odgm.spec).toMatchObject({ shardType: "Mst", replicas: 2 });
    // It serves before its replicas have heard each other for the first time.
    const whole = await eventually("replicas that have heard each other", 30_000, async () => {
      const found = condition(await collection(), "FullyReplicated");
      return found?.status === "True" ? found : undefined;
    });
    expect(whole.message).toBe("every partition has its 2 replicas");
    const nodes = (await world.kube.list("pods", ODGM)).map((pod) => pod.spec?.["nodeName"]);
    expect(new Set(nodes).size).toBe(2);
  });

  it("keeps every acknowledged write while its pods are killed one after the other", async () => {
    const acknowledged: string[] = [];
    const refused: string[] = [];
    let isOver = false;
    const writer = async (): Promise<void> => {
      for (let at = 0; !isOver; at += 1) {
        const answer = await world.gateway.put(CLASS, `note-${at}`, { text: `t${at}`, count: "1" });
        if (answer.status === 200) acknowledged.push(`note-${at}`);
        else refused.push(`${answer.status} ${answer.text.slice(0, 200)}`);
        await delay(10);
      }
    };
    const writing = writer();
    for (const pod of await world.kube.list("pods", ODGM)) {
      const before = acknowledged.length;
      await world.kube.run("delete", "pod", pod.metadata.name, "--grace-period=0", "--force");
      // The other replica takes over: writes go on before the pod is back.
      await eventually("writes go on", 60_000, () =>
        Promise.resolve(acknowledged.length > before + 20 ? true : undefined),
      );
      await eventually("every replica is back", 120_000, async () => {
        const whole = condition(await collection(), "FullyReplicated");
        return whole?.status === "True" ? true : undefined;
      });
    }
    isOver = true;
    await writing;
    console.log(`${acknowledged.length} writes acknowledged, ${refused.length} refused`);
    // None promises that replicas become equal, not when: what a replica acknowledged alone just
    // before it died comes to the other one when it is back.
    for (const id of acknowledged) {
      const written = { text: id.replace("note-", "t"), count: "1" };
      await eventually(`${id} is as it was written, wherever it is read`, 10_000, async () => {
        const entries = await world.gateway.entries(CLASS, id);
        return isDeepStrictEqual(entries, written) ? true : undefined;
      });
    }
  }, 400_000);
});
