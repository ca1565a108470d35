// Until volumes are served, whatever a RawstorVolume says it is refused by name and has no child.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";

import type { RawstorVolume } from "#api/rawstor/v1alpha1/index.ts";
import { RAWSTOR_VOLUME } from "#api/rawstor/v1alpha1/index.ts";
import type { KubeObject } from "#controllers/runtime/index.ts";
import { defineKind, Manager } from "#controllers/runtime/index.ts";
import { computeKstatus } from "#controllers/runtime/conditions/kstatus.ts";
import { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";
import { fakeWorld, settle } from "#controllers/runtime/testing/fake-clock.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";

import { rawstorVolumeController } from "./reconcile.ts";

const VOLUMES = defineKind<RawstorVolume>(RAWSTOR_VOLUME);
const samples = join(import.meta.dirname, "..", "..", "config", "samples");

function volumesIn(file: string): readonly KubeObject[] {
  return parseAllDocuments(readFileSync(join(samples, file), "utf8"))
    .map((document) => document.toJS() as KubeObject)
    .filter((object) => object.kind === "RawstorVolume")
    .map(({ metadata, ...rest }) => ({
      ...rest,
      metadata: { ...metadata, namespace: metadata.namespace ?? "default" },
    }));
}

it.each(["rawstor-volume-minimal.yaml", "rawstor-volume-full.yaml"])(
  "%s is Stalled Unsupported, once, and nothing else is written",
  async (file) => {
    const { clock } = fakeWorld();
    const server = new FakeApiServer({ clock, kinds: [RAWSTOR_VOLUME] });
    const manager = new Manager({
      name: "rawstor-operator",
      identity: "pod-0",
      cluster: server,
      logger: memoryLogger(),
      clock,
      timers: clock,
      rng: seededRng(1),
      freezeObjects: true,
    });
    manager.add(rawstorVolumeController());
    const stopping = new AbortController();
    const running = manager.run(stopping.signal);
    const volumes = volumesIn(file);
    expect(volumes.length).toBeGreaterThan(0);
    for (const volume of volumes) server.userApply(RAWSTOR_VOLUME, volume);
    await clock.advance(60_000);
    for (const found of server.readAll(VOLUMES)) {
      const conditions = found.status?.conditions ?? [];
      expect(conditions.map(({ type, status, reason }) => [type, status, reason])).toEqual([
        ["Ready", "False", "Unsupported"],
        ["Stalled", "True", "Unsupported"],
      ]);
      expect(computeKstatus(found)).toBe("Failed");
    }
    const writes = server.log.filter(
      ({ method, path }) => method !== "GET" && !path.includes("/events"),
    );
    const kinds = "/apis/rawstor.io/v1alpha1/namespaces/default/rawstorvolumes";
    expect(writes.map(({ path }) => path).sort()).toEqual(
      volumes.map(({ metadata }) => `${kinds}/${metadata.name}/status`).sort(),
    );
    stopping.abort();
    for (let turn = 0; turn < 40; turn += 1) {
      await settle();
      await clock.advance(1_000);
    }
    await running;
  },
);
