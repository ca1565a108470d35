// Random reads, writes, discards and restarts against a plain buffer: the target must be one.
// Ranges cluster around block and group borders, where the mistakes are.
import { afterEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { parseOstSettings } from "#api/workload/ost.ts";
import type { ObjectId } from "#workloads/core/ost/index.ts";
import { startOst } from "#workloads/ost/ost.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";

import { Scratch } from "./ost-process.ts";
import { RawPeer } from "./raw-peer.ts";

const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;
const GROUP = 2 << 20;
const SIZE = 2 * GROUP + 10_000;
const scratch = new Scratch();

afterEach(() => scratch.clear());

const border = fc.constantFrom(0, 4096, GROUP - 4096, GROUP, GROUP + 4096, 2 * GROUP, SIZE);
const near = fc
  .tuple(border, fc.constantFrom(-8192, -4096, -4095, -1, 0, 1, 100, 4096))
  .map(([at, by]) => Math.min(SIZE, Math.max(0, at + by)));
const length = fc.oneof(
  fc.constantFrom(1, 4095, 4096, 4097, 8192, 65536, GROUP, GROUP + 8192),
  fc.integer({ min: 1, max: 20_000 }),
);
const range = fc.record({ offset: near, length });
const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("write" as const), range, sync: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("discard" as const), range, sync: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("read" as const), range }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

async function serve(dataDir: string) {
  const parsed = parseOstSettings({ dataDir, listen: "127.0.0.1:0", format: "IfBlank" });
  if (parsed.kind !== "ok") throw new Error("settings");
  const ost = await startOst(parsed.config, silentLogger);
  const peer = await RawPeer.connect(ost.port);
  await peer.result({ command: "allocate", id, sizeBytes: SIZE });
  expect(await peer.result({ command: "set-object", id })).toBe(0);
  return { ost, peer };
}

describe("an object", () => {
  it("is what was written to it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
        const dataDir = scratch.folder();
        const model = Buffer.alloc(SIZE);
        let { ost, peer } = await serve(dataDir);
        let fill = 0;
        for (const each of operations) {
          if (each.kind === "restart") {
            peer.destroy();
            await ost.close();
            ({ ost, peer } = await serve(dataDir));
            continue;
          }
          const { offset } = each.range;
          const end = Math.min(SIZE, offset + each.range.length);
          if (each.kind === "read") {
            const { result, payload } = await peer.read(offset, each.range.length);
            expect(result).toBe(end - offset);
            expect(model.subarray(offset, end).equals(payload ?? new Uint8Array())).toBe(true);
          } else if (each.kind === "write") {
            fill = (fill % 250) + 1;
            const data = Buffer.alloc(end - offset, fill);
            expect((await peer.write(offset, data, each.sync)).result).toBe(data.byteLength);
            data.copy(model, offset);
          } else {
            const { sync } = each;
            const call = { command: "discard", offset, lengthBytes: end - offset, sync } as const;
            expect(await peer.result(call)).toBe(0);
            model.fill(0, offset, end);
          }
        }
        const { payload } = await peer.read(0, SIZE);
        expect(model.equals(payload ?? new Uint8Array())).toBe(true);
        peer.destroy();
        await ost.close();
      }),
      { numRuns: 30 },
    );
  });

  it("is the same however its reads and writes overlap in flight", async () => {
    const { ost, peer } = await serve(scratch.folder());
    const lanes = Array.from({ length: 24 }, async (_, lane) => {
      // Lanes share blocks at their borders: 5,000 bytes each, over a group border.
      const offset = GROUP - 60_000 + lane * 5000;
      for (let round = 1; round <= 40; round++) {
        const data = Buffer.alloc(5000, (lane * 40 + round) % 251);
        expect((await peer.write(offset, data, round % 8 === 0)).result).toBe(5000);
        const { payload } = await peer.read(offset, 5000);
        expect(data.equals(payload ?? new Uint8Array())).toBe(true);
      }
    });
    await Promise.all(lanes);
    peer.destroy();
    await ost.close();
  });
});
