import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";

import { Method } from "#api/gen/oaas-stream_pb.ts";
import { AccessModifier, ClsRoutingSchema, Partitioning } from "#api/gen/oprc-route_pb.ts";
import { slotOf } from "#workloads/core/slots/index.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import type { CallSubject } from "./resolve.ts";
import { resolveCall } from "./resolve.ts";
import { RouteTable } from "./table.ts";

const functions = [
  { name: "add", url: "http://add:80", stateless: false },
  { name: "echo", url: "http://echo:80", stateless: true },
  { name: "inner", url: "http://i:80", stateless: true, access: AccessModifier.INTERNAL },
  { name: "own", url: "http://o:80", access: AccessModifier.PRIVATE },
  { name: "off", url: "http://f:80", disabled: true },
  { name: "bare", stateless: true },
];

const hashed = create(ClsRoutingSchema, {
  name: "p.Hashed",
  partitions: 2,
  generation: 5n,
  partitioning: Partitioning.HASHED,
  slots: [
    { first: 0, last: 2047, partition: 0 },
    { first: 2048, last: 4095, partition: 1 },
  ],
  routing: [{ data: { linkAddress: "m0:8081" } }, { data: { linkAddress: "m1:8081" } }],
  linkAddress: "any:8081",
  linkIdentity: "spiffe://c/x",
  functions,
});

const explicit = create(ClsRoutingSchema, {
  name: "p.Explicit",
  partitions: 3,
  generation: 1n,
  partitioning: Partitioning.EXPLICIT,
  linkAddress: "any:8081",
  functions,
});

const off = create(ClsRoutingSchema, { name: "p.Off", partitions: 1, disabled: true });

const table = new RouteTable(silentLogger);
table.loadFile([hashed, explicit, off]);

function resolve(subject: Partial<CallSubject>): string {
  const whole = {
    method: Method.GET,
    cls: "p.Hashed",
    partition: undefined,
    zeroIsNone: false,
    object: "a",
    fn: "",
    ...subject,
  };
  const found = resolveCall(table, whole, xxh3);
  switch (found.kind) {
    case "fault":
      return found.fault.reason;
    case "member":
      return `${found.address}/${found.partition}${found.reroute === undefined ? "" : " or any"}`;
    case "function":
      return `${found.fn.url}/${found.partition}`;
  }
}

const low = [..."abcdefgh"].find((id) => slotOf(xxh3, id) < 2048) ?? "";
const high = [..."abcdefgh"].find((id) => slotOf(xxh3, id) >= 2048) ?? "";

describe("resolveCall", () => {
  it("sends an object of a Hashed class to the owner of its slot, whatever its case", () => {
    expect(resolve({ object: low })).toBe("m0:8081/0 or any");
    expect(resolve({ object: high })).toBe("m1:8081/1 or any");
    expect(resolve({ object: high.toUpperCase() })).toBe("m1:8081/1 or any");
  });

  it("refuses a partition that disagrees and takes one that agrees", () => {
    expect(resolve({ object: low, partition: 1 })).toBe("WRONG_PARTITION");
    expect(resolve({ object: high, partition: 0 })).toBe("WRONG_PARTITION");
    expect(resolve({ object: high, partition: 1 })).toBe("m1:8081/1");
  });

  it("believes a member that names another partition than the table, if the table has it", () => {
    expect(resolve({ object: low, moved: 1 })).toBe("m1:8081/1 or any");
    expect(resolve({ object: low, moved: 9 })).toBe("m0:8081/0 or any");
  });

  it("takes partition 0 of gRPC as none for a Hashed class only", () => {
    expect(resolve({ object: high, partition: 0, zeroIsNone: true })).toBe("m1:8081/1 or any");
    expect(resolve({ cls: "p.Explicit", partition: 0, zeroIsNone: true })).toBe("any:8081/0");
  });

  it("leaves the partition of an Explicit class to the caller", () => {
    expect(resolve({ cls: "p.Explicit", partition: 2 })).toBe("any:8081/2");
    expect(resolve({ cls: "p.Explicit" })).toBe("PARTITION_REQUIRED");
  });

  it.each([
    [{ cls: "p.None" }, "NO_CLASS"],
    [{ cls: "p.Off" }, "CLASS_DISABLED"],
    [{ object: "" }, "OBJECT_REQUIRED"],
    [{ object: "a b" }, "INVALID_OBJECT_ID"],
    [{ cls: "p.Explicit", partition: 3 }, "NO_PARTITION"],
    [{ method: Method.LIST_OBJECTS, object: "", cls: "p.Explicit" }, "PARTITION_REQUIRED"],
    [{ method: Method.LIST_OBJECTS, object: "" }, "m0:8081/0 or any"],
    [{ method: Method.LIST_OBJECTS, object: "", partition: 1 }, "m1:8081/1"],
  ])("%j is %s", (subject, want) => {
    expect(resolve(subject)).toBe(want);
  });

  it.each([
    ["none", "NO_FUNCTION"],
    ["inner", "ACCESS_DENIED"],
    ["own", "ACCESS_DENIED"],
    ["off", "FUNCTION_DISABLED"],
    ["bare", "NO_FUNCTION"],
    ["echo", "http://echo:80/1"],
    ["add", "m1:8081/1"],
  ])("function %s of a class is %s", (fn, want) => {
    expect(resolve({ method: Method.INVOKE_FN, object: "", fn, partition: 1 })).toBe(want);
  });

  it("calls a stateful function on an object at the object's owner", () => {
    expect(resolve({ method: Method.INVOKE_OBJ, object: high, fn: "add" })).toBe(
      "m1:8081/1 or any",
    );
  });

  it("says that there is no table before there is one", () => {
    const subject = {
      method: Method.GET,
      cls: "c",
      partition: 0,
      zeroIsNone: true,
      object: "a",
      fn: "",
    };
    const found = resolveCall(new RouteTable(silentLogger), subject, xxh3);
    expect(found).toMatchObject({ kind: "fault", fault: { reason: "NO_ROUTES" } });
  });
});
