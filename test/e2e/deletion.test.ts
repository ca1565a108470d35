// What goes and what stays when a package goes, in every way in which people delete things.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import type { AnyObject } from "./support/kube.ts";
import { eventually, waitCondition } from "./support/kube.ts";
import { classOf, packageYaml } from "./support/package.ts";
import type { World } from "./support/world.ts";
import { openWorld } from "./support/world.ts";

const ready = { type: "Ready", status: "True" };
const CHILDREN =
  "classruntimes,odgmcollections,statefulsets,deployments,replicasets,services,pods," +
  "poddisruptionbudgets,horizontalpodautoscalers,networkpolicies,secrets";
let world: World;

beforeAll(async () => {
  world = await openWorld("e2e-deletion");
}, 600_000);

afterAll(async () => {
  await world.dispose();
}, 300_000);

async function deploy(
  name: string,
  deletionPolicy: "Retain" | "Delete",
  kube = world.kube,
): Promise<void> {
  await kube.apply(packageYaml({ name, deletionPolicy }));
  await waitCondition(kube, { kind: "opackage", name }, ready, 180_000);
}

async function left(name: string): Promise<readonly AnyObject[]> {
  return await world.kube.list(CHILDREN, `oaas.io/package=${name}`);
}

async function claims(kube = world.kube): Promise<readonly AnyObject[]> {
  return await kube.list("persistentvolumeclaims");
}

async function gone(name: string): Promise<void> {
  await eventually(
    `no child of ${name}`,
    120_000,
    async () => ((await left(name)).length === 0 ? true : undefined),
    async () => (await left(name)).map((o) => `${o.kind}/${o.metadata.name}`).join(" "),
  );
}

async function volumesOf(list: readonly AnyObject[]): Promise<readonly string[]> {
  await Promise.resolve();
  return list.map((claim) => String(claim.spec?.["volumeName"]));
}

async function phases(volumes: readonly string[]): Promise<readonly string[]> {
  const all = await world.kube.list("persistentvolumes");
  return volumes.map((name) => {
    const found = all.find((volume) => volume.metadata.name === name);
    return String(found?.status?.["phase"] ?? "gone");
  });
}

describe("deletionPolicy Delete", () => {
  it.each(["background", "foreground"])(
    "leaves no child, no claim and no data (%s)",
    async (cascade) => {
      const name = `delete-${cascade}`;
      await deploy(name, "Delete");
      const volumes = await volumesOf(await claims());
      expect(volumes.length).toBeGreaterThan(0);
      await world.gateway.put(classOf(name), "a", { x: "1" });
      await world.kube.run("delete", "opackage", name, `--cascade=${cascade}`, "--wait=true");
      await gone(name);
      await eventually("claims gone", 60_000, async () =>
        (await claims()).length === 0 ? true : undefined,
      );
      await eventually("volumes wiped and offered again", 60_000, async () =>
        (await phases(volumes)).every((phase) => phase === "Available" || phase === "gone")
          ? true
          : undefined,
      );
      // The same name again starts empty: nothing of the old data shines through.
      await deploy(name, "Delete");
      expect(await world.gateway.entries(classOf(name), "a")).toBeUndefined();
      await world.kube.run("delete", "opackage", name, "--wait=true");
      await gone(name);
    },
    420_000,
  );
});

describe("deletionPolicy Retain", () => {
  it.each(["background", "foreground"])(
    "keeps the claims, and applying again finds the objects (%s)",
    async (cascade) => {
      const name = `retain-${cascade}`;
      await deploy(name, "Retain");
      await world.gateway.put(classOf(name), "kept", { x: cascade });
      await world.kube.run("delete", "opackage", name, `--cascade=${cascade}`, "--wait=true");
      await gone(name);
      expect((await claims()).length).toBeGreaterThan(0);
      await deploy(name, "Retain");
      const entries = await eventually("the object", 60_000, () =>
        world.gateway.entries(classOf(name), "kept"),
      );
      expect(entries).toEqual({ x: cascade });
      await deploy(name, "Delete");
      await world.kube.run("delete", "opackage", name, "--wait=true");
      await gone(name);
      await eventually("claims gone", 60_000, async () =>
        (await claims()).length === 0 ? true : undefined,
      );
    },
    420_000,
  );

  it("outlives its namespace: the volume is Released with its data, and the runbook brings it back", async () => {
    const namespace = "e2e-deletion-ns";
    const kube = world.kube.in(namespace);
    await world.kube.run("create", "namespace", namespace);
    await deploy("lost", "Retain", kube);
    await world.gateway.put(classOf("lost"), "treasure", { x: "gold" });
    const kept = await claims(kube);
    const volumes = await volumesOf(kept);
    await eventually("volumes to be retained", 60_000, async () => {
      const all = await world.kube.list("persistentvolumes");
      const mine = all.filter((volume) => volumes.includes(volume.metadata.name));
      const policies = mine.map((volume) => volume.spec?.["persistentVolumeReclaimPolicy"]);
      return policies.every((policy) => policy === "Retain") ? true : undefined;
    });
    await world.kube.run("delete", "namespace", namespace, "--wait=true", "--timeout=180s");
    expect(new Set(await phases(volumes))).toEqual(new Set(["Released"]));

    // docs/runbooks/restore-after-namespace-deletion.md
    await world.kube.run("create", "namespace", namespace);
    for (const [index, volume] of volumes.entries()) {
      const claim = kept[index];
      await world.kube.patch("pv", volume, { spec: { claimRef: null } });
      await kube.apply(
        JSON.stringify({
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          metadata: { name: claim?.metadata.name, labels: claim?.metadata.labels },
          spec: { ...claim?.spec, volumeName: volume },
        }),
      );
    }
    await kube.apply(packageYaml({ name: "lost", deletionPolicy: "Retain" }));
    const [collection] = await eventually("the collection", 60_000, async () => {
      const found = await kube.list("odgmcollections");
      return found.length > 0 ? found : undefined;
    });
    const name = String(collection?.metadata.name);
    const stalled = { type: "Stalled", status: "True", reason: "IdentityLost" };
    await waitCondition(kube, { kind: "odgmcollection", name }, stalled, 60_000);
    await kube.run("annotate", "odgmcollection", name, "oaas.io/adopt-identity=true");
    await waitCondition(kube, { kind: "opackage", name: "lost" }, ready, 180_000);
    const entries = await eventually("the object", 60_000, () =>
      world.gateway.entries(classOf("lost"), "treasure"),
    );
    expect(entries).toEqual({ x: "gold" });
    await deploy("lost", "Delete", kube);
    await kube.run("delete", "opackage", "lost", "--wait=true");
    await world.kube.run("delete", "namespace", namespace, "--wait=true", "--timeout=180s");
  }, 600_000);
});
