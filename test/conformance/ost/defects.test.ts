// Each defect of the published server (reference/rawstor.md A.10) that a target can have, as a test
// of ours named after it.
import { statSync } from "node:fs";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "@jest/globals";

import type { ObjectId } from "#workloads/core/ost/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import type { OstProcess } from "./ost-process.ts";
import { Scratch, startOst } from "./ost-process.ts";
import { RawPeer } from "./raw-peer.ts";

const MIB = 1 << 20;
const scratch = new Scratch();
const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;

afterEach(() => scratch.clear());

async function start(sizeBytes: number): Promise<{ ost: OstProcess; peer: RawPeer; path: string }> {
  const dataDir = scratch.folder();
  const ost = await startOst({ dataDir });
  const peer = await RawPeer.connect(ost.port);
  expect(await peer.result({ command: "allocate", id, sizeBytes })).toBe(0);
  expect(await peer.result({ command: "set-object", id })).toBe(0);
  return { ost, peer, path: join(dataDir, "objects", id) };
}

/** Bytes that differ from MiB to MiB and from block to block. */
function pattern(bytes: number, seed: number): Buffer {
  const buffer = Buffer.alloc(bytes, seed & 0xff);
  for (let at = 0; at < bytes; at += 4096) buffer.writeUInt32LE(seed * 65536 + at / 4096, at);
  return buffer;
}

describe("defects of A.10", () => {
  it("D1 partial sends: 64 answers of 1 MiB to a peer that reads late stay whole", async () => {
    const { peer } = await start(8 * MIB);
    for (let n = 0; n < 8; n++) await peer.write(n * MIB, pattern(MIB, n));
    peer.pause();
    const reads = Array.from({ length: 64 }, (_, n) => peer.read((n % 8) * MIB, MIB));
    const other = await RawPeer.connect((await start(4096)).ost.port);
    expect(await other.result({ command: "location-info" })).toBe(16);
    peer.resume();
    const answers = await Promise.all(reads);
    answers.forEach(({ result, hash, payload }, n) => {
      expect(result).toBe(MIB);
      expect(hash).toBe(xxh3(payload ?? new Uint8Array()));
      expect(pattern(MIB, n % 8).equals(payload ?? new Uint8Array())).toBe(true);
    });
  });

  it.each([16, 64])("D2 one WRITE and one READ of %i MiB", async (mib) => {
    const { peer } = await start(mib * MIB);
    const data = pattern(mib * MIB, 3);
    expect((await peer.write(0, data)).result).toBe(mib * MIB);
    const { result, payload, hash } = await peer.read(0, mib * MIB);
    expect(result).toBe(mib * MIB);
    expect(data.equals(payload ?? new Uint8Array())).toBe(true);
    expect(hash).toBe(xxh3(data));
  });

  it("D3 32 writes of 1 MiB in flight, four times over", async () => {
    const { peer } = await start(32 * MIB);
    for (let round = 0; round < 4; round++) {
      const writes = Array.from({ length: 32 }, (_, n) =>
        peer.write(n * MIB, pattern(MIB, round * 32 + n), round % 2 === 0),
      );
      expect((await Promise.all(writes)).every(({ result }) => result === MIB)).toBe(true);
    }
    const { payload } = await peer.read(31 * MIB, MIB);
    expect(pattern(MIB, 3 * 32 + 31).equals(payload ?? new Uint8Array())).toBe(true);
  });

  it.each([
    { name: "crossing the end", offset: 9000, want: 1000 },
    { name: "at the end", offset: 10000, want: 0 },
    { name: "past the end", offset: 1 << 30, want: 0 },
  ])("D4 a READ $name carries exactly its result", async ({ offset, want }) => {
    const { peer } = await start(10000);
    const data = pattern(10000, 5);
    await peer.write(0, data);
    const { result, hash, payload } = await peer.read(offset, 4096);
    expect(result).toBe(want);
    expect(payload?.byteLength ?? 0).toBe(want);
    expect(hash).toBe(xxh3(data.subarray(offset)));
    expect((await peer.read(0, 4)).result).toBe(4);
  });

  it("D5 a negative READ result carries no payload", async () => {
    const { peer } = await start(4096);
    peer.collect();
    const frame = Buffer.from("7274737201000700000000000000008004000000000000000000000000", "hex");
    const before = (await peer.bytes(40)).byteLength;
    peer.send(frame);
    peer.send(frame);
    const answers = (await peer.bytes(before + 40)).subarray(before);
    const refused = "7274737201000700eaffffff0000000000000000";
    expect(answers.toString("hex")).toBe(refused + refused);
  });

  it("D6 a WRITE of length 0 is answered 0 and the connection goes on", async () => {
    const { peer } = await start(4096);
    expect((await peer.write(0, new Uint8Array(0))).result).toBe(0);
    expect((await peer.write(5000, new Uint8Array(0), true)).result).toBe(0);
    expect((await peer.write(0, Buffer.from("ping"))).result).toBe(4);
  });

  it("D7 SIGTERM under load ends it cleanly, with everything answered that was acknowledged", async () => {
    const { ost, peer } = await start(8 * MIB);
    const load = async (worker: number): Promise<void> => {
      for (let n = 0; ; n++) {
        const write = peer.write(worker * 65536, pattern(65536, n), n % 4 === 0);
        const ended = await Promise.race([write.then(() => false), peer.closed.then(() => true)]);
        if (ended) return;
      }
    };
    const workers = Array.from({ length: 32 }, (_, worker) => load(worker));
    for (let n = 0; n < 50; n++) await peer.read(0, 4096);
    ost.kill("SIGTERM");
    const { code, signal } = await ost.ended;
    await Promise.all(workers);
    expect({ code, signal }).toEqual({ code: 0, signal: null });
  });

  it("D8 SIGSTOP and SIGCONT do not end it", async () => {
    const { ost, peer } = await start(4096);
    for (let n = 0; n < 5; n++) {
      ost.kill("SIGSTOP");
      const write = peer.write(0, Buffer.from([n]));
      ost.kill("SIGCONT");
      expect((await write).result).toBe(1);
    }
  });

  it("D12 DISCARD gives blocks back and reads as zeros, to the byte", async () => {
    const { peer, path } = await start(8 * MIB + 100);
    const data = pattern(8 * MIB + 100, 1);
    await peer.write(0, data.subarray(0, 8 * MIB));
    await peer.write(8 * MIB, data.subarray(8 * MIB), true);
    const before = statSync(path).blocks;
    const ranges: readonly (readonly [number, number])[] = [
      [1000, 5 * MIB],
      [6 * MIB, 1],
      [6 * MIB + 5000, 3000],
      [8 * MIB - 10, 110],
    ];
    for (const [offset, lengthBytes] of ranges) {
      const call = { command: "discard", offset, lengthBytes, sync: true } as const;
      expect(await peer.result(call)).toBe(0);
      data.fill(0, offset, offset + lengthBytes);
    }
    expect((before - statSync(path).blocks) * 512).toBeGreaterThan(4.9 * MIB);
    const { payload } = await peer.read(0, 8 * MIB + 100);
    expect(data.equals(payload ?? new Uint8Array())).toBe(true);
    expect((await peer.write(2 * MIB, Buffer.alloc(MIB, 7), true)).result).toBe(MIB);
    expect((await peer.read(2 * MIB, MIB)).payload?.every((byte) => byte === 7)).toBe(true);
  });
});
