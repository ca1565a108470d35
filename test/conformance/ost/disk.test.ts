// Which disks a target takes, what it says about the others, and what it does about damage.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "@jest/globals";

import type { OstStatus } from "#api/workload/ost.ts";
import { ostExitCodes } from "#api/workload/ost.ts";
import type { ObjectId } from "#workloads/core/ost/index.ts";

import type { StartOptions } from "./ost-process.ts";
import { runOst, Scratch, startOst, stopOst } from "./ost-process.ts";
import { RawPeer } from "./raw-peer.ts";

const scratch = new Scratch();
const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;

afterEach(() => scratch.clear());

async function formatted(...args: readonly string[]): Promise<string> {
  const dataDir = scratch.folder();
  await stopOst(await startOst({ dataDir, args }));
  return dataDir;
}

/** Ends with this refusal, says it by name, and leaves the folder as it was. */
async function expectRefused(options: StartOptions, name: keyof typeof ostExitCodes) {
  const before = existsSync(options.dataDir) ? readdirSync(options.dataDir) : undefined;
  const { code, stderr } = await runOst(options);
  expect({ code, named: stderr.includes(`${name}: `) }).toEqual({
    code: ostExitCodes[name],
    named: true,
  });
  const after = existsSync(options.dataDir) ? readdirSync(options.dataDir) : undefined;
  expect(after).toEqual(before);
}

function flip(path: string, position: number): void {
  const fd = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, position);
  writeSync(fd, Buffer.from([(byte[0] ?? 0) ^ 0xff]), 0, 1, position);
  closeSync(fd);
}

describe("disks", () => {
  it("an empty one is refused unless formatting is allowed", async () => {
    const dataDir = scratch.folder();
    await expectRefused({ dataDir, noFormat: true }, "EmptyDisk");
    mkdirSync(join(dataDir, "lost+found"));
    await expectRefused({ dataDir, noFormat: true }, "EmptyDisk");
    await stopOst(await startOst({ dataDir }));
    const { code } = await stopOst(await startOst({ dataDir, noFormat: true }));
    expect(code).toBe(0);
  });

  it.each([
    { what: "cluster", args: ["--cluster", "c-2", "--target", "t-1"] },
    { what: "target", args: ["--cluster", "c-1", "--target", "t-2"] },
  ])("one of another $what is refused, even if formatting is allowed", async ({ args }) => {
    const dataDir = await formatted("--cluster", "c-1", "--target", "t-1");
    await expectRefused({ dataDir, args }, "WrongDisk");
  });

  it("one with files and no superblock is refused, even if formatting is allowed", async () => {
    const dataDir = scratch.folder();
    writeFileSync(join(dataDir, "holiday.jpg"), "x");
    await expectRefused({ dataDir }, "ForeignDisk");
  });

  it("one that lost its superblock is refused, not formatted again", async () => {
    const dataDir = await formatted();
    const ost = await startOst({ dataDir });
    const peer = await RawPeer.connect(ost.port);
    await peer.result({ command: "allocate", id, sizeBytes: 4096 });
    await stopOst(ost);
    const text = readFileSync(join(dataDir, "superblock"));
    writeFileSync(join(dataDir, "superblock"), text.subarray(0, 20));
    await expectRefused({ dataDir }, "DamagedSuperblock");
    rmSync(join(dataDir, "superblock"));
    await expectRefused({ dataDir }, "ForeignDisk");
  });

  it("one of a newer program is refused", async () => {
    const dataDir = await formatted();
    const path = join(dataDir, "superblock");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace('"formatVersion": 1', '"formatVersion": 2'));
    await expectRefused({ dataDir }, "NewerFormat");
  });

  it("one whose superblock was changed is refused", async () => {
    const dataDir = await formatted("--target", "t-1");
    const path = join(dataDir, "superblock");
    writeFileSync(path, readFileSync(path, "utf8").replace("t-1", "t-2"));
    await expectRefused({ dataDir, args: ["--target", "t-2"] }, "DamagedSuperblock");
  });

  it("one that another process serves is refused, and free once that was killed", async () => {
    const dataDir = scratch.folder();
    const first = await startOst({ dataDir });
    await expectRefused({ dataDir }, "DiskInUse");
    first.kill("SIGKILL");
    await first.ended;
    await stopOst(await startOst({ dataDir }));
  });

  it("one that is not there is refused", async () => {
    const dataDir = join(scratch.folder(), "absent");
    await expectRefused({ dataDir, noFormat: true }, "DiskUnavailable");
  });

  it("a bad setting ends it with usage", async () => {
    const { code, stderr } = await runOst({ dataDir: scratch.folder(), args: ["--capacity", "x"] });
    expect(code).toBe(ostExitCodes.Usage);
    expect(stderr).toContain("--capacity (OST_CAPACITY)");
  });
});

describe("a disk that is closed", () => {
  const other = "0190aaaa-bbbb-7ccc-8ddd-000000000002" as ObjectId;
  const args = ["--health-listen", "127.0.0.1:0"];
  const EROFS = -30;

  async function statusOf(port: number): Promise<OstStatus> {
    return (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as OstStatus;
  }

  async function order(port: number, method: string, holder: string): Promise<number> {
    const url = `http://127.0.0.1:${port}/closed?for=${holder}`;
    return (await fetch(url, { method })).status;
  }

  it("takes no new object, also after kill -9; what is there is served until it is released", async () => {
    const dataDir = scratch.folder();
    const first = await startOst({ dataDir, args });
    const before = await RawPeer.connect(first.port);
    expect(await before.result({ command: "allocate", id, sizeBytes: 4096 })).toBe(0);
    expect(await order(first.healthPort, "PUT", "uid@then")).toBe(204);
    expect(await before.result({ command: "allocate", id: other, sizeBytes: 4096 })).toBe(EROFS);
    expect(await before.result({ command: "allocate", id, sizeBytes: 4096 })).toBe(-17);
    first.kill("SIGKILL");
    await first.ended;
    const second = await startOst({ dataDir, args });
    const peer = await RawPeer.connect(second.port);
    const left = { objects: 1, closedFor: "uid@then", state: "Serving" };
    expect(await statusOf(second.healthPort)).toMatchObject(left);
    expect(await peer.result({ command: "allocate", id: other, sizeBytes: 4096 })).toBe(EROFS);
    await peer.result({ command: "set-object", id });
    expect((await peer.write(0, Buffer.alloc(4096, 7), true)).result).toBe(4096);
    expect(await peer.result({ command: "release", id })).toBe(0);
    expect(await statusOf(second.healthPort)).toMatchObject({ objects: 0, closedFor: "uid@then" });
  });

  it("is opened by whoever names for whom it is closed, and by nobody else", async () => {
    const dataDir = scratch.folder();
    const first = await startOst({ dataDir, args });
    expect(await order(first.healthPort, "PUT", "one")).toBe(204);
    expect(await order(first.healthPort, "PUT", "two")).toBe(204);
    expect(await order(first.healthPort, "DELETE", "one")).toBe(409);
    expect((await statusOf(first.healthPort)).closedFor).toBe("two");
    expect(await order(first.healthPort, "DELETE", "two")).toBe(204);
    expect(await order(first.healthPort, "DELETE", "two")).toBe(204);
    expect(await statusOf(first.healthPort)).not.toHaveProperty("closedFor");
    await stopOst(first);
    const second = await startOst({ dataDir, args });
    const peer = await RawPeer.connect(second.port);
    expect(await peer.result({ command: "allocate", id, sizeBytes: 4096 })).toBe(0);
  });

  it("is none before somebody asks for it in good form", async () => {
    const { healthPort } = await startOst({ dataDir: scratch.folder(), args });
    expect(await order(healthPort, "POST", "x")).toBe(405);
    expect(await order(healthPort, "GET", "x")).toBe(405);
    expect(await order(healthPort, "PUT", "")).toBe(400);
    expect(await order(healthPort, "PUT", "a/b")).toBe(400);
    expect(await statusOf(healthPort)).not.toHaveProperty("closedFor");
  });
});

describe("damage", () => {
  it("of a block is -EIO, also for a write into it; overwriting it whole heals it", async () => {
    const dataDir = scratch.folder();
    const ost = await startOst({ dataDir, args: ["--health-listen", "127.0.0.1:0"] });
    const peer = await RawPeer.connect(ost.port);
    await peer.result({ command: "allocate", id, sizeBytes: 1 << 20 });
    await peer.result({ command: "set-object", id });
    await peer.write(0, Buffer.alloc(16384, 7), true);
    flip(join(dataDir, "objects", id), 8192 + 4096 + 100);
    expect((await peer.read(0, 4096)).result).toBe(4096);
    expect((await peer.read(4096, 4096)).result).toBe(-5);
    expect((await peer.read(0, 16384)).result).toBe(-5);
    expect((await peer.write(5000, Buffer.from("x"))).result).toBe(-5);
    const url = `http://127.0.0.1:${ost.healthPort}`;
    const status = (await (await fetch(`${url}/status`)).json()) as OstStatus;
    expect(status.state).toBe("Serving");
    expect(status.lastErrors[0]).toMatchObject({ code: "Checksum" });
    expect(status.lastErrors[0]?.message).toContain("block at 4096");
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain("rawstor_ost_damaged_reads_total 3");
    expect((await peer.write(4096, Buffer.alloc(4096, 8))).result).toBe(4096);
    expect((await peer.read(0, 16384)).result).toBe(16384);
  });

  it("found after a clean restart is damage: nothing was announced", async () => {
    const dataDir = scratch.folder();
    const first = await startOst({ dataDir });
    const peer = await RawPeer.connect(first.port);
    await peer.result({ command: "allocate", id, sizeBytes: 1 << 20 });
    await peer.result({ command: "set-object", id });
    await peer.write(0, Buffer.alloc(8192, 7), true);
    await stopOst(first);
    flip(join(dataDir, "objects", id), 8192 + 100);
    const again = await RawPeer.connect((await startOst({ dataDir })).port);
    await again.result({ command: "set-object", id });
    expect((await again.read(0, 4096)).result).toBe(-5);
    expect((await again.read(4096, 4096)).result).toBe(4096);
  });

  it("within an announced group after a crash is sealed as found", async () => {
    const dataDir = scratch.folder();
    const first = await startOst({ dataDir });
    const peer = await RawPeer.connect(first.port);
    await peer.result({ command: "allocate", id, sizeBytes: 1 << 20 });
    await peer.result({ command: "set-object", id });
    await peer.write(0, Buffer.alloc(8192, 7), true);
    first.kill("SIGKILL");
    await first.ended;
    flip(join(dataDir, "objects", id), 8192 + 100);
    const again = await RawPeer.connect((await startOst({ dataDir })).port);
    await again.result({ command: "set-object", id });
    const { result, payload } = await again.read(0, 8192);
    expect(result).toBe(8192);
    expect(payload?.[100]).toBe(7 ^ 0xff);
    expect(payload?.[4096]).toBe(7);
  });

  it("of an object's header costs that object only", async () => {
    const dataDir = scratch.folder();
    const first = await startOst({ dataDir });
    const peer = await RawPeer.connect(first.port);
    const other = "0190aaaa-bbbb-7ccc-8ddd-000000000002" as ObjectId;
    await peer.result({ command: "allocate", id, sizeBytes: 4096 });
    await peer.result({ command: "allocate", id: other, sizeBytes: 4096 });
    await stopOst(first);
    flip(join(dataDir, "objects", id), 33);
    const again = await RawPeer.connect((await startOst({ dataDir })).port);
    expect(await again.result({ command: "set-object", id })).toBe(-5);
    expect(await again.result({ command: "allocate", id, sizeBytes: 4096 })).toBe(-17);
    expect(await again.result({ command: "set-object", id: other })).toBe(0);
    expect(await again.result({ command: "release", id })).toBe(0);
    expect(await again.result({ command: "allocate", id, sizeBytes: 4096 })).toBe(0);
  });
});
