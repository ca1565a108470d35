// A collection of Raft groups under a write load from outside, changed by nothing but its spec: pods
// die, nodes are added and taken away by kubectl scale, the pods are rolled. Nothing that was
// acknowledged is lost. Two nodes carry three pods; what one node less does is not tested here.
import { setTimeout as delay } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import type { AnyObject } from "./support/kube.ts";
import { condition, eventually } from "./support/kube.ts";
import type { World } from "./support/world.ts";
import { openWorld } from "./support/world.ts";

const CLASS = "agreed.Note";
const ODGM = "app.kubernetes.io/component=odgm";
const WRITERS = 4;

const COLLECTION = JSON.stringify({
  apiVersion: "oaas.io/v1alpha1",
  kind: "OdgmCollection",
  metadata: { name: "notes" },
  spec: {
    collection: CLASS,
    partitions: 2,
    shardType: "Raft",
    replicas: 3,
    nodes: 3,
    resolvedClass: { consistency: "Strong" },
    storage: { size: "128Mi" },
    deletionPolicy: "Delete",
  },
});

/** Writers that go on until they are stopped. */
class Load {
  readonly acknowledged: string[] = [];
  readonly refused = new Map<string, number>();
  /** Longest time without an acknowledgement. */
  longestGapMs = 0;
  #lastAt = performance.now();
  #isOver = false;
  readonly #running: readonly Promise<void>[];

  constructor(world: World) {
    this.#running = Array.from({ length: WRITERS }, (_, writer) => this.#write(world, writer));
  }

  async #write({ gateway }: World, writer: number): Promise<void> {
    for (let at = 0; !this.#isOver; at += 1) {
      const id = `note-${writer}-${at}`;
      const answer = await gateway.put(CLASS, id, { text: `t${id}` });
      if (answer.status === 200) {
        const now = performance.now();
        this.longestGapMs = Math.max(this.longestGapMs, now - this.#lastAt);
        this.#lastAt = now;
        this.acknowledged.push(id);
      } else {
        const code = `${answer.status} ${answer.text.slice(0, 60)}`;
        this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
      }
      await delay(20);
    }
  }

  /** What the gap was since the last time that this was asked. */
  takeGapMs(): number {
    const gap = this.longestGapMs;
    this.longestGapMs = 0;
    return Math.round(gap);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }
}

let world: World;
let load: Load;

async function collection(): Promise<AnyObject> {
  const found = await world.kube.get("odgmcollection", "notes");
  if (found === undefined) throw new Error("there is no collection");
  return found;
}

const told = (object: AnyObject, type: string): string | undefined =>
  condition(object, type)?.status;

/** Waits until every replica of every partition is where it shall be. */
async function whole(deadlineMs: number, nodes: number): Promise<void> {
  await eventually(
    `all replicas on ${nodes} nodes`,
    deadlineMs,
    async () => {
      const found = await collection();
      const { nodeCount, observedGeneration } = found.status ?? {};
      const isThere = nodeCount === nodes && observedGeneration === found.metadata.generation;
      const isWell = told(found, "Ready") === "True" && told(found, "FullyReplicated") === "True";
      const isStill = told(found, "Rebalancing") === "False" && !told(found, "Reconciling");
      return isThere && isWell && isStill ? true : undefined;
    },
    async () => JSON.stringify((await collection()).status, null, 1),
  );
}

const pods = () => world.kube.list("pods", ODGM);

beforeAll(async () => {
  world = await openWorld("e2e-raft");
  await world.kube.apply(COLLECTION);
  await whole(180_000, 3);
  load = new Load(world);
  await eventually("the first writes", 30_000, () =>
    Promise.resolve(load.acknowledged.length > 20 ? true : undefined),
  );
  load.takeGapMs();
}, 600_000);

afterAll(async () => {
  await load.stop();
  await world.kube.run("delete", "odgmcollections", "--all", "--timeout=120s");
  await world.dispose();
}, 300_000);

describe("a collection of Raft groups, under load", () => {
  it("says who leads and that every partition has its three replicas", async () => {
    const found = await collection();
    expect(found.status).toMatchObject({
      partitions: { total: 2, serving: 2 },
      leadersBalanced: true,
    });
    expect(condition(found, "FullyReplicated")?.message).toBe("every partition has its 3 replicas");
    console.log(await world.kube.run("get", "odgm", "-o", "wide"));
  });

  it("goes on when pods die", async () => {
    for (const pod of (await pods()).slice(0, 2)) {
      const before = load.acknowledged.length;
      await world.kube.run("delete", "pod", pod.metadata.name, "--grace-period=0", "--force");
      await eventually("writes go on", 30_000, () =>
        Promise.resolve(load.acknowledged.length > before + 50 ? true : undefined),
      );
      await whole(60_000, 3);
      console.log(`${pod.metadata.name} died: ${load.takeGapMs()} ms without an acknowledgement`);
    }
  });

  it("is scaled up and down by kubectl scale; the claim of who left is gone", async () => {
    await world.kube.run("scale", "odgm", "notes", "--replicas=4");
    await whole(90_000, 4);
    await world.kube.run("scale", "odgm", "notes", "--replicas=3");
    await whole(90_000, 3);
    await eventually("three claims", 30_000, async () => {
      const claims = await world.kube.list("persistentvolumeclaims", ODGM);
      return claims.length === 3 ? true : undefined;
    });
    console.log(`scaled: ${load.takeGapMs()} ms without an acknowledgement`);
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
    await whole(60_000, 3);
    console.log(`rolled: ${load.takeGapMs()} ms without an acknowledgement`);
  });

  it("has everything that was acknowledged", async () => {
    await load.stop();
    const { acknowledged, refused } = load;
    console.log(`${acknowledged.length} acknowledged; refused: ${JSON.stringify([...refused])}`);
    expect(acknowledged.length).toBeGreaterThan(300);
    const lost: string[] = [];
    const readers = Array.from({ length: 8 }, async (_, reader) => {
      for (let at = reader; at < acknowledged.length; at += 8) {
        const id = acknowledged[at] ?? "";
        const entries = await world.gateway.entries(CLASS, id);
        if (entries?.["text"] !== `t${id}`) lost.push(id);
      }
    });
    await Promise.all(readers);
    expect(lost).toEqual([]);
  });
});
