// The byte examples of reference/rawstor.md A.3 and the black-box scenarios of A.8 for "another
// OST", against the real process.
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import type { ObjectId } from "#workloads/core/ost/index.ts";
import { decodeListPage, ID_ZERO, parseObjectId } from "#workloads/core/ost/index.ts";
import { OstClient } from "#workloads/rawstor/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import type { OstProcess } from "./ost-process.ts";
import { allIds, Scratch, startOst } from "./ost-process.ts";
import { RawPeer } from "./raw-peer.ts";

const scratch = new Scratch();
const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;
const ids = (count: number): readonly ObjectId[] =>
  Array.from({ length: count }, (_, n) => {
    const text = `0190aaaa-bbbb-7ccc-8ddd-${(n + 1).toString(16).padStart(12, "0")}`;
    return parseObjectId(text) ?? ID_ZERO;
  });
let ost: OstProcess;

async function start(...args: readonly string[]): Promise<void> {
  ost = await startOst({ dataDir: scratch.folder(), args });
}

async function bound(sizeBytes: number): Promise<RawPeer> {
  const peer = await RawPeer.connect(ost.port);
  expect(await peer.result({ command: "allocate", id, sizeBytes })).toBe(0);
  expect(await peer.result({ command: "set-object", id })).toBe(0);
  return peer;
}

afterEach(() => scratch.clear());

/** Request, and the exact answer. */
const examples: readonly { name: string; send: string; want: string }[] = [
  {
    name: "SET_OBJECT of a missing object",
    send: "72747372 0000 0000 0190aaaabbbb7ccc8ddd000000000001 0000000000000000 0000000000000000",
    want: "72747372 0000 0000 feffffff 0000000000000000",
  },
  {
    name: "ALLOCATE 1 MiB",
    send: "72747372 0400 0000 0190aaaabbbb7ccc8ddd000000000001 0000000000000000 0000100000000000",
    want: "72747372 0400 0000 00000000 0000000000000000",
  },
  {
    name: "SET_OBJECT",
    send: "72747372 0000 0000 0190aaaabbbb7ccc8ddd000000000001 0000000000000000 0000000000000000",
    want: "72747372 0000 0000 00000000 0000000000000000",
  },
  {
    name: 'WRITE "ping" at 0',
    send: "72747372 0200 0100 0000000000000000 04000000 3a194d59820e4003 00 70696e67",
    want: "72747372 0200 0100 04000000 3a194d59820e4003",
  },
  {
    name: "READ 4 at 0",
    send: "72747372 0100 0200 0000000000000000 04000000 0000000000000000 00",
    want: "72747372 0100 0200 04000000 3a194d59820e4003 70696e67",
  },
  {
    name: "FLUSH",
    send: "72747372 0900 0300 00000000000000000000000000000000 0000000000000000 0000000000000000",
    want: "72747372 0900 0300 00000000 0000000000000000",
  },
  {
    name: "SPEC",
    send: "72747372 0700 0000 0190aaaabbbb7ccc8ddd000000000001 0000000000000000 0000000000000000",
    want: "72747372 0700 0000 08000000 0000000000000000 0000100000000000",
  },
  {
    name: "DISCARD 4 at 0",
    send: "72747372 0300 0400 0000000000000000 04000000 0000000000000000 00",
    want: "72747372 0300 0400 00000000 0000000000000000",
  },
  {
    name: "LIST",
    send: "72747372 0600 0000 00000000000000000000000000000000 0000000000000000 0000000000000000",
    want:
      "72747372 0600 0000 20000000 0000000000000000 0190aaaabbbb7ccc8ddd000000000001" +
      "00000000000000000000000000000000",
  },
  {
    name: "RELEASE",
    send: "72747372 0500 0000 0190aaaabbbb7ccc8ddd000000000001 0000000000000000 0000000000000000",
    want: "72747372 0500 0000 00000000 0000000000000000",
  },
  {
    name: "an empty LIST",
    send: "72747372 0600 0000 00000000000000000000000000000000 0000000000000000 0000000000000000",
    want: "72747372 0600 0000 10000000 0000000000000000 00000000000000000000000000000000",
  },
];
const hexOf = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("byte examples (A.3)", () => {
  it.each([
    { name: "frame by frame", pieces: (frame: Buffer) => [frame] },
    {
      name: "byte by byte",
      pieces: (frame: Buffer) => Array.from(frame, (byte) => Buffer.from([byte])),
    },
  ])("are answered byte for byte, sent $name", async ({ pieces }) => {
    await start();
    const peer = await RawPeer.connect(ost.port);
    peer.collect();
    let received = 0;
    for (const { name, send, want } of examples) {
      for (const piece of pieces(hexOf(send))) peer.send(piece);
      const all = await peer.bytes(received + hexOf(want).byteLength);
      expect([name, all.subarray(received).toString("hex")]).toEqual([
        name,
        hexOf(want).toString("hex"),
      ]);
      received = all.byteLength;
    }
    peer.destroy();
  });

  it.each([
    { name: "a wrong magic", send: "73747372 0400 0000" },
    { name: "a byte-swapped magic", send: "72737472 0004 0000" },
    { name: "an unknown command", send: "72747372 0a00 0000" },
    {
      name: "a WRITE above 64 MiB",
      send: "72747372 0200 0000 0000000000000000 01000004 0000000000000000 00",
    },
  ])("end the connection without an answer at $name", async ({ send }) => {
    await start();
    const peer = await RawPeer.connect(ost.port);
    peer.send(hexOf(send));
    await peer.closed;
    const next = await RawPeer.connect(ost.port);
    expect(await next.result({ command: "location-info" })).toBe(16);
  });
});

describe("scenarios (A.8)", () => {
  it("1 simple_success: ALLOCATE, SET_OBJECT, WRITE, READ back", async () => {
    await start();
    const peer = await bound(1 << 20);
    const ping = Buffer.from("ping");
    expect(await peer.write(0, ping)).toMatchObject({ result: 4, hash: xxh3(ping) });
    const { payload } = await peer.read(0, 4);
    expect(Buffer.from(payload ?? []).toString()).toBe("ping");
  });

  it("2 write_throttle: 20 writes without reading a reply are all answered in full", async () => {
    await start();
    const peer = await bound(1 << 20);
    peer.pause();
    const replies = Array.from({ length: 20 }, (_, n) =>
      peer.write(n * 4096, Buffer.alloc(4096, n)),
    );
    peer.resume();
    expect((await Promise.all(replies)).map(({ result }) => result)).toEqual(Array(20).fill(4096));
  });

  it("3 write_backlog: 50 writes against a tiny backlog are full or EBUSY", async () => {
    await start("--write-backlog", "16Ki");
    const peer = await bound(1 << 20);
    const replies = Array.from({ length: 50 }, (_, n) =>
      peer.write(n * 4096, Buffer.alloc(4096, n), true),
    );
    const results = (await Promise.all(replies)).map(({ result }) => result);
    const full = results.filter((result) => result === 4096).length;
    const busy = results.filter((result) => result === -16).length;
    expect(full + busy).toBe(50);
    expect(full).toBeGreaterThan(0);
    expect(busy).toBeGreaterThan(0);
    expect((await peer.write(0, Buffer.alloc(4096), true)).result).toBe(4096);
  });

  it("4 disconnect storms: 100 connects dropped at once do no harm", async () => {
    await start();
    const peers = await Promise.all(Array.from({ length: 100 }, () => RawPeer.connect(ost.port)));
    for (const peer of peers) peer.destroy();
    const peer = await bound(4096);
    expect((await peer.read(0, 4)).result).toBe(4);
  });

  it("5 lifecycle: allocate, spec, list, release", async () => {
    await start();
    const client = new OstClient({ address: { host: "127.0.0.1", port: ost.port } });
    expect(await client.allocate(id, 12345)).toBe("allocated");
    expect(await client.spec(id)).toBe(12345);
    expect(await client.list()).toEqual({ ids: [id] });
    expect(await client.release(id)).toBe("released");
    expect(await client.list()).toEqual({ ids: [] });
    client.close();
  });

  it("6 allocate twice, and spec, release, open of what is missing", async () => {
    await start();
    const client = new OstClient({ address: { host: "127.0.0.1", port: ost.port } });
    await client.allocate(id, 4096);
    expect(await client.allocate(id, 4096)).toBe("exists");
    const [, missing = ID_ZERO] = ids(2);
    expect(await client.spec(missing)).toBeUndefined();
    expect(await client.release(missing)).toBe("missing");
    expect(await client.open(missing)).toBeUndefined();
    client.close();
  });

  it("7 list: limit and one more, ascending, over the server's own cap", async () => {
    await start("--list-limit", "3");
    const client = new OstClient({ address: { host: "127.0.0.1", port: ost.port } });
    const all = ids(4);
    for (const each of all.toReversed()) await client.allocate(each, 0);
    expect(await client.list({ limit: 100 })).toEqual({ ids: all.slice(0, 3), next: all[2] });
    expect(await client.list({ after: all[2] ?? ID_ZERO })).toEqual({ ids: all.slice(3) });
    expect(await allIds(client)).toEqual(all);
    const peer = await RawPeer.connect(ost.port);
    const { payload } = await peer.call({ command: "list", after: ID_ZERO, limit: 1 });
    expect(decodeListPage(payload ?? new Uint8Array())).toEqual({ ids: [all[0]], next: all[0] });
    client.close();
  });

  it("8 info: used grows by the size, total is the capacity, which is enforced", async () => {
    await start("--capacity", "1Mi");
    const client = new OstClient({ address: { host: "127.0.0.1", port: ost.port } });
    expect(await client.info()).toEqual({ usedBytes: 0, totalBytes: 1 << 20 });
    await client.allocate(id, 1 << 19);
    expect(await client.info()).toEqual({ usedBytes: 1 << 19, totalBytes: 1 << 20 });
    const [, second = ID_ZERO] = ids(2);
    await expect(client.allocate(second, (1 << 19) + 1)).rejects.toMatchObject({
      code: "RAWSTOR_NO_SPACE",
    });
    expect(await client.allocate(second, 1 << 19)).toBe("allocated");
    await client.release(id);
    expect((await client.info()).usedBytes).toBe(1 << 19);
    client.close();
  });

  it("9 flush after write, sync write, testio at depth 16", async () => {
    await start();
    const client = new OstClient({ address: { host: "127.0.0.1", port: ost.port } });
    await client.allocate(id, 16 << 16);
    const object = await client.open(id);
    await object?.write(0, Buffer.from("flushed"));
    await object?.flush();
    await object?.write(100, Buffer.from("synced"), { sync: true });
    const workers = Array.from({ length: 16 }, async (_, worker) => {
      for (let round = 0; round < 8; round++) {
        const block = Buffer.alloc(65536, worker * 16 + round);
        await object?.write(worker << 16, block, { sync: round % 2 === 0 });
        const back = await object?.read(worker << 16, 65536);
        expect(block.equals(back ?? new Uint8Array())).toBe(true);
      }
    });
    await Promise.all(workers);
    object?.close();
    client.close();
  });
});

describe("statuses (A.3)", () => {
  beforeEach(() => start());

  it("of I/O without an object", async () => {
    const peer = await RawPeer.connect(ost.port);
    expect((await peer.read(0, 4)).result).toBe(-9);
    expect((await peer.write(0, Buffer.from("ping"))).result).toBe(-9);
    expect(await peer.result({ command: "flush" })).toBe(-9);
    expect(await peer.result({ command: "discard", offset: 0, lengthBytes: 1, sync: false })).toBe(
      -9,
    );
  });

  it("of a WRITE with a wrong hash, after which the connection is usable", async () => {
    const peer = await bound(4096);
    const payload = Buffer.from("ping");
    const call = { command: "write", offset: 0, payload, hash: 1n, sync: false } as const;
    expect(await peer.result(call)).toBe(-5);
    expect(Buffer.from((await peer.read(0, 4)).payload ?? [])).toEqual(Buffer.alloc(4));
  });

  it("of writes and discards across the end: -ENOSPC and nothing written", async () => {
    const peer = await bound(6000);
    const whole = Buffer.alloc(6000, 1);
    expect((await peer.write(0, whole)).result).toBe(6000);
    expect((await peer.write(5999, Buffer.alloc(2, 9))).result).toBe(-28);
    expect(
      await peer.result({ command: "discard", offset: 0, lengthBytes: 6001, sync: false }),
    ).toBe(-28);
    expect((await peer.write(Number.MAX_SAFE_INTEGER, Buffer.alloc(1))).result).toBe(-28);
    expect(whole.equals((await peer.read(0, 6000)).payload ?? new Uint8Array())).toBe(true);
  });

  it("of an object that was released while bound, and made again", async () => {
    const peer = await bound(4096);
    const other = await RawPeer.connect(ost.port);
    expect(await other.result({ command: "release", id })).toBe(0);
    expect((await peer.read(0, 4)).result).toBe(-2);
    expect(await other.result({ command: "allocate", id, sizeBytes: 4096 })).toBe(0);
    expect((await peer.write(0, Buffer.from("ping"))).result).toBe(-2);
    expect(await peer.result({ command: "set-object", id })).toBe(0);
    expect((await peer.write(0, Buffer.from("ping"))).result).toBe(4);
  });

  it("of lengths of 0, of any offset within or at the end", async () => {
    const peer = await bound(4096);
    expect((await peer.read(4096, 0)).result).toBe(0);
    expect((await peer.read(4096, 4)).result).toBe(0);
    expect(await peer.result({ command: "discard", offset: 0, lengthBytes: 0, sync: true })).toBe(
      0,
    );
  });
});
