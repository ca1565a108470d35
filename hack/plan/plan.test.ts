// The samples of the repository through the real controllers, with nobody to ask.

import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";

import type { KubeObject } from "#controllers/runtime/index.ts";
import { createJsonLogger } from "#controllers/runtime/index.ts";
import { snapshotState } from "#controllers/runtime/plan/live-state.ts";
import { planChanges } from "#controllers/runtime/plan/plan.ts";
import type { PlanResult } from "#controllers/runtime/plan/types.ts";

import { allControllers } from "./controllers.ts";
import { readSettings } from "./settings.ts";

const SAMPLES = "config/samples";

function sample(file: string): readonly KubeObject[] {
  return parseAllDocuments(readFileSync(`${SAMPLES}/${file}`, "utf8")).map((document) => {
    const object = document.toJS() as KubeObject;
    const namespaced = !["Environment", "OstTarget"].includes(object.kind);
    const metadata = { ...object.metadata, ...(namespaced ? { namespace: "shop" } : {}) };
    return { ...object, metadata };
  });
}

async function plan(
  objects: readonly KubeObject[],
  live: readonly KubeObject[] = [],
): Promise<PlanResult> {
  const state = snapshotState(live);
  return planChanges({
    controllers: allControllers(await readSettings(state, {})),
    objects,
    live: state,
    now: new Date(Date.UTC(2030, 0, 1)),
    logger: createJsonLogger("test", "error"),
  });
}

describe("a dry-run of the project's controllers", () => {
  it("follows a package down to its StatefulSet", async () => {
    const { changes, refusals, notes } = await plan(sample("quickstart.yaml"));
    expect(refusals).toEqual([]);
    expect(notes).toEqual([]);
    const chain: string[] = [];
    let at = changes.find((one) => one.kind === "StatefulSet");
    while (at !== undefined) {
      chain.push(at.kind);
      const { parent } = at;
      at = changes.find((one) => one.kind === parent?.kind && one.name === parent.name);
    }
    expect(chain).toEqual(["StatefulSet", "OdgmCollection", "ClassRuntime", "OPackage"]);
  });

  it.each(readdirSync(SAMPLES).filter((file) => file.endsWith(".yaml")))(
    "comes to rest and meets no bug: %s",
    async (file) => {
      const { refusals, notes } = await plan(sample(file));
      expect(notes).toEqual([]);
      for (const { reason, path } of refusals) {
        expect(reason).toBe("Unsupported");
        expect(path).toMatch(/^spec/);
      }
      if (file.includes("minimal") && !file.includes("volume")) expect(refusals).toEqual([]);
    },
  );

  it("takes images from the operators that run, by flag or by Deployment", async () => {
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { namespace: "oaas-system", name: "oaas-operator" },
      spec: { template: { spec: { containers: [{ args: ["--odgm-image=registry/odgm:7"] }] } } },
    };
    const state = snapshotState([deployment]);
    expect((await readSettings(state, {})).odgmImage).toBe("registry/odgm:7");
    expect((await readSettings(state, { odgmImage: "mine" })).odgmImage).toBe("mine");
    expect((await readSettings(state, {})).allowedPathPrefixes).toEqual(["/var/lib/rawstor/disks"]);
  });
});
