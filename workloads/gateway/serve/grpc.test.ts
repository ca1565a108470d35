import { describe, expect, it } from "@jest/globals";

import { encodeGrpcMessage, isGrpc, parseGrpcTimeout } from "./grpc.ts";

describe("parseGrpcTimeout", () => {
  it.each([
    ["1H", 3_600_000],
    ["99999999H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3000],
    ["4m", 4],
    ["5000u", 5],
    ["0n", 0.001],
    ["", undefined],
    ["5", undefined],
    ["5x", undefined],
    ["123456789m", undefined],
    ["-1m", undefined],
  ])("%j is %j ms", (text, want) => {
    expect(parseGrpcTimeout(text)).toBe(want);
  });
});

it("encodes a message so that a header can carry it", () => {
  expect(encodeGrpcMessage('50 % of "ä"\n')).toBe('50 %25 of "%C3%A4"%0A');
});

it.each([
  ["application/grpc", true],
  ["application/grpc+proto", true],
  ["application/grpc-web", false],
  ["application/json", false],
  [undefined, false],
])("content type %j is gRPC: %j", (type, want) => {
  expect(isGrpc({ "content-type": type })).toBe(want);
});
