// A disk of a node as an OstTarget: served, kept through restarts, refused by name when it is another
// one, and let go only when nothing is on it. A disk is swapped as a person would: another file
// system is mounted in its place, and the pod that had it open goes.
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { parseObjectId } from "#workloads/core/ost/index.ts";
import { OstClient } from "#workloads/rawstor/index.ts";

import type { AnyObject, Kube } from "./support/kube.ts";
import { condition, eventually, waitCondition } from "./support/kube.ts";
import { packageYaml } from "./support/package.ts";
import type { World } from "./support/world.ts";
import { openWorld } from "./support/world.ts";

const DISKS = "/var/lib/rawstor/disks";
const CHILDREN = "statefulsets,pods,services,serviceaccounts,persistentvolumeclaims";
const SECONDS_90 = 90_000;
const OBJECT = must(parseObjectId("0190aaaa-bbbb-7ccc-8ddd-000000000001"));
const MiB = 1 << 20;
let world: World;
let rawstor: Kube;

beforeAll(async () => {
  world = await openWorld("e2e-ost-target");
  rawstor = world.kube.in("rawstor-system");
  await clean();
}, 600_000);

afterAll(async () => {
  await clean();
  await world.dispose();
}, 300_000);

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("there is none");
  return value;
}

async function onNode(node: string, script: string): Promise<string> {
  const result = await world.cluster.node(node).exec(["sh", "-ec", script]);
  if (result.code !== 0) throw new Error(`${node}: ${script}: ${result.stderr}`);
  return result.stdout;
}

/** Removes every target, whatever an earlier run left of it, and wipes the disks. */
async function clean(): Promise<void> {
  for (const target of await world.kube.list("osttargets")) {
    await world.kube.run("annotate", "osttarget", target.metadata.name, "rawstor.io/abandon=true");
  }
  await world.kube.run("delete", "osttargets", "--all", "--timeout=60s");
  const kinds = `${CHILDREN},configmaps`;
  await rawstor.run("delete", kinds, "-l", "rawstor.io/target", "--timeout=60s");
  await rawstor.run("delete", "persistentvolumes", "-l", "rawstor.io/target", "--timeout=60s");
  for (const node of world.cluster.nodes) {
    await onNode(
      node,
      `for d in ${DISKS}/disk-*; do
         while [ "$(grep -c " $d " /proc/self/mountinfo)" -gt 1 ]; do umount "$d"; done
         find "$d" -mindepth 1 -delete
       done`,
    );
  }
}

async function apply(name: string, spec: Readonly<Record<string, unknown>>): Promise<void> {
  const head = { apiVersion: "rawstor.io/v1alpha1", kind: "OstTarget", metadata: { name } };
  await world.kube.apply(JSON.stringify({ ...head, spec: { nodeName: "node-1", ...spec } }));
}

async function until(name: string, type: string, status: string, reason?: string) {
  const want = { type, status, ...(reason === undefined ? {} : { reason }) };
  return await waitCondition(world.kube, { kind: "osttarget", name }, want, SECONDS_90);
}

async function children(name: string): Promise<readonly string[]> {
  const selector = `rawstor.io/target=${name}`;
  const all: AnyObject[] = [
    ...(await rawstor.list(CHILDREN, selector)),
    ...(await rawstor.list("persistentvolumes", selector)),
  ];
  return all.map((object) => `${object.kind}/${object.metadata.name}`);
}

/** Replaces the pod and waits until the old one is gone. */
async function replacePod(name: string): Promise<void> {
  await rawstor.run("delete", "pod", "-l", `rawstor.io/target=${name}`, "--timeout=90s");
}

async function withClient<T>(name: string, use: (client: OstClient) => Promise<T>): Promise<T> {
  const target = await until(name, "Ready", "True");
  const [host, port] = String(target.status?.["address"]).split(":");
  const client = new OstClient({ address: { host: must(host), port: Number(port) } });
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

const PATTERN = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 31) % 251);

async function readBack(name: string): Promise<Buffer> {
  return await withClient(name, async (client) => {
    const object = must(await client.open(OBJECT));
    try {
      return Buffer.from(await object.read(4_000, PATTERN.length));
    } finally {
      object.close();
    }
  });
}

describe("a blank disk", () => {
  it("becomes a target with a numeric address and its size", async () => {
    await apply("one", { path: `${DISKS}/disk-1`, capacity: "100Mi" });
    const target = await until("one", "Ready", "True");
    expect(target.status?.["address"]).toMatch(/^\d+\.\d+\.\d+\.\d+:7777$/);
    const capacity = { totalBytes: 100 * MiB, usedBytes: 0, availableBytes: 100 * MiB };
    expect(target.status?.["capacity"]).toEqual(capacity);
    expect(target.status?.["objects"]).toBe(0);
    expect(condition(target, "DiskHealthy")).toMatchObject({ status: "True" });
    expect(condition(target, "Registered")).toMatchObject({ status: "True" });
    // The permission to format went with the pod that used it.
    const [pod] = await rawstor.list("pods", "rawstor.io/target=one");
    expect(JSON.stringify(pod?.spec)).not.toContain("IfBlank");
  }, 180_000);

  it("holds what is written, as the client library reads it", async () => {
    await withClient("one", async (client) => {
      expect(await client.allocate(OBJECT, MiB)).toBe("allocated");
      const object = must(await client.open(OBJECT));
      await object.write(4_000, PATTERN, { sync: true });
      object.close();
      expect((await client.list()).ids).toEqual([OBJECT]);
      expect(await client.spec(OBJECT)).toBe(MiB);
    });
    expect(await readBack("one")).toEqual(Buffer.from(PATTERN));
  }, 60_000);

  it("keeps it when its pod is deleted", async () => {
    await replacePod("one");
    expect(await readBack("one")).toEqual(Buffer.from(PATTERN));
  }, 180_000);

  it("is one line of `kubectl get rawstor` that says how it is", async () => {
    await until("one", "Ready", "True");
    const lines = (await world.kube.run("get", "rawstor")).split("\n");
    expect(lines[0]?.split(/\s+/)).toEqual(
      expect.arrayContaining(["NAME", "NODE", "READY", "REASON", "TOTAL", "USED"]),
    );
    expect(lines.find((line) => line.includes("/one ") || line.startsWith("one "))).toMatch(
      /node-1\s+True\s+Available\s+104857600/,
    );
  });
});

/** Mounts something else over the disk. Private, or the kubelet would unmount it with the old pod. */
async function swapDisk1(mount: string): Promise<void> {
  const path = `${DISKS}/disk-1`;
  await onNode("node-1", `mount --make-private ${path} && mount ${mount} ${path}`);
}

describe("another disk in its place is refused by name, and its own is found again:", () => {
  it("an empty one", async () => {
    await swapDisk1("-t tmpfs -o size=64m tmpfs");
    await replacePod("one");
    const target = await until("one", "DiskHealthy", "False", "EmptyDisk");
    expect(condition(target, "Ready")).toMatchObject({ status: "False", reason: "EmptyDisk" });
    expect(condition(target, "Stalled")).toMatchObject({ status: "True", reason: "EmptyDisk" });
    expect(await onNode("node-1", `ls -A ${DISKS}/disk-1`)).toBe("");
    await onNode("node-1", `umount ${DISKS}/disk-1`);
    await replacePod("one");
    expect(await readBack("one")).toEqual(Buffer.from(PATTERN));
  }, 300_000);

  it("one of another target", async () => {
    await apply("two", { path: `${DISKS}/disk-2` });
    await until("two", "Ready", "True");
    await swapDisk1(`--bind ${DISKS}/disk-2`);
    await replacePod("one");
    await until("one", "DiskHealthy", "False", "WrongDisk");
    await onNode("node-1", `umount ${DISKS}/disk-1`);
    await replacePod("one");
    expect(await readBack("one")).toEqual(Buffer.from(PATTERN));
    await until("two", "Ready", "True");
  }, 360_000);
});

describe("a disk with files of something else", () => {
  it("is refused as ForeignDisk and left as it is; once they are gone it is taken", async () => {
    const file = `${DISKS}/disk-1/thesis.txt`;
    await onNode("node-2", `echo precious > ${file}`);
    await apply("foreign", { nodeName: "node-2", path: `${DISKS}/disk-1` });
    await until("foreign", "DiskHealthy", "False", "ForeignDisk");
    expect(await onNode("node-2", `cat ${file}; ls -A ${DISKS}/disk-1`)).toBe(
      "precious\nthesis.txt\n",
    );
    await onNode("node-2", `rm ${file}`);
    await replacePod("foreign");
    await until("foreign", "Ready", "True");
  }, 300_000);
});

describe("what is not served is refused by field, and nothing is made:", () => {
  it.each([
    ["a path outside the prefix", "outside", { path: "/etc/disk" }, "Invalid", "spec.path"],
    [
      "a raw device",
      "device",
      { device: "/dev/disk/by-id/nvme-none" },
      "Unsupported",
      "spec.device",
    ],
  ])(
    "%s",
    async (_what, name, spec, reason, path) => {
      await apply(name, spec);
      const target = await until(name, "Stalled", "True", reason);
      expect(condition(target, "Stalled")?.message).toContain(`${path}: `);
      expect(await children(name)).toEqual([]);
      expect(await rawstor.get("configmap", `${name}-identity`)).toBeUndefined();
      await world.kube.run("delete", "osttarget", name, "--timeout=60s");
    },
    120_000,
  );

  it("a RawstorVolume", async () => {
    const metadata = { name: "later" };
    const head = { apiVersion: "rawstor.io/v1alpha1", kind: "RawstorVolume", metadata };
    await world.kube.apply(JSON.stringify({ ...head, spec: { size: "1Gi" } }));
    const want = { type: "Stalled", status: "True", reason: "Unsupported" };
    await waitCondition(world.kube, { kind: "rawstorvolume", name: "later" }, want, SECONDS_90);
    await world.kube.run("delete", "rawstorvolume", "later", "--timeout=60s");
  }, 120_000);
});

interface AuditEvent {
  readonly verb: string;
  readonly stage: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
}

/** Longer than the operator waits before it tells of mere counts. */
const SETTLED_MS = 35_000;
const QUIET_MS = 85_000;

describe("at rest, with targets and a package,", () => {
  it("the operators ask the API server for nothing but their Leases", async () => {
    await world.kube.apply(packageYaml({ name: "rest", deletionPolicy: "Delete" }));
    const isReady = { type: "Ready", status: "True" };
    await waitCondition(world.kube, { kind: "opackage", name: "rest" }, isReady, 180_000);
    for (const name of ["one", "two", "foreign"]) await until(name, "Ready", "True");
    const log = must(world.cluster.auditLogPath);
    await delay(SETTLED_MS);
    const from = (await readFile(log)).length;
    await delay(QUIET_MS);
    const events = (await readFile(log))
      .subarray(from)
      .toString()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as AuditEvent)
      .filter((event) => /-system:(oaas|rawstor)-operator$/.test(event.user.username))
      .filter((event) => event.stage === "ResponseComplete" || event.stage === "ResponseStarted");
    const renewals = events.filter(
      (event) => event.verb === "update" && event.requestURI.includes("/leases/"),
    );
    const who = new Set(renewals.map((event) => event.user.username.split(":").at(-1)));
    expect([...who].sort()).toEqual(["oaas-operator", "rawstor-operator"]);
    const others = events.filter((event) => !renewals.includes(event) && event.verb !== "watch");
    expect(
      others.map((event) => `${event.user.username} ${event.verb} ${event.requestURI}`),
    ).toEqual([]);
    await world.kube.run("delete", "opackage", "rest", "--wait=true");
  }, 420_000);
});

describe("a new image", () => {
  it("never takes two targets at a time", async () => {
    const image = "oaas-operator.local/does-not-exist:1";
    for (const name of ["one", "two"]) await apply(name, { ...(await specOf(name)), image });
    // The first cannot come back, so the second goes on serving with what it has.
    const down = await eventually("one target to go down", SECONDS_90, async () => {
      const targets = await Promise.all(["one", "two"].map((name) => get(name)));
      return targets.find((target) => condition(target, "Ready")?.reason === "ImagePullFailed");
    });
    const other = down.metadata.name === "one" ? "two" : "one";
    await delay(10_000);
    const pods = await rawstor.list("pods", `rawstor.io/target=${other}`);
    expect(JSON.stringify(pods[0]?.spec)).not.toContain(image);
    for (const name of ["one", "two"]) {
      await world.kube.run("patch", "osttarget", name, "--type=json", "-p", REMOVE_IMAGE);
    }
    for (const name of ["one", "two"]) await until(name, "Ready", "True");
    expect(await readBack("one")).toEqual(Buffer.from(PATTERN));
  }, 300_000);
});

const REMOVE_IMAGE = JSON.stringify([{ op: "remove", path: "/spec/image" }]);

async function get(name: string): Promise<AnyObject> {
  return must(await world.kube.get("osttarget", name));
}

async function specOf(name: string): Promise<Readonly<Record<string, unknown>>> {
  return (await get(name)).spec ?? {};
}

describe("a target that is deleted", () => {
  it("waits while objects are on it, says so with the way out, and then goes with its children", async () => {
    await until("one", "Ready", "True");
    await world.kube.run("delete", "osttarget", "one", "--wait=false");
    const told = await eventually("the reason", SECONDS_90, async () => {
      const found = condition(await world.kube.get("osttarget", "one"), "Reconciling");
      return found?.reason === "InUse" ? found : undefined;
    });
    expect(told.message).toMatch(/1 object is on it.*rawstor\.io\/accept-data-loss=[-0-9a-f]+/);
    expect(await readFromDeleting("one")).toEqual(Buffer.from(PATTERN));
    await eventually("no target", SECONDS_90, async () =>
      (await world.kube.get("osttarget", "one")) === undefined ? true : undefined,
    );
    expect(await children("one")).toEqual([]);
  }, 240_000);

  it("made again under its name it finds its disk by the record that stayed", async () => {
    expect(await rawstor.get("configmap", "one-identity")).toBeDefined();
    await apply("one", { path: `${DISKS}/disk-1` });
    const target = await until("one", "Ready", "True");
    expect(target.status?.["objects"]).toBe(0);
  }, 180_000);

  it("goes with objects on it once their loss is accepted by the disk's name", async () => {
    await withClient("two", async (client) => await client.allocate(OBJECT, MiB));
    await world.kube.run("delete", "osttarget", "two", "--wait=false");
    const record = must(await rawstor.get("configmap", "two-identity"));
    const loss = `rawstor.io/accept-data-loss=${String(record.data?.["incarnation"])}`;
    await world.kube.run("annotate", "osttarget", "two", loss);
    await eventually("no target", SECONDS_90, async () =>
      (await world.kube.get("osttarget", "two")) === undefined ? true : undefined,
    );
    expect(await children("two")).toEqual([]);
    expect(await onNode("node-1", `ls ${DISKS}/disk-2/objects`)).not.toBe("");
  }, 180_000);
});

/** Reads the object through the address that status still shows, and releases it. */
async function readFromDeleting(name: string): Promise<Buffer> {
  const [host, port] = String((await get(name)).status?.["address"]).split(":");
  const client = new OstClient({ address: { host: must(host), port: Number(port) } });
  try {
    const object = must(await client.open(OBJECT));
    const bytes = Buffer.from(await object.read(4_000, PATTERN.length));
    object.close();
    expect(await client.release(OBJECT)).toBe("released");
    return bytes;
  } finally {
    client.close();
  }
}
