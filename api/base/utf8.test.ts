import { describe, expect, it } from "@jest/globals";

import { utf8Decode, utf8Encode } from "./utf8.ts";

describe("utf8", () => {
  it("round-trips text outside the basic plane", () => {
    expect(utf8Decode(utf8Encode("aé\u{1f600}"))).toBe("aé\u{1f600}");
  });

  it("refuses bytes that are not UTF-8", () => {
    expect(utf8Decode(new Uint8Array([0xff, 0xfe]))).toBeUndefined();
  });
});
