import { describe, expect, it } from "@jest/globals";

import { GrpcCode } from "#api/workload/reasons.ts";

import { renderFault, restFault, restFromCall, restFromResponseStatus } from "./fault.ts";

describe("restFromCall", () => {
  it.each([
    [GrpcCode.notFound, "", 404, "NO_OBJECT"],
    [GrpcCode.invalidArgument, "", 400, "INVALID_ARGUMENT"],
    [GrpcCode.deadlineExceeded, "", 504, "TIMEOUT"],
    [GrpcCode.unavailable, "", 502, "UNAVAILABLE"],
    [GrpcCode.internal, "", 502, "GRPC_ERROR"],
    [GrpcCode.unknown, "", 502, "GRPC_ERROR"],
    [GrpcCode.resourceExhausted, "", 429, "RESOURCE_EXHAUSTED"],
    [GrpcCode.unavailable, "STORE_EMPTY", 503, "STORE_EMPTY"],
    [GrpcCode.unavailable, "CLASS_DISABLED", 503, "CLASS_DISABLED"],
    [GrpcCode.failedPrecondition, "WRONG_PARTITION", 409, "WRONG_PARTITION"],
    [GrpcCode.aborted, "VERSION_MISMATCH", 412, "VERSION_MISMATCH"],
    [GrpcCode.permissionDenied, "ACCESS_DENIED", 403, "ACCESS_DENIED"],
    [GrpcCode.unavailable, "NEVER_HEARD_OF", 502, "UNAVAILABLE"],
    [99, "", 502, "GRPC_ERROR"],
  ])("code %i with reason %j is %i %s", (code, reason, status, want) => {
    const fault = restFromCall({ code, reason, message: "m" });
    expect([fault.status, fault.code, fault.message]).toEqual([status, want, "m"]);
  });

  it("tells when to come back", () => {
    const overloaded = { code: GrpcCode.resourceExhausted, reason: "OVERLOADED", message: "" };
    expect(restFromCall(overloaded)).toMatchObject({ status: 503, retryAfterSeconds: 1 });
  });
});

describe("restFromResponseStatus", () => {
  it.each([
    [0, 200],
    [1, 400],
    [2, 422],
    [3, 502],
    [77, 502],
  ])("%i is %i", (given, want) => {
    expect(restFromResponseStatus(given).status).toBe(want);
  });
});

it("renders upstream's error body", () => {
  expect(renderFault(restFault(404, "NO_OBJECT", 'no "a"'))).toBe(
    '{"error":{"code":"NO_OBJECT","message":"no \\"a\\""}}',
  );
});
