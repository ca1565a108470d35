import { describe, expect, it } from "@jest/globals";

import { xxh3 } from "./index.ts";

// The vectors of the published protocol (reference A.3).
const vectors: readonly { name: string; given: Uint8Array; want: bigint }[] = [
  { name: "nothing", given: new Uint8Array(0), want: 0x2d06800538d394c2n },
  { name: "abcd", given: Buffer.from("abcd"), want: 0x6497a96f53a89890n },
  { name: "ping", given: Buffer.from("ping"), want: 0x03400e82594d193an },
  { name: "4096 zero bytes", given: new Uint8Array(4096), want: 0x93d76fe148c689ban },
];

describe("xxh3", () => {
  it.each(vectors)("of $name", ({ given, want }) => {
    expect(xxh3(given)).toBe(want);
  });

  it("reads only the view it is given", () => {
    expect(xxh3(Buffer.from("xxpingxx").subarray(2, 6))).toBe(0x03400e82594d193an);
  });
});
