// Everything that can happen to a grid of three nodes, one after the other, under clients outside of
// the cluster that write and read all the time: processes, nodes, links and disks are lost and come
// back. One history explains every answer, and nothing that was acknowledged is missing. This is the
// full form; `npm test` runs raft.test.ts (README.md says why).
import { setTimeout as delay } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import type { Agreed } from "./support/agreed.ts";
import { openAgreed } from "./support/agreed.ts";
import type { Collection } from "./support/collection.ts";
import type { Place } from "./support/faults.ts";
import {
  deafen,
  emptyDisk,
  fillDisk,
  freeDisk,
  hear,
  killProcess,
  placesOf,
  renameImage,
} from "./support/faults.ts";
import { eventually } from "./support/kube.ts";
import type { Traffic } from "./support/traffic.ts";
import { idIn } from "./support/traffic.ts";
import type { World } from "./support/world.ts";

const CLASS = "grid.Account";
const ODGM = "app.kubernetes.io/component=odgm";
/** One for each member to lead. */
const PARTITIONS = 3;
/** The group behind a lost leader is told to have one again within this time (design, section 8). */
const TARGET_MS = 2_000;

let agreed: Agreed;
let world: World;
let grid: Collection;
let traffic: Traffic;
/** Silence of the partition whose leader was lost, for every loss. */
const losses: { readonly what: string; readonly ms: number }[] = [];

/** At once, not when the file is over. */
const say = (line: string): void => void process.stderr.write(`grid: ${line}\n`);

const places = (): Promise<readonly Place[]> => placesOf(world.kube, ODGM);

async function placeOf(ordinal: number): Promise<Place> {
  const found = (await places())[ordinal];
  if (found === undefined) throw new Error(`there is no member ${ordinal}`);
  return found;
}

/** Breaks something that leads one partition of three, waits for the others, tells how long. */
async function lose(what: string, breakIt: () => Promise<void>): Promise<void> {
  await traffic.everywhere();
  traffic.takeSilences();
  traffic.takeCodes();
  await breakIt();
  await traffic.everywhere();
  const silences = traffic.takeSilences();
  losses.push({ what, ms: Math.max(...silences) });
  say(
    `${what}: partitions without an acknowledged write for ${silences.join(", ")} ms; ` +
      `other answers: ${traffic.takeCodes().join(", ") || "none"}`,
  );
}

beforeAll(async () => {
  agreed = await openAgreed({
    namespace: "e2e-grid",
    name: "accounts",
    cls: CLASS,
    partitions: PARTITIONS,
  });
  ({ world, collection: grid, traffic } = agreed);
}, 600_000);

afterAll(() => agreed.close(), 300_000);

describe("a grid of three nodes, under load", () => {
  it("has one member on every node, and each leads", async () => {
    const nodes = (await places()).map(({ node }) => node);
    expect(new Set(nodes).size).toBe(3);
    expect((await grid.get()).status).toMatchObject({
      leadersBalanced: true,
      partitions: { serving: PARTITIONS },
    });
  });

  it.each([0, 1, 2])("goes on when the process of member %d dies", async (ordinal) => {
    const place = await placeOf(ordinal);
    await lose(`${place.pod} killed`, () => killProcess(world, place));
    await grid.whole(90_000, 3);
  });

  it.each([0, 1, 2])(
    "goes on when the node of member %d stops, and comes back",
    async (ordinal) => {
      const { node } = await placeOf(ordinal);
      const control = world.cluster.node(node);
      await lose(`${node} stopped`, () => control.stop());
      await control.start();
      await grid.whole(120_000, 3);
    },
  );

  it("goes on when a node is cut off, and takes it back", async () => {
    const { node } = await placeOf(0);
    const control = world.cluster.node(node);
    try {
      await lose(`${node} cut`, () => control.cut());
      await traffic.more(100);
    } finally {
      await control.heal();
    }
    await grid.whole(120_000, 3);
  });

  it("goes on when a node is heard by the others and does not hear them", async () => {
    const { node } = await placeOf(1);
    try {
      await lose(`${node} deaf`, () => deafen(world, node));
      await traffic.more(100);
    } finally {
      await hear(world, node);
    }
    await grid.whole(120_000, 3);
  });
});

describe("disks that fill", () => {
  const spare = Array.from({ length: PARTITIONS }, (_, at) => idIn("spare", at, PARTITIONS));

  /** New data is refused by every partition, and deletes pass. */
  async function refused(): Promise<void> {
    const { message } = await grid.notReady("StorageFull", 30_000);
    expect(message).toMatch(/the disk of member [01] is full/);
    await eventually("a refusal by every partition", 30_000, async () => {
      const codes = await Promise.all(spare.map((id) => grid.put(id)));
      return codes.every((code) => code === "507 STORAGE_FULL") ? true : undefined;
    });
    for (const id of spare) expect(await grid.remove(id)).toBe("204");
    say(`full: ${message}; ${traffic.takeCodes().join(", ")}`);
  }

  it("one of three is not led from any more, and data grows until nothing fits on it", async () => {
    const place = await placeOf(0);
    try {
      await lose("a disk at 90 %", async () => {
        await fillDisk(world, place, 90);
        await grid.says("FullyReplicated", "the disk of member 0 is full", 30_000);
        // Member 0 leads nothing any more.
        await grid.balanced(false, 30_000);
      });
      for (const id of spare) expect(await grid.put(id)).toBe("200");
      await fillDisk(world, place, 100);
      await refused();
    } finally {
      await freeDisk(world, place);
    }
    await grid.whole(60_000, 3);
    await grid.balanced(true, 30_000);
    for (const id of spare) expect(await grid.put(id)).toBe("200");
  });

  it("two of three refuse new data, let deletes pass, and recover", async () => {
    const full = [await placeOf(0), await placeOf(1)];
    try {
      for (const place of full) await fillDisk(world, place, 90);
      await refused();
    } finally {
      for (const place of full) await freeDisk(world, place);
    }
    await grid.whole(60_000, 3);
    for (const id of spare) expect(await grid.put(id)).toBe("200");
  });
});

describe("a disk that is lost", () => {
  it("is replaced by an empty one: the member learns everything, under another name", async () => {
    const place = await placeOf(2);
    const before = await grid.incarnations();
    await emptyDisk(world, place);
    await lose(`${place.pod} on an empty disk`, () => killProcess(world, place));
    await eventually("another incarnation", 90_000, async () => {
      const now = await grid.incarnations();
      return now.some((one) => !before.includes(one)) ? true : undefined;
    });
    await grid.whole(120_000, 3);
  });

  it("is replaced by another claim", async () => {
    const { pod, claim } = await placeOf(1);
    const before = await grid.incarnations();
    await lose(`${pod} lost its claim`, async () => {
      await world.kube.run("delete", "persistentvolumeclaim", claim, "--wait=false");
      await world.kube.run("delete", "pod", pod, "--grace-period=0", "--force");
    });
    await eventually("another incarnation", 120_000, async () => {
      const now = await grid.incarnations();
      return now.some((one) => !before.includes(one)) ? true : undefined;
    });
    await grid.whole(120_000, 3);
  });

  it("leaves members that carry the group without the one that never lost anything", async () => {
    // 1 and 2 were made anew: with 0 away everything rests on what they have learned.
    const place = await placeOf(0);
    await lose(`${place.pod} killed, the new members alone`, () => killProcess(world, place));
    await grid.whole(90_000, 3);
  });
});

describe("another image", () => {
  it("is rolled out pod by pod, and calls go on", async () => {
    const [pod] = await world.kube.list("pods", ODGM);
    const { containers } = pod?.spec as { containers: readonly { image: string }[] };
    const image = containers[0]?.image ?? "";
    const next = `${image.slice(0, image.lastIndexOf(":"))}:grid-next`;
    await renameImage(world, image, next);
    await lose("rolled", async () => {
      await world.kube.patch("odgmcollection", "accounts", { spec: { image: next } });
      await eventually("the other image everywhere", 180_000, async () => {
        const pods = await world.kube.list("pods", ODGM);
        const text = JSON.stringify(pods.map((one) => one.spec?.["containers"]));
        return pods.length === 3 && !text.includes(`"${image}"`) ? true : undefined;
      });
      await grid.whole(120_000, 3);
    });
  });
});

describe("a majority that is gone", () => {
  it("is refused by name, and comes back by itself", async () => {
    const gateways = await world.system.list("pods", "app.kubernetes.io/name=gateway");
    const stays = String(gateways[0]?.spec?.["nodeName"]);
    const gone = world.cluster.nodes.filter((node) => node !== stays);
    const ids = Array.from({ length: PARTITIONS }, (_, at) => idIn("major", at, PARTITIONS));
    await Promise.all(gone.map((node) => world.cluster.node(node).stop()));
    try {
      await eventually("a refusal by every partition", 60_000, async () => {
        const codes = await Promise.all(ids.map((id) => grid.put(id, stays)));
        return codes.every((code) => code === "503 NO_LEADER") ? true : undefined;
      });
      const { acknowledged } = traffic;
      await delay(3_000);
      expect(traffic.acknowledged).toBe(acknowledged);
      say(`no majority: ${traffic.takeCodes().join(", ")}`);
    } finally {
      await Promise.all(gone.map((node) => world.cluster.node(node).start()));
    }
    await traffic.everywhere();
    await grid.whole(120_000, 3);
  });
});

describe("in the end", () => {
  it("there is one history, and nothing acknowledged is missing", async () => {
    await traffic.stop();
    await traffic.check();
    say(traffic.summary());
    const late = losses.filter(({ ms }) => ms >= TARGET_MS);
    say(
      `from the last write before a loss to the first one after it: ` +
        losses.map(({ what, ms }) => `${what} ${ms} ms`).join("; ") +
        `; ${losses.length - late.length} of ${losses.length} below ${TARGET_MS} ms`,
    );
    expect(traffic.acknowledged).toBeGreaterThan(1_000);
  });
});
