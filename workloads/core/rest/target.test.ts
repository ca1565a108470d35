import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { Method } from "#api/gen/oaas-stream_pb.ts";
import { SetKeyRequestSchema, SetObjectRequestSchema } from "#api/gen/oprc-data_pb.ts";
import { ObjectInvocationRequestSchema } from "#api/gen/oprc-invoke_pb.ts";

import { scanTarget, withPartition } from "./target.ts";

const invocation = create(ObjectInvocationRequestSchema, {
  partitionId: 9,
  clsId: "p.C",
  fnId: "add",
  options: { a: "b" },
  payload: new Uint8Array(300).fill(0x0a),
  objectId: "o1",
});

describe("scanTarget", () => {
  it("finds class, partition, object and function behind values of any size", () => {
    const bytes = toBinary(ObjectInvocationRequestSchema, invocation);
    expect(scanTarget(Method.INVOKE_OBJ, bytes)).toEqual({
      cls: "p.C",
      partition: 9,
      object: "o1",
      fn: "add",
    });
  });

  it("reads what the generated code writes, for any request", () => {
    fc.assert(
      fc.property(
        fc.record({
          clsId: fc.string({ unit: "grapheme" }),
          partitionId: fc.integer({ min: 0, max: 2_147_483_647 }),
          objectId: fc.string(),
          key: fc.string(),
          value: fc.record({
            data: fc.uint8Array(),
            type: fc.constantFrom(0 as const, 1 as const),
          }),
        }),
        (fields) => {
          const bytes = toBinary(SetKeyRequestSchema, create(SetKeyRequestSchema, fields));
          expect(scanTarget(Method.SET_VALUE, bytes)).toEqual({
            cls: fields.clsId,
            partition: fields.partitionId,
            object: fields.objectId,
            fn: "",
          });
        },
      ),
    );
  });

  it("never throws on bytes that are no message", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        scanTarget(Method.SET, bytes);
      }),
    );
    expect(scanTarget(Method.SET, new Uint8Array([0x0a, 0x05, 0x61]))).toBeUndefined();
    expect(scanTarget(Method.SET, new Uint8Array([0x0b]))).toBeUndefined();
    expect(scanTarget(Method.STATS, new Uint8Array())).toBeUndefined();
  });
});

describe("withPartition", () => {
  it.each([0, 1, 127, 128, 65_535])(
    "overrides the partition with %i and nothing else",
    (wanted) => {
      const bytes = toBinary(ObjectInvocationRequestSchema, invocation);
      const routed = withPartition(Method.INVOKE_OBJ, bytes, wanted);
      expect(fromBinary(ObjectInvocationRequestSchema, routed)).toEqual({
        ...invocation,
        partitionId: wanted,
      });
    },
  );

  it("works where the field is an int32", () => {
    const set = create(SetObjectRequestSchema, { clsId: "c", partitionId: 1, objectId: "o" });
    const routed = withPartition(Method.SET, toBinary(SetObjectRequestSchema, set), 200);
    expect(fromBinary(SetObjectRequestSchema, routed).partitionId).toBe(200);
  });
});
