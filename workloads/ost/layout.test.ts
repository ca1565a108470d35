import { describe, expect, it } from "@jest/globals";

import { xxh3 } from "#workloads/platform/hash/index.ts";
import type { ObjectId } from "#workloads/core/ost/index.ts";

import {
  BLOCK_BYTES,
  dataPosition,
  decodeHeader,
  encodeHeader,
  fileBytes,
  GROUP_BYTES,
  segmentsOf,
  sumsPosition,
  ZERO_BLOCK_HASH,
} from "./layout.ts";

const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;

describe("object layout", () => {
  it("puts a checksum page before each 2 MiB, everything on 4 KiB borders", () => {
    expect(sumsPosition(0)).toBe(4096);
    expect(dataPosition(0)).toBe(8192);
    expect(dataPosition(GROUP_BYTES - 1)).toBe(8192 + GROUP_BYTES - 1);
    expect(sumsPosition(1)).toBe(8192 + GROUP_BYTES);
    expect(dataPosition(GROUP_BYTES)).toBe(8192 + GROUP_BYTES + 4096);
  });

  it.each([
    { sizeBytes: 0, want: 4096 },
    { sizeBytes: 1, want: 8192 + BLOCK_BYTES },
    { sizeBytes: BLOCK_BYTES, want: 8192 + BLOCK_BYTES },
    { sizeBytes: GROUP_BYTES, want: 8192 + GROUP_BYTES },
    { sizeBytes: GROUP_BYTES + 1, want: 8192 + GROUP_BYTES + 4096 + BLOCK_BYTES },
  ])("a file of $sizeBytes bytes ends after its last whole block", ({ sizeBytes, want }) => {
    expect(fileBytes(sizeBytes)).toBe(want);
  });

  it("cuts ranges at group borders", () => {
    expect(segmentsOf(GROUP_BYTES - 10, GROUP_BYTES + 20)).toEqual([
      { group: 0, offset: GROUP_BYTES - 10, lengthBytes: 10 },
      { group: 1, offset: GROUP_BYTES, lengthBytes: GROUP_BYTES },
      { group: 2, offset: 2 * GROUP_BYTES, lengthBytes: 10 },
    ]);
    expect(segmentsOf(5, 0)).toEqual([]);
  });

  it("knows the hash of a zero block", () => {
    expect(xxh3(new Uint8Array(BLOCK_BYTES))).toBe(ZERO_BLOCK_HASH);
  });
});

describe("object header", () => {
  const header = encodeHeader({ id, sizeBytes: 12345 }, xxh3);

  it("comes back", () => {
    expect(decodeHeader(header, id, xxh3)).toBe(12345);
  });

  it("is refused when any of its bytes is wrong, or the file has another name", () => {
    for (let at = 0; at < 48; at++) {
      const broken = Buffer.from(header);
      broken[at] = (broken[at] ?? 0) ^ 1;
      expect(decodeHeader(broken, id, xxh3)).toBeUndefined();
    }
    const other = "0190aaaa-bbbb-7ccc-8ddd-000000000002" as ObjectId;
    expect(decodeHeader(header, other, xxh3)).toBeUndefined();
    expect(decodeHeader(header.subarray(0, 40), id, xxh3)).toBeUndefined();
  });
});
