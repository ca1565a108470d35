// The operator dies, is away, is replaced. What it does at rest: ost-target.test.ts.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { eventually, waitCondition } from "./support/kube.ts";
import { classOf, packageYaml } from "./support/package.ts";
import type { World } from "./support/world.ts";
import { openWorld } from "./support/world.ts";

const ready = { type: "Ready", status: "True" };
let world: World;

beforeAll(async () => {
  world = await openWorld("e2e-operator");
}, 600_000);

afterAll(async () => {
  await world.system.run("scale", "deployment", "oaas-operator", "--replicas=2");
  await world.dispose();
}, 300_000);

async function leader(): Promise<string> {
  const lease = await world.system.get("lease", "oaas-operator");
  return String(lease?.spec?.["holderIdentity"] ?? "");
}

async function scaleOperator(replicas: number): Promise<void> {
  await world.system.run("scale", "deployment", "oaas-operator", `--replicas=${replicas}`);
  const selector = "app.kubernetes.io/name=oaas-operator";
  await eventually(`${replicas} operators`, 120_000, async () => {
    const pods = await world.system.list("pods", selector);
    return pods.length === replicas ? true : undefined;
  });
  if (replicas > 0)
    await world.system.run("rollout", "status", "deployment/oaas-operator", "--timeout=120s");
}

describe("a leader that is killed in the middle of a rollout", () => {
  it("is followed by the other replica, which finishes", async () => {
    await scaleOperator(2);
    const before = await eventually("a leader", 60_000, async () => (await leader()) || undefined);
    await world.kube.apply(packageYaml({ name: "rollout", deletionPolicy: "Delete" }));
    await world.system.run("delete", "pod", before, "--grace-period=0", "--force");
    await waitCondition(world.kube, { kind: "opackage", name: "rollout" }, ready, 240_000);
    const after = await leader();
    expect(after).not.toBe(before);
    const answer = await world.gateway.invoke(classOf("rollout"), "echo", "finished");
    expect(answer.status).toBe(200);
  }, 420_000);
});

describe("while the operator is away", () => {
  it("a gateway that starts serves, and what was deleted goes when it is back", async () => {
    await scaleOperator(0);
    await world.system.run("delete", "pods", "-l", "app.kubernetes.io/name=gateway", "--wait=true");
    await world.system.run("rollout", "status", "deployment/gateway", "--timeout=120s");
    const answer = await eventually("an answer without an operator", 90_000, async () => {
      const got = await world.gateway.invokeOn(classOf("rollout"), "alone", "counter", "{}");
      return got.status === 200 ? got : undefined;
    });
    expect(JSON.parse(answer.text)).toEqual({ count: 1 });
    // The operator goes first, then the package: nothing holds the deletion up.
    await world.kube.run("delete", "opackage", "rollout", "--wait=true", "--timeout=120s");
    await eventually("no child", 120_000, async () => {
      const kinds =
        "classruntimes,odgmcollections,statefulsets,deployments,pods,persistentvolumeclaims";
      const found = await world.kube.list(kinds);
      return found.length === 0 ? true : undefined;
    });
    await scaleOperator(2);
  }, 480_000);
});
