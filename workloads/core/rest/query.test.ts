import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import {
  decodeCursor,
  encodeCursor,
  formatEtag,
  isUnchanged,
  parseListQuery,
  parsePrecondition,
} from "./query.ts";

describe("cursor", () => {
  it("round-trips any bytes as base64url without padding", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const text = encodeCursor(bytes);
        expect(text).toMatch(/^[A-Za-z0-9_-]*$/);
        expect(decodeCursor(text)).toEqual(bytes);
      }),
    );
  });

  it.each(["a", "a+b/", "é", "=", "ab=c"])("refuses %j", (text) => {
    expect(decodeCursor(text)).toBeUndefined();
  });
});

describe("parseListQuery", () => {
  it.each([
    ["", { prefix: "", limit: 100 }],
    ["limit=0", { prefix: "", limit: 100 }],
    ["limit=5000", { prefix: "", limit: 1000 }],
    ["prefix=User%3A&limit=2", { prefix: "user:", limit: 2 }],
    ["cursor=AQI", { prefix: "", limit: 100, cursor: new Uint8Array([1, 2]) }],
    ["cursor=", { prefix: "", limit: 100 }],
  ])("%j", (query, value) => {
    expect(parseListQuery(query, "objects")).toEqual({ kind: "ok", value });
  });

  it.each([
    ["limit=-1", "INVALID_LIMIT"],
    ["limit=ten", "INVALID_LIMIT"],
    ["cursor=***", "INVALID_CURSOR"],
    ["prefix=%20", "INVALID_OBJECT_ID"],
    ["prefix=%zz", "INVALID_URL"],
  ])("%j is %s", (query, code) => {
    expect(parseListQuery(query, "objects")).toMatchObject({ kind: "fault", fault: { code } });
  });

  it("keeps the case of an entry key", () => {
    expect(parseListQuery("prefix=Key%20", "entries")).toMatchObject({ value: { prefix: "Key " } });
  });
});

describe("preconditions", () => {
  it.each([
    [{}, { kind: "none" }],
    [{ ifMatch: '"7"' }, { kind: "content", tag: { version: 7n } }],
    [
      { ifMatch: '"7-000102030405060708090a0b0c0d0eff"' },
      {
        kind: "content",
        tag: {
          version: 7n,
          digest: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255),
        },
      },
    ],
    [{ ifNoneMatch: "*" }, { kind: "absent" }],
  ])("%j", (headers, value) => {
    expect(parsePrecondition(headers)).toEqual({ kind: "ok", value });
  });

  it.each([
    { ifMatch: 'W/"7"' },
    { ifMatch: '"7", "8"' },
    { ifMatch: "7" },
    { ifMatch: '"7-abc"' },
    { ifMatch: "*" },
    { ifMatch: '"99999999999999999999"' },
    { ifNoneMatch: '"7"' },
    { ifMatch: "*", ifNoneMatch: "*" },
  ])("%j is refused, never ignored", (headers) => {
    expect(parsePrecondition(headers).kind).toBe("fault");
  });

  it("compares weakly for reads", () => {
    expect(isUnchanged('"1", W/"7"', { version: 7n })).toBe(true);
    expect(isUnchanged("*", { version: 7n })).toBe(true);
    expect(isUnchanged('"1"', { version: 7n })).toBe(false);
    expect(isUnchanged(undefined, { version: 7n })).toBe(false);
  });

  it("take equal versions with different digests for different contents", () => {
    const content = { version: 7n, digest: new Uint8Array(16).fill(0xab) };
    const tag = formatEtag(content);
    expect(tag).toBe(`"7-${"ab".repeat(16)}"`);
    expect(isUnchanged(tag, content)).toBe(true);
    expect(isUnchanged(tag, { version: 7n, digest: new Uint8Array(16) })).toBe(false);
    expect(isUnchanged('"7"', content)).toBe(false);
  });
});
