import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { frameMessage, MessageReader } from "./message-reader.ts";

describe("MessageReader", () => {
  it("finds the same messages however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 12 })),
        (bodies, cuts) => {
          const stream = Buffer.concat(bodies.map(frameMessage));
          const reader = new MessageReader(1000);
          const seen: Uint8Array[] = [];
          let at = 0;
          let turn = 0;
          while (at < stream.length) {
            const size = cuts[turn++] ?? stream.length;
            const result = reader.push(stream.subarray(at, at + size));
            if (result.kind === "messages") seen.push(...result.messages);
            at += size;
          }
          expect(seen.map((body) => [...body])).toEqual(bodies.map((body) => [...body]));
          expect(reader.pendingBytes).toBe(0);
        },
      ),
    );
  });

  it("rejects a message over the limit before its bytes arrive, and compression", () => {
    const reader = new MessageReader(10);
    expect(reader.push(Buffer.from([0, 0, 0, 0, 11]))).toEqual({
      kind: "reject",
      reason: "too-large",
    });
    expect(new MessageReader(10).push(Buffer.from([1, 0, 0, 0, 1]))).toEqual({
      kind: "reject",
      reason: "compressed",
    });
  });
});
