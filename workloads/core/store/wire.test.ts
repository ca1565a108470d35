// Our partial readers and writers against the full protobuf library.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import {
  BatchSetValuesRequestSchema,
  CapabilitiesResponseSchema,
  ListObjectsRequestSchema,
  ListValuesRequestSchema,
  ObjectMetaEnvelopeSchema,
  ObjectResponseSchema,
  SetKeyRequestSchema,
  SetObjectRequestSchema,
  SingleKeyRequestSchema,
  SingleObjectRequestSchema,
  StatsResponseSchema,
  ValDataSchema,
  ValueEnvelopeSchema,
  ValueResponseSchema,
} from "#api/gen/oprc-data_pb.ts";
import { ObjectInvocationRequestSchema } from "#api/gen/oprc-invoke_pb.ts";

import {
  encodeCapabilities,
  encodeObjectEnvelope,
  encodeObjectResponse,
  encodeStats,
  encodeValueEnvelope,
  encodeValueResponse,
} from "./replies.ts";
import {
  decodeBatchRequest,
  decodeInvokeRequest,
  decodeKeyRequest,
  decodeListObjectsRequest,
  decodeListValuesRequest,
  decodeObjectRequest,
  decodeSetKeyRequest,
  decodeSetRequest,
} from "./requests.ts";
import { WireWriter } from "./wire.ts";
import { scanFields } from "./wire.ts";

const name = fc.string({ unit: "binary", maxLength: 10 });
const bytes = fc.uint8Array({ maxLength: 300 });
const u32 = fc.nat({ max: 0xffff_ffff });
const version = fc.maxSafeNat();
const value = fc.record({ data: bytes, type: fc.constantFrom(0 as const, 1 as const) });
const values = fc.dictionary(name, value, { noNullPrototype: true });
const address = { clsId: name, partitionId: u32, objectId: name };

const encodeVal = (v: { data: Uint8Array; type: 0 | 1 }) =>
  toBinary(ValDataSchema, create(ValDataSchema, v));
const plain = (items: readonly { key: string; value: Uint8Array }[]) =>
  new Map(items.map((item) => [item.key, Buffer.from(item.value).toString("hex")]));
const expected = (entries: Record<string, { data: Uint8Array; type: 0 | 1 }>) =>
  new Map(Object.entries(entries).map(([k, v]) => [k, Buffer.from(encodeVal(v)).toString("hex")]));

function common(given: { clsId: string; partitionId: number; objectId: string }) {
  return { cls: given.clsId, partition: given.partitionId, id: given.objectId };
}

describe("a field of a writer", () => {
  it.each([0, 1, 127, 128, 16_383, 16_384, 2_097_152])(
    "that is a message of %i bytes is as one that was written before",
    (size) => {
      const inner = new Uint8Array(size).map((_, at) => at % 251);
      const whole = new WireWriter()
        .varint(1, 7)
        .message(2, (writer) => writer.raw(inner))
        .varint(3, 9);
      const apart = new WireWriter().varint(1, 7).bytes(2, inner).varint(3, 9);
      expect(Buffer.compare(whole.finish(), apart.finish())).toBe(0);
    },
  );

  it("that is a message may hold others", () => {
    const whole = new WireWriter(1).message(1, (outer) => {
      outer.message(2, (inner) => inner.text(3, "x".repeat(200))).varint(4, 300);
    });
    const inner = new WireWriter().bytes(3, Buffer.from("x".repeat(200))).finish();
    const outer = new WireWriter().bytes(2, inner).varint(4, 300).finish();
    expect(whole.finish()).toEqual(new WireWriter().bytes(1, outer).finish());
  });

  it("that is a text has its UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const written = new WireWriter(1).text(5, text).varint(6, 1).finish();
        const bytes = Buffer.from(text, "utf8");
        expect(written).toEqual(new WireWriter().bytes(5, bytes).varint(6, 1).finish());
      }),
    );
  });

  it("stands first again after a reset", () => {
    const writer = new WireWriter().text(1, "before");
    expect(writer.reset().varint(1, 1).finish()).toEqual(Uint8Array.of(8, 1));
  });
});

describe("requests", () => {
  it("Get and Delete", () => {
    fc.assert(
      fc.property(fc.record({ ...address, expected: version }), ({ expected: at, ...given }) => {
        const message = { ...given, expectedObjectVersion: BigInt(at) };
        const encoded = toBinary(
          SingleObjectRequestSchema,
          create(SingleObjectRequestSchema, message),
        );
        expect(decodeObjectRequest(encoded)).toEqual({ ...common(given), expectedVersion: at });
      }),
      { seed: 30 },
    );
  });

  it("Set and Merge", () => {
    fc.assert(
      fc.property(fc.record({ ...address, entries: values }), ({ entries, ...given }) => {
        const partitionId = given.partitionId & 0x7fff_ffff;
        const request = create(SetObjectRequestSchema, {
          ...given,
          partitionId,
          object: { entries },
        });
        const decoded = decodeSetRequest(toBinary(SetObjectRequestSchema, request));
        expect(decoded).toMatchObject(common({ ...given, partitionId }));
        expect(plain(decoded?.object?.entries ?? [])).toEqual(expected(entries));
      }),
      { seed: 31 },
    );
  });

  it("SetValue, GetValue, InvokeObj", () => {
    fc.assert(
      fc.property(fc.record({ ...address, key: name, value }), ({ key, value: v, ...given }) => {
        const small = { ...given, partitionId: given.partitionId & 0x7fff_ffff };
        const set = create(SetKeyRequestSchema, { ...small, key, value: v });
        const decoded = decodeSetKeyRequest(toBinary(SetKeyRequestSchema, set));
        expect(decoded).toMatchObject({ ...common(small), key });
        expect(Buffer.from(decoded?.value ?? [])).toEqual(Buffer.from(encodeVal(v)));
        const get = create(SingleKeyRequestSchema, { ...given, key });
        const got = decodeKeyRequest(toBinary(SingleKeyRequestSchema, get));
        expect(got).toMatchObject({ ...common(given), key });
        const invoke = create(ObjectInvocationRequestSchema, {
          ...given,
          fnId: key,
          payload: v.data,
        });
        const invoked = decodeInvokeRequest(toBinary(ObjectInvocationRequestSchema, invoke));
        expect(invoked).toMatchObject({ ...common(given), fn: key });
      }),
      { seed: 32 },
    );
  });

  it("BatchSetValues", () => {
    const shape = fc.record({ ...address, values, deleteKeys: fc.array(name) });
    fc.assert(
      fc.property(shape, ({ values: entries, deleteKeys, ...given }) => {
        const message = { ...given, values: entries, deleteKeys };
        const request = create(BatchSetValuesRequestSchema, message);
        const decoded = decodeBatchRequest(toBinary(BatchSetValuesRequestSchema, request));
        expect(decoded).toMatchObject({ ...common(given), deletes: deleteKeys });
        expect(plain(decoded?.sets ?? [])).toEqual(expected(entries));
      }),
      { seed: 33 },
    );
  });

  it("listings", () => {
    fc.assert(
      fc.property(fc.record({ ...address, prefix: name, limit: u32, cursor: bytes }), (given) => {
        const { prefix, limit, cursor, ...to } = given;
        const values = create(ListValuesRequestSchema, { ...to, keyPrefix: prefix, limit, cursor });
        const listed = decodeListValuesRequest(toBinary(ListValuesRequestSchema, values));
        expect(listed).toMatchObject({ ...common(to), prefix, limit });
        expect(Buffer.from(listed?.cursor ?? [])).toEqual(Buffer.from(cursor));
        const { clsId, partitionId } = to;
        const objects = create(ListObjectsRequestSchema, {
          clsId,
          partitionId,
          objectIdPrefix: prefix,
          limit,
          cursor,
        });
        const found = decodeListObjectsRequest(toBinary(ListObjectsRequestSchema, objects));
        expect(found).toMatchObject({ cls: clsId, partition: partitionId, prefix, limit });
      }),
      { seed: 34 },
    );
  });

  it("tell a missing object, value and version from empty ones", () => {
    expect(decodeSetRequest(new Uint8Array(0))).toMatchObject({ object: undefined });
    expect(decodeSetKeyRequest(new Uint8Array(0))).toMatchObject({ value: undefined });
    expect(decodeBatchRequest(new Uint8Array(0))).toMatchObject({ expectedVersion: undefined });
  });

  it("put a negative partition out of any range", () => {
    const request = create(SetKeyRequestSchema, { partitionId: -1 });
    const decoded = decodeSetKeyRequest(toBinary(SetKeyRequestSchema, request));
    expect(decoded?.partition).toBeGreaterThan(2 ** 32);
  });

  it("never throw on bytes that are no message", () => {
    const decoders = [decodeSetRequest, decodeBatchRequest, decodeListValuesRequest];
    fc.assert(
      fc.property(bytes, (garbage) => {
        for (const decode of decoders) decode(garbage);
        scanFields(garbage, () => undefined);
      }),
      { seed: 35, numRuns: 500 },
    );
    expect(decodeSetRequest(new Uint8Array([0x22, 0x05, 0x01]))).toBeUndefined();
    expect(decodeObjectRequest(new Uint8Array([0x0a, 0x01, 0xff]))).toBeUndefined();
  });
});

describe("replies", () => {
  it("an object", () => {
    fc.assert(
      fc.property(values, name, u32, version, (entries, cls, partition, at) => {
        const items = Object.entries(entries).map(([key, v]) => ({ key, value: encodeVal(v) }));
        const view = { cls, partition, id: "o", version: at, entries: items, event: undefined };
        const decoded = fromBinary(ObjectResponseSchema, encodeObjectResponse(view));
        expect(decoded.objectVersion).toBe(BigInt(at));
        expect(decoded.obj?.metadata).toMatchObject({
          clsId: cls,
          partitionId: partition,
          objectId: "o",
        });
        const got = Object.entries(decoded.obj?.entries ?? {}).map(([key, v]) => {
          return { key, value: toBinary(ValDataSchema, v) };
        });
        expect(plain(got)).toEqual(expected(entries));
      }),
      { seed: 36 },
    );
  });

  it("values, listings, statistics", () => {
    const stored = encodeVal({ data: new Uint8Array([1, 2]), type: 0 });
    const answer = encodeValueResponse({ key: "k", value: stored, version: 7 });
    expect(fromBinary(ValueResponseSchema, answer)).toMatchObject({ key: "k", objectVersion: 7n });
    const absent = encodeValueResponse({ key: "k", value: undefined, version: undefined });
    const none = fromBinary(ValueResponseSchema, absent);
    expect([none.value, none.objectVersion, none.deleted]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const cursor = new Uint8Array([9]);
    const item = encodeValueEnvelope({ key: "k", value: stored, version: 7, nextCursor: cursor });
    expect(fromBinary(ValueEnvelopeSchema, item)).toMatchObject({ key: "k", version: 7n });
    const listed = encodeObjectEnvelope({ id: "o", version: 2, entryCount: 3 }, cursor);
    expect(fromBinary(ObjectMetaEnvelopeSchema, listed)).toMatchObject({
      objectId: "o",
      version: 2n,
      entryCount: 3n,
    });
    const stats = encodeStats([{ collection: "c", partition: 1, shardId: 2, count: 3 }]);
    expect(fromBinary(StatsResponseSchema, stats).shards).toMatchObject([
      { collection: "c", partitionId: 1, shardId: 2n, count: 3n },
    ]);
    const capabilities = encodeCapabilities({ stringEntryKeys: false, events: false });
    expect(fromBinary(CapabilitiesResponseSchema, capabilities)).toMatchObject({
      stringIds: true,
      stringEntryKeys: false,
      granularEntryStorage: true,
      eventPipelineV2: false,
    });
  });
});
