// Trouble of pods is told where the user looks: in the function's, the runtime's, the package's status.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import type { AnyObject } from "./support/kube.ts";
import { eventually } from "./support/kube.ts";
import { packageYaml } from "./support/package.ts";
import type { World } from "./support/world.ts";
import { openWorld } from "./support/world.ts";

let world: World;

beforeAll(async () => {
  world = await openWorld("e2e-trouble");
}, 600_000);

afterAll(async () => {
  await world.dispose();
}, 300_000);

async function told(name: string, words: RegExp): Promise<void> {
  const look = async (): Promise<readonly (AnyObject | undefined)[]> => [
    await world.kube.get("opackage", name),
    ...(await world.kube.list("classruntimes", `oaas.io/package=${name}`)),
  ];
  await eventually(
    `${name} to say ${String(words)} in package and runtime`,
    120_000,
    async () => {
      const objects = await look();
      const all =
        objects.length >= 2 && objects.every((o) => words.test(JSON.stringify(o?.status)));
      return all ? true : undefined;
    },
    async () =>
      JSON.stringify(
        (await look()).map((o) => o?.status),
        null,
        1,
      ),
  );
}

const base = { deletionPolicy: "Delete", functions: ["echo"] } as const;

describe("the reason shows up in the package's and the runtime's status when", () => {
  it("an image cannot be pulled", async () => {
    const echoImage = "oaas-operator.local/does-not-exist:1";
    await world.kube.apply(packageYaml({ ...base, name: "pull", echoImage }));
    await told("pull", /ImagePull/);
  }, 180_000);

  it("a pod crashes", async () => {
    const document = JSON.parse(packageYaml({ ...base, name: "crash" })) as {
      spec: { functions: { provision: { deployment: { command: string[] } } }[] };
    };
    for (const fn of document.spec.functions) {
      fn.provision.deployment.command = ["/node", "-e", "process.exit(3)"];
    }
    await world.kube.apply(JSON.stringify(document));
    await told("crash", /CrashLoop/);
  }, 240_000);

  it("a quota rejects the pods", async () => {
    const tight = world.kube.in("e2e-trouble-quota");
    await world.kube.run("create", "namespace", "e2e-trouble-quota");
    try {
      await tight.apply(
        JSON.stringify({
          apiVersion: "v1",
          kind: "ResourceQuota",
          metadata: { name: "none" },
          spec: { hard: { pods: "0" } },
        }),
      );
      await tight.apply(packageYaml({ ...base, name: "quota" }));
      await eventually("the quota in the status", 120_000, async () => {
        const found = await tight.get("opackage", "quota");
        return /QuotaExceeded|exceeded quota/.test(JSON.stringify(found?.status))
          ? true
          : undefined;
      });
    } finally {
      await world.kube.run("delete", "namespace", "e2e-trouble-quota", "--wait=false");
    }
    expect.assertions(0);
  }, 240_000);
});
