// A disk that fails: injected into the system calls of the real process.
import { join } from "node:path";

import { afterEach, describe, expect, it } from "@jest/globals";

import type { OstStatus } from "#api/workload/ost.ts";
import type { ObjectId } from "#workloads/core/ost/index.ts";

import { Scratch, startOst, stopOst } from "./ost-process.ts";
import { RawPeer } from "./raw-peer.ts";

const scratch = new Scratch();
const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;

afterEach(() => scratch.clear());

/** strace in front, that makes a call on one file fail. */
function failing(path: string, fault: string): readonly string[] {
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-P", path, "-e", `inject=${fault}`];
}

async function bound(port: number): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  await peer.result({ command: "allocate", id, sizeBytes: 8 << 20 });
  expect(await peer.result({ command: "set-object", id })).toBe(0);
  return peer;
}

describe("a failing disk", () => {
  it("a failed fdatasync is answered -EIO, never retried, and writes end; reads go on", async () => {
    const dataDir = scratch.folder();
    const object = join(dataDir, "objects", id);
    await stopOst(await startOst({ dataDir }));
    const ost = await startOst({
      dataDir,
      args: ["--health-listen", "127.0.0.1:0"],
      wrapper: failing(object, "fdatasync:error=EIO:when=1"),
    });
    const peer = await bound(ost.port);
    expect((await peer.write(0, Buffer.from("ping"))).result).toBe(4);
    const waiting = [peer.write(0, Buffer.from("pong"), true), peer.result({ command: "flush" })];
    expect(
      (await Promise.all(waiting)).map((each) => (typeof each === "number" ? each : each.result)),
    ).toEqual([-5, -5]);
    // Injected only once: a second sync would work, and would lie.
    expect(await peer.result({ command: "flush" })).toBe(-5);
    expect((await peer.write(4096, Buffer.from("more"))).result).toBe(-5);
    expect(await peer.result({ command: "release", id })).toBe(-5);
    expect((await peer.read(0, 4)).result).toBe(4);
    const url = `http://127.0.0.1:${String(ost.healthPort)}`;
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining("EIO")]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const status = (await (await fetch(`${url}/status`)).json()) as OstStatus;
    expect(status).toMatchObject({ state: "Failed", lastErrors: [{ code: "Sync" }] });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain("rawstor_ost_failed 1");
  });

  it("a full disk is -ENOSPC, and what was there can still be read", async () => {
    const dataDir = scratch.folder();
    const object = join(dataDir, "objects", id);
    const ost = await startOst({
      dataDir,
      wrapper: failing(object, "pwrite64:error=ENOSPC:when=9+"),
    });
    const peer = await bound(ost.port);
    const results: number[] = [];
    for (let n = 0; n < 8; n++) {
      results.push((await peer.write(n * 4096, Buffer.alloc(4096, n + 1))).result);
    }
    expect(results.filter((result) => result === 4096).length).toBeGreaterThan(0);
    expect(results.at(-1)).toBe(-28);
    for (let n = 0; n < 8; n++) {
      const { result, payload } = await peer.read(n * 4096, 4096);
      expect(result).toBe(4096);
      expect(payload?.[0]).toBe(results[n] === 4096 ? n + 1 : 0);
    }
  });
});
