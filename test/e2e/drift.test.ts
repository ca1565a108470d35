// What somebody changes by hand is put back; what is none of ours stays; what left the package goes.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import type { AnyObject } from "./support/kube.ts";
import { condition, eventually, waitCondition } from "./support/kube.ts";
import { classOf, packageYaml } from "./support/package.ts";
import type { World } from "./support/world.ts";
import { openWorld } from "./support/world.ts";

const NAME = "drift";
const ready = { type: "Ready", status: "True" };
let world: World;

interface Template {
  readonly template: {
    readonly spec: {
      readonly containers: readonly {
        readonly image: string;
        readonly env: readonly { readonly name: string; readonly value?: string }[];
      }[];
    };
  };
}

function container(deployment: AnyObject): Template["template"]["spec"]["containers"][number] {
  const [first] = (deployment.spec as unknown as Template).template.spec.containers;
  if (first === undefined) throw new Error("no container");
  return first;
}

async function functionDeployment(fn: string): Promise<AnyObject> {
  const found = (await world.kube.list("deployments", "app.kubernetes.io/component=function")).find(
    (deployment) => container(deployment).image.includes(`fn-${fn}`),
  );
  if (found === undefined) throw new Error(`no Deployment of ${fn}`);
  return found;
}

beforeAll(async () => {
  world = await openWorld("e2e-drift");
  await world.kube.apply(packageYaml({ name: NAME, deletionPolicy: "Delete", mark: "wanted" }));
  await waitCondition(world.kube, { kind: "opackage", name: NAME }, ready, 180_000);
}, 600_000);

afterAll(async () => {
  await world.dispose();
}, 300_000);

describe("a child Deployment edited by hand", () => {
  it("gets its image and environment back, and keeps a foreign label", async () => {
    const before = await functionDeployment("echo");
    const { name } = before.metadata;
    await world.kube.run("label", "deployment", name, "team=blue");
    const edit = {
      spec: {
        template: {
          spec: {
            containers: [
              {
                name: "function",
                image: "example.invalid/other:1",
                env: [{ name: "MARK", value: "x" }],
              },
            ],
          },
        },
      },
    };
    await world.kube.run("patch", "deployment", name, "-p", JSON.stringify(edit));
    const after = await eventually("image and env reverted", 60_000, async () => {
      const now = await functionDeployment("echo");
      const mark = container(now).env.find((entry) => entry.name === "MARK")?.value;
      const same = container(now).image === container(before).image && mark === "wanted";
      return same ? now : undefined;
    });
    expect(after.metadata.labels?.["team"]).toBe("blue");
  }, 120_000);
});

describe("a function that leaves the package", () => {
  it("takes its Deployment, its Service and its route along", async () => {
    const random = await functionDeployment("random");
    const functions = ["echo", "counter"] as const;
    await world.kube.apply(
      packageYaml({ name: NAME, deletionPolicy: "Delete", mark: "wanted", functions }),
    );
    await eventually("Deployment and Service of random gone", 60_000, async () => {
      const deployment = await world.kube.get("deployment", random.metadata.name);
      const services = await world.kube.list("services", "app.kubernetes.io/component=function");
      return deployment === undefined && services.length === 2 ? true : undefined;
    });
    await eventually("its route gone", 60_000, async () => {
      const answer = await world.gateway.invokeOn(classOf(NAME), "x", "random", "{}");
      return answer.status === 404 ? true : undefined;
    });
    const still = await world.gateway.invoke(classOf(NAME), "echo", "still here");
    expect([still.status, still.text]).toEqual([200, "still here"]);
  }, 180_000);
});

describe("an invalid package", () => {
  it("is Stalled with reason and path, and what ran goes on", async () => {
    const good = JSON.parse(packageYaml({ name: NAME, deletionPolicy: "Delete" })) as {
      spec: { classes: { functions: { function: string }[] }[] };
    };
    const [binding] = good.spec.classes[0]?.functions ?? [];
    if (binding === undefined) throw new Error("no binding");
    binding.function = "nowhere";
    await world.kube.apply(JSON.stringify(good));
    const stalled = { type: "Stalled", status: "True" };
    const found = await waitCondition(
      world.kube,
      { kind: "opackage", name: NAME },
      stalled,
      30_000,
    );
    expect(condition(found, "Stalled")?.message).toContain("spec.classes[0].functions[0].function");
    const still = await world.gateway.invoke(classOf(NAME), "echo", "going on");
    expect(still.status).toBe(200);
  }, 90_000);
});
