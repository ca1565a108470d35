import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import {
  decodeCursor,
  encodeCursor,
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
    [{ ifMatch: '"7"' }, { kind: "version", version: 7n }],
    [{ ifNoneMatch: "*" }, { kind: "absent" }],
  ])("%j", (headers, value) => {
    expect(parsePrecondition(headers)).toEqual({ kind: "ok", value });
  });

  it.each([
    { ifMatch: 'W/"7"' },
    { ifMatch: '"7", "8"' },
    { ifMatch: "7" },
    { ifMatch: "*" },
    { ifMatch: '"99999999999999999999"' },
    { ifNoneMatch: '"7"' },
    { ifMatch: "*", ifNoneMatch: "*" },
  ])("%j is refused, never ignored", (headers) => {
    expect(parsePrecondition(headers).kind).toBe("fault");
  });

  it("compares weakly for reads", () => {
    expect(isUnchanged('"1", W/"7"', 7n)).toBe(true);
    expect(isUnchanged('"1"', 7n)).toBe(false);
    expect(isUnchanged(undefined, 7n)).toBe(false);
  });
});
