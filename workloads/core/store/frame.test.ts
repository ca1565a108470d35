// Frames and segments in bytes.
import { describe, expect, it } from "@jest/globals";

import type { LogIdentity } from "./frame.ts";
import {
  decodeSegmentHeader,
  encodeFrame,
  encodeSegmentHeader,
  placeOfPosition,
  positionOf,
  readFrame,
  SEGMENT_HEADER_BYTES,
} from "./frame.ts";
import { openSealed } from "./seal.ts";
import { testCrc32 } from "./testing/crc32.ts";

const identity: LogIdentity = { crc32: testCrc32, storeId: new Uint8Array(8).fill(5) };
const other: LogIdentity = { crc32: testCrc32, storeId: new Uint8Array(8).fill(6) };
const key = new Uint8Array([1, 2, 3]);
const place = { number: 3, offset: SEGMENT_HEADER_BYTES };
const mark = { sequence: 9, position: positionOf(3, SEGMENT_HEADER_BYTES), synced: 17 };
const writes = [
  { key, value: new Uint8Array([7, 7]), index: 2 ** 40 + 5 },
  { key: new Uint8Array([4]), value: undefined, index: 6 },
  { key, value: new Uint8Array(0), index: 0, expiresAtMs: 1_800_000_000_123 },
];

/** A segment of zeros with this frame at its place. */
function segmentWith(bytes: Uint8Array): Uint8Array {
  const segment = new Uint8Array(SEGMENT_HEADER_BYTES + bytes.byteLength + 200);
  segment.set(bytes, SEGMENT_HEADER_BYTES);
  return segment;
}

describe("a frame", () => {
  it("gives back its mark and its records, with seals that hold", () => {
    const { bytes, records } = encodeFrame(identity, mark, writes);
    expect(bytes.byteLength % 8).toBe(0);
    const found = readFrame(identity, segmentWith(bytes), place);
    expect(found).toMatchObject({ kind: "frame", frame: { ...mark, records } });
    const opened = records.map(({ key: of, sealed }) =>
      sealed === undefined ? undefined : openSealed(testCrc32, of, sealed),
    );
    expect(opened).toEqual([
      { value: new Uint8Array([7, 7]), index: 2 ** 40 + 5, expiresAtMs: undefined },
      undefined,
      { value: new Uint8Array(0), index: 0, expiresAtMs: 1_800_000_000_123 },
    ]);
  });

  it("is not read if any of its bits is another", () => {
    const { bytes } = encodeFrame(identity, mark, writes);
    const padding = bytes.byteLength - (40 + 7 * 3 + 3 + 1 + 3 + 14 + 12 + 20);
    for (let at = 0; at < bytes.byteLength - padding; at += 1) {
      const segment = segmentWith(bytes);
      segment[SEGMENT_HEADER_BYTES + at] = (bytes[at] ?? 0) ^ 0x10;
      expect([at, readFrame(identity, segment, place).kind]).toEqual([at, "bad"]);
    }
  });

  it("is not read elsewhere, nor by another store, nor in part", () => {
    const { bytes } = encodeFrame(identity, mark, writes);
    const segment = segmentWith(bytes);
    expect(readFrame(identity, segment, { ...place, number: 4 }).kind).toBe("bad");
    expect(readFrame(other, segment, place).kind).toBe("bad");
    const cut = segment.subarray(0, SEGMENT_HEADER_BYTES + bytes.byteLength - 8);
    expect(readFrame(identity, cut, place).kind).toBe("bad");
  });

  it("is none where nothing was written", () => {
    expect(readFrame(identity, new Uint8Array(200), place).kind).toBe("none");
    expect(readFrame(identity, new Uint8Array(0), place).kind).toBe("none");
  });

  it("may be empty: then it is a mark", () => {
    const { bytes } = encodeFrame(identity, mark, []);
    expect(readFrame(identity, segmentWith(bytes), place)).toMatchObject({
      kind: "frame",
      frame: { ...mark, records: [] },
    });
  });
});

describe("a segment's header", () => {
  it("says whose it is and which", () => {
    const bytes = encodeSegmentHeader(identity, 77);
    expect(decodeSegmentHeader(testCrc32, bytes)).toEqual({
      kind: "ok",
      storeId: identity.storeId,
      number: 77,
    });
  });

  it("of a newer version is told from a damaged one", () => {
    const bytes = encodeSegmentHeader(identity, 1);
    bytes[7] = 2;
    expect(decodeSegmentHeader(testCrc32, bytes)).toEqual({ kind: "bad" });
    new DataView(bytes.buffer).setUint32(28, testCrc32(bytes.subarray(0, 28), 0));
    expect(decodeSegmentHeader(testCrc32, bytes)).toEqual({ kind: "newer", version: 2 });
  });
});

it("positions name a place in a segment, in order", () => {
  expect(placeOfPosition(positionOf(12, 345))).toEqual({ number: 12, offset: 345 });
  expect(positionOf(2, 0)).toBeGreaterThan(positionOf(1, 2 ** 27 - 1));
});
