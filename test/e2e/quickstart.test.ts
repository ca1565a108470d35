// The main job: a package is applied, its functions answer through the gateway, its data survives.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { LABELS } from "#api/meta/index.ts";

import type { World } from "./support/world.ts";
import { openWorld } from "./support/world.ts";
import { eventually, waitCondition } from "./support/kube.ts";
import { classOf, packageYaml } from "./support/package.ts";

const NAME = "basic";
const CLASS = classOf(NAME);
let world: World;

beforeAll(async () => {
  world = await openWorld("e2e-quickstart");
  await world.kube.apply(packageYaml({ name: NAME, deletionPolicy: "Delete", template: "Edge" }));
  const ready = { type: "Ready", status: "True" };
  await waitCondition(world.kube, { kind: "opackage", name: NAME }, ready, 180_000);
}, 600_000);

afterAll(async () => {
  await world.dispose();
}, 300_000);

describe("functions", () => {
  it("echo answers what it was given", async () => {
    const answer = await world.gateway.invoke(CLASS, "echo", "hello");
    expect([answer.status, answer.text]).toEqual([200, "hello"]);
  });

  it("random writes to its object and answers a document of as many keys as asked for", async () => {
    const body = JSON.stringify({ entry: 3, key_size: 5, value_size: 5, resp_json: true });
    const answer = await world.gateway.invokeOn(CLASS, "dice", "random", body);
    expect(answer.status).toBe(200);
    expect(Object.keys(JSON.parse(answer.text) as object)).toHaveLength(3);
    expect(await world.gateway.entries(CLASS, "dice")).toBeDefined();
  });

  it("counter loses no increment among 200 at once", async () => {
    const calls = Array.from({ length: 200 }, () =>
      world.gateway.invokeOn(CLASS, "clicks", "counter", "{}"),
    );
    const answers = await Promise.all(calls);
    expect(answers.filter((answer) => answer.status !== 200)).toEqual([]);
    const counts = answers.map((answer) => (JSON.parse(answer.text) as { count: number }).count);
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  }, 120_000);

  it("pods of a function and of the data are on different nodes", async () => {
    for (const component of ["function", "odgm"]) {
      const pods = await world.kube.list("pods", `app.kubernetes.io/component=${component}`);
      const workloads = Map.groupBy(pods, (pod) => pod.metadata.labels?.[LABELS.name] ?? "");
      expect(workloads.size).toBeGreaterThan(0);
      for (const [name, members] of workloads) {
        const nodes = new Set(members.map((pod) => pod.spec?.["nodeName"]));
        expect([name, members.length > 1, nodes.size]).toEqual([name, true, members.length]);
      }
    }
  });
});

describe("data", () => {
  const ids = Array.from({ length: 24 }, (_, i) => `item-${i}`);

  async function allThere(): Promise<true | undefined> {
    for (const id of ids) {
      const entries = await world.gateway.entries(CLASS, id);
      if (entries?.["name"] !== id) throw new Error(`${id}: ${JSON.stringify(entries)}`);
    }
    return true;
  }

  it("survives the death of every data pod", async () => {
    for (const id of ids) {
      const answer = await world.gateway.put(CLASS, id, { name: id });
      expect([id, answer.status]).toEqual([id, 200]);
    }
    await allThere();
    const selector = "app.kubernetes.io/component=odgm";
    const before = await world.kube.list("pods", selector);
    await world.kube.run("delete", "pods", "-l", selector, "--wait=true");
    await eventually("all objects after the restart", 120_000, allThere);
    const after = await world.kube.list("pods", selector);
    const uids = new Set(before.map((pod) => pod.metadata.uid));
    expect(after.filter((pod) => uids.has(pod.metadata.uid))).toEqual([]);
  }, 240_000);

  it("survives the node: stopped, started, and the objects are there", async () => {
    const [pod] = await world.kube.list("pods", "app.kubernetes.io/component=odgm");
    const node = world.cluster.node(String(pod?.spec?.["nodeName"]));
    await node.stop();
    await node.start();
    await eventually("all objects after the node's return", 180_000, allThere);
  }, 420_000);
});
