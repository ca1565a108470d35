import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { decodeMstMessage, encodeMstMessage } from "./codec.ts";
import type { MstMessage } from "./messages.ts";

const time = fc.maxSafeNat();
const header = fc.record({ generation: fc.nat(), ack: time, cut: time, clockMs: time });
const digest = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => String.fromCharCode(...bytes));
const id = fc.stringMatching(/^[a-z0-9._:-]{1,40}$/);
const end = fc.option(id, { nil: undefined });
const page = fc.array(fc.tuple(id, digest), { minLength: 1, maxLength: 6 }).chain((items) =>
  fc.record({
    keys: fc.constant(items.map(([key]) => key)),
    digests: fc.constant(items.map(([, value]) => value)),
    children: fc.array(fc.oneof(fc.constant(""), digest), {
      minLength: items.length + 1,
      maxLength: items.length + 1,
    }),
  }),
);
const anyMessage: fc.Arbitrary<MstMessage> = fc.oneof(
  fc.record({ kind: fc.constant("root" as const), pull: fc.nat(), header, digest }),
  fc.record({
    kind: fc.constant("fetch" as const),
    pull: fc.nat(),
    step: fc.nat(),
    header,
    ranges: fc.array(fc.record({ low: end, high: end }), { maxLength: 5 }),
    wants: fc.array(fc.record({ id, offset: fc.nat() }), { maxLength: 5 }),
  }),
  fc.record({
    kind: fc.constant("root-reply" as const),
    pull: fc.nat(),
    header,
    promise: time,
    digest: fc.oneof(fc.constant(""), digest),
    page: fc.option(page, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant("fetch-reply" as const),
    pull: fc.nat(),
    step: fc.nat(),
    header,
    pages: fc.array(fc.option(page, { nil: undefined }), { maxLength: 4 }),
    objects: fc.array(
      fc.record({
        id,
        digest: fc.oneof(fc.constant(""), digest),
        offset: fc.nat(),
        total: fc.nat(),
        bytes: fc.uint8Array({ maxLength: 50 }),
      }),
      { maxLength: 4 },
    ),
  }),
  fc.record({
    kind: fc.constant("refused" as const),
    pull: fc.nat(),
    header,
    reason: fc.constantFrom("Generation" as const, "Joining" as const),
  }),
);

describe("messages as bytes", () => {
  it("come back as they were", () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(decodeMstMessage(encodeMstMessage(message))).toEqual(message);
      }),
      { numRuns: 300 },
    );
  });

  it("are rejected, never thrown at, when they are cut short or garbled", () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.nat(255), (message, at, byte) => {
        const bytes = encodeMstMessage(message).slice();
        const place = at % bytes.byteLength;
        bytes[place] = byte;
        const garbled = decodeMstMessage(bytes);
        if (garbled !== undefined) expect(garbled.pull).toBeGreaterThanOrEqual(0);
        const short = decodeMstMessage(bytes.subarray(0, place));
        if (short !== undefined) expect(short.header.generation).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 300 },
    );
    expect(decodeMstMessage(new Uint8Array(0))).toBeUndefined();
    expect(decodeMstMessage(new Uint8Array([8, 9]))).toBeUndefined();
  });
});
