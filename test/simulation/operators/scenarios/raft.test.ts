// A collection of Raft groups, driven by its spec alone: nodes come and go, a disk is lost, the image
// changes. Seen throughout: no partition is without a leader for longer than an election, no pod goes
// while a group lacks a replica, and no claim goes while a group still needs what is on it.
import { describe, expect, it } from "@jest/globals";

import type { OdgmCollection, OdgmCollectionSpec } from "#api/oaas/v1alpha1/index.ts";
import type { KubeObject, Live } from "#controllers/runtime/index.ts";
import { keyOf, KINDS } from "#controllers/runtime/index.ts";
import { conditionsOf, simulate } from "#controllers/runtime/testing/index.ts";

import { oaasSimulation } from "../oaas.ts";
import { COLLECTIONS, NAMESPACE } from "../world/kinds.ts";
import { all, one } from "../world/look.ts";
import type { World } from "../world/world.ts";

const KEY = { namespace: NAMESPACE, name: "notes" };
const PARTITIONS = 4;

/** What a script can do and see. */
class Notes {
  readonly world: World;
  /** Pods that were up when another one was made to go. */
  readonly discarded: string[] = [];
  readonly restarts: string[] = [];
  fewestUp = Number.POSITIVE_INFINITY;

  constructor(world: World) {
    this.world = world;
    world.fleet.witness((deed) => {
      if (deed.kind === "discarded") this.discarded.push(...deed.holdings);
    });
  }

  apply(spec: Partial<OdgmCollectionSpec>): void {
    const { sim } = this.world;
    sim.server.userApply(COLLECTIONS, {
      apiVersion: "oaas.io/v1alpha1",
      kind: "OdgmCollection",
      metadata: KEY,
      spec: {
        collection: "notes.Note",
        partitions: PARTITIONS,
        shardType: "Raft",
        replicas: 3,
        nodes: 3,
        ...spec,
      },
    } as KubeObject);
  }

  get live(): Live<OdgmCollection> {
    const found = one(this.world.sim.server, COLLECTIONS, KEY);
    if (found === undefined) throw new Error("there is no collection");
    return found;
  }

  told(type: string): string {
    const found = conditionsOf(this.live).find((condition) => condition.type === type);
    return `${found?.status ?? "absent"} ${found?.reason ?? ""}`;
  }

  /** Lets time pass, and looks at the pods every half second. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      await this.world.sim.clock.advance(500);
      this.fewestUp = Math.min(this.fewestUp, this.pods().length);
    }
  }

  pods(): readonly string[] {
    return all(this.world.sim.server, KINDS.Pod)
      .filter((pod) => pod.status?.phase === "Running")
      .map((pod) => pod.metadata.name)
      .sort();
  }

  claims(): number {
    return all(this.world.sim.server, KINDS.PersistentVolumeClaim).length;
  }

  /** Partitions per member ordinal, by what the members say. */
  holders(): readonly number[] {
    return [...this.world.fleet.stores.values()]
      .filter(({ format }) => format !== undefined)
      .sort((a, b) => (a.format?.ordinal ?? 0) - (b.format?.ordinal ?? 0))
      .map(
        (store) => this.world.fleet.holdings(store).filter((holding) => holding !== "meta").length,
      );
  }
}

/** Brings up the collection, runs the script, and says what was violated. */
async function run(seed: number, script: (notes: Notes) => Promise<void>): Promise<void> {
  const { violations } = await simulate(
    oaasSimulation({
      seed,
      async script(world) {
        const notes = new Notes(world);
        notes.apply({});
        await world.sim.clock.advance(60_000);
        expect(notes.told("Ready")).toBe("True Available");
        expect(notes.told("FullyReplicated")).toBe("True Available");
        await script(notes);
        expect(notes.discarded).toEqual([]);
      },
    }),
  );
  expect(violations).toEqual([]);
}

describe("a collection of Raft groups", () => {
  it("spreads over nodes that are added, and says what moves", async () => {
    await run(1, async (notes) => {
      expect(notes.live.status).toMatchObject({ leadersBalanced: true });
      notes.apply({ nodes: 5 });
      await notes.world.sim.clock.advance(12_000);
      await notes.pass(120_000);
      expect(notes.told("Rebalancing")).toBe("False Succeeded");
      expect(notes.told("FullyReplicated")).toBe("True Available");
      const holders = notes.holders();
      expect(holders).toHaveLength(5);
      expect(holders.reduce((sum, count) => sum + count)).toBe(3 * PARTITIONS);
      expect(Math.max(...holders) - Math.min(...holders)).toBeLessThan(2);
    });
  });

  it("leaves nodes that are to go: replicas first, then the pod, then its claim", async () => {
    await run(2, async (notes) => {
      notes.apply({ nodes: 5 });
      await notes.pass(120_000);
      notes.apply({ nodes: 3 });
      await notes.pass(180_000);
      expect(notes.pods()).toHaveLength(3);
      expect(notes.claims()).toBe(3);
      expect(notes.told("Ready")).toBe("True Available");
      expect(notes.told("FullyReplicated")).toBe("True Available");
      expect(notes.fewestUp).toBeGreaterThanOrEqual(3);
      expect(notes.holders()).toEqual([PARTITIONS, PARTITIONS, PARTITIONS]);
    });
  });

  it.each([0, 2])("replaces the lost disk of member %d by itself", async (ordinal) => {
    await run(3, async (notes) => {
      const { world } = notes;
      const generation = notes.live.status?.assignmentGeneration ?? 0;
      const pod = all(world.sim.server, KINDS.Pod).find((live) =>
        live.metadata.name.endsWith(`-${ordinal}`),
      );
      if (pod === undefined) throw new Error("there is no such member");
      world.users.replaceDisk(keyOf(pod));
      await notes.pass(120_000);
      expect(notes.told("Ready")).toBe("True Available");
      expect(notes.told("FullyReplicated")).toBe("True Available");
      expect(notes.holders()).toEqual([PARTITIONS, PARTITIONS, PARTITIONS]);
      expect(notes.live.status?.assignmentGeneration).toBeGreaterThan(generation);
      expect(notes.live.metadata.annotations ?? {}).toEqual({});
    });
  });

  it("keeps a disk that is lost when another member is away, until that is back", async () => {
    await run(4, async (notes) => {
      const { world } = notes;
      const [, away, lost] = all(world.sim.server, KINDS.Pod);
      if (away === undefined || lost === undefined) throw new Error("there are three pods");
      const address = `${away.status?.podIP ?? ""}:8082`;
      world.fleet.unreachable.add(address);
      world.fleet.changed(address);
      await notes.pass(5_000);
      world.users.replaceDisk(keyOf(lost));
      await notes.pass(30_000);
      expect(notes.told("Stalled")).toBe("True EmptyDisk");
      world.fleet.unreachable.delete(address);
      world.fleet.changed(address);
      await notes.pass(120_000);
      expect(notes.told("FullyReplicated")).toBe("True Available");
      expect(notes.told("Stalled")).toBe("absent ");
    });
  });

  it("restarts one pod at a time for another image, when it leads nothing any more", async () => {
    await run(5, async (notes) => {
      notes.fewestUp = Number.POSITIVE_INFINITY;
      notes.apply({ image: "example.com/odgm:2" });
      await notes.pass(180_000);
      const images = all(notes.world.sim.server, KINDS.StatefulSet).map(
        (set) => set.spec?.template.spec?.containers[0]?.image,
      );
      expect(images).toEqual(["example.com/odgm:2"]);
      const revisions = new Set(
        all(notes.world.sim.server, KINDS.Pod).map(
          (pod) => pod.metadata.labels?.["controller-revision-hash"],
        ),
      );
      expect(revisions.size).toBe(1);
      expect(notes.told("Reconciling")).toBe("absent ");
      expect(notes.told("FullyReplicated")).toBe("True Available");
      expect(notes.fewestUp).toBeGreaterThanOrEqual(2);
    });
  });

  it("takes replicas away and gives them back", async () => {
    await run(6, async (notes) => {
      notes.apply({ replicas: 1 });
      await notes.pass(60_000);
      expect(notes.told("FullyReplicated")).toBe("True Available");
      expect(notes.holders().reduce((sum, count) => sum + count)).toBe(PARTITIONS);
      notes.apply({ replicas: 3 });
      await notes.pass(60_000);
      expect(notes.holders()).toEqual([PARTITIONS, PARTITIONS, PARTITIONS]);
      expect(notes.told("FullyReplicated")).toBe("True Available");
    });
  });
});
