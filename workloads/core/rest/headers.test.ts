import { describe, expect, it } from "@jest/globals";

import {
  optionsFromHeaders,
  parseBodyFormat,
  parseTimeoutMs,
  payloadContentType,
  resultHeaders,
} from "./headers.ts";

describe("optionsFromHeaders", () => {
  it("passes accept, content-type, the trace and x-oprc-opt-*, and nothing else", () => {
    expect(
      optionsFromHeaders({
        accept: "a",
        "content-type": "b",
        traceparent: "t",
        "x-oprc-opt-color": "red",
        "x-oprc-opt-": "nameless",
        authorization: "secret",
        cookie: "secret",
      }),
    ).toEqual({ accept: "a", "content-type": "b", traceparent: "t", color: "red" });
    const odd = optionsFromHeaders({ "x-oprc-opt-__proto__": "data" });
    expect(Object.entries(odd)).toEqual([["__proto__", "data"]]);
  });
});

describe("parseTimeoutMs", () => {
  it.each([
    [undefined, undefined],
    ["7", 7],
    ["9999999999", 3_600_000],
  ])("%j is %j", (text, timeoutMs) => {
    expect(parseTimeoutMs({ "x-oprc-timeout-ms": text })).toEqual({ kind: "ok", timeoutMs });
  });

  it.each(["0", "-1", "1.5", "", "99999999999"])("%j is malformed", (text) => {
    expect(parseTimeoutMs({ "x-oprc-timeout-ms": text })).toEqual({ kind: "malformed" });
  });
});

describe("resultHeaders", () => {
  it("prefixes all but the content type and drops what HTTP cannot carry", () => {
    expect(
      resultHeaders({ "Content-Type": "text/css", Color: "red", bad: "a\r\nb: c", "a b": "c" }),
    ).toEqual({ "content-type": "text/css", "x-oprc-h-color": "red" });
  });
});

it("names a content type by what the caller accepts", () => {
  expect(payloadContentType("text/html, application/json")).toBe("application/json");
  expect(payloadContentType("*/*")).toBe("application/octet-stream");
  expect(payloadContentType(undefined)).toBeUndefined();
});

it.each([
  ["application/json; charset=utf-8", "json"],
  ["application/x-protobuf", "protobuf"],
  ["application/octet-stream", "protobuf"],
  ["text/plain", undefined],
  [undefined, undefined],
])("body format of %j is %j", (type, want) => {
  expect(parseBodyFormat(type)).toBe(want);
});
