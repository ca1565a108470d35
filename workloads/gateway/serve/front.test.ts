import { describe, expect, it } from "@jest/globals";

import { protocolOf } from "./front.ts";

describe("protocolOf", () => {
  it.each([
    ["GET / HTTP/1.1\r\n", "http1"],
    ["PUT /a HTTP/1.1", "http1"],
    ["PRIVATE /a HTTP/1.1", "http1"],
    ["P", undefined],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n", undefined],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", "http2"],
  ])("%j", (text, want) => {
    expect(protocolOf(Buffer.from(text))).toBe(want);
  });
});
