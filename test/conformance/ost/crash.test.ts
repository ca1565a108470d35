// kill -9 in the middle of writes: what was acknowledged as durable is there. (The page cache
// survives a killed process; what a power loss takes is in power.test.ts.)
import { afterEach, describe, expect, it } from "@jest/globals";

import type { ObjectId } from "#workloads/core/ost/index.ts";
import { OstClient } from "#workloads/rawstor/index.ts";

import { allIds, Scratch, startOst } from "./ost-process.ts";
import { RawPeer } from "./raw-peer.ts";

const scratch = new Scratch();
const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;
const BLOCK = 4096;
const WORKERS = 16;
const BLOCKS_PER_WORKER = 64;

afterEach(() => scratch.clear());

/** A block that says which write it is. */
function block(worker: number, version: number): Buffer {
  const buffer = Buffer.alloc(BLOCK, worker);
  buffer.writeUInt32LE(version, 0);
  buffer.writeUInt32LE(version, BLOCK - 4);
  return buffer;
}

describe("kill -9", () => {
  it("in the middle of sync writes: every acknowledged write is there, at every restart", async () => {
    const dataDir = scratch.folder();
    const acknowledged = new Map<number, number>();
    const sent = new Map<number, number>();
    let version = 0;
    for (let crash = 0; crash < 4; crash++) {
      const ost = await startOst({ dataDir });
      const peer = await RawPeer.connect(ost.port);
      if (crash === 0) {
        const sizeBytes = WORKERS * BLOCKS_PER_WORKER * BLOCK;
        await peer.result({ command: "allocate", id, sizeBytes });
      }
      await peer.result({ command: "set-object", id });
      for (const [index, wanted] of acknowledged) {
        const { result, payload } = await peer.read(index * BLOCK, BLOCK);
        expect(result).toBe(BLOCK);
        const found = Buffer.from(payload ?? []);
        const at = found.readUInt32LE(0);
        expect(at).toBeGreaterThanOrEqual(wanted);
        expect(at).toBeLessThanOrEqual(sent.get(index) ?? wanted);
        expect(found.equals(block(Math.floor(index / BLOCKS_PER_WORKER), at))).toBe(true);
      }
      let answers = 0;
      const work = async (worker: number): Promise<void> => {
        for (;;) {
          version += 1;
          const mine = version;
          const index =
            worker * BLOCKS_PER_WORKER + (Math.floor(mine / WORKERS) % BLOCKS_PER_WORKER);
          sent.set(index, mine);
          const write = peer.write(index * BLOCK, block(worker, mine), true);
          const dead = await Promise.race([write.then(() => false), peer.closed.then(() => true)]);
          if (dead) return;
          acknowledged.set(index, mine);
          answers += 1;
          if (answers === 200) ost.kill("SIGKILL");
        }
      };
      await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)));
      await ost.ended;
    }
    expect(acknowledged.size).toBeGreaterThan(100);
  });

  it("in the middle of ALLOCATE and RELEASE: the list is what was acknowledged", async () => {
    const dataDir = scratch.folder();
    const first = await startOst({ dataDir });
    const client = new OstClient({
      address: { host: "127.0.0.1", port: first.port },
      retry: { attempts: 1 },
    });
    const there = new Set<ObjectId>();
    const unknown = new Set<ObjectId>();
    const idOf = (n: number) =>
      `0190aaaa-bbbb-7ccc-8ddd-${n.toString(16).padStart(12, "0")}` as ObjectId;
    for (let n = 0; n < 60; n++) {
      if (n === 50) first.kill("SIGKILL");
      const next = idOf(n);
      const old = idOf(n - 20);
      try {
        unknown.add(next);
        await client.allocate(next, BLOCK);
        there.add(next);
        unknown.delete(next);
        if (n < 20) continue;
        unknown.add(old);
        await client.release(old);
        there.delete(old);
        unknown.delete(old);
      } catch (cause: unknown) {
        expect(cause).toMatchObject({ code: "RAWSTOR_UNREACHABLE" });
        break;
      }
    }
    client.close();
    await first.ended;
    const again = await startOst({ dataDir });
    const reader = new OstClient({ address: { host: "127.0.0.1", port: again.port } });
    const found = new Set(await allIds(reader));
    reader.close();
    expect(there.size).toBeGreaterThan(0);
    for (const each of there) if (!unknown.has(each)) expect(found).toContain(each);
    for (const each of found) expect(there.has(each) || unknown.has(each)).toBe(true);
  });
});
