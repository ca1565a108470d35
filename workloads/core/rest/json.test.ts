import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";

import { ObjDataSchema, ValDataSchema } from "#api/gen/oprc-data_pb.ts";

import type { Base64 } from "./json.ts";
import { decodeBatch, decodeObjData, decodeValData, renderJson, renderObjData } from "./json.ts";

const base64: Base64 = {
  encode: (bytes) => Buffer.from(bytes).toString("base64"),
  decode: (text) => {
    const bytes = Buffer.from(text, "base64");
    return bytes.toString("base64") === text ? new Uint8Array(bytes) : undefined;
  },
};

function message(result: { kind: string; message?: string }): string {
  return result.kind === "invalid" ? (result.message ?? "") : "accepted";
}

describe("renderObjData", () => {
  it("is upstream's serde form: snake_case, base64, integer enums, null for absent", () => {
    const object = create(ObjDataSchema, {
      metadata: { clsId: "p.C", partitionId: 2, objectId: "a" },
      entries: { k: { data: new Uint8Array([1, 2, 255]), type: 1 } },
    });
    expect(renderObjData(object, base64)).toBe(
      '{"metadata":{"cls_id":"p.C","partition_id":2,"object_id":"a"},"event":null,' +
        '"entries":{"k":{"data":"AQL/","type":1}}}',
    );
  });

  it("round-trips events and keys that look like object internals", () => {
    const text =
      '{"metadata":null,"event":{"func_trigger":{},"data_trigger":{"k":{"on_create":[{"cls_id":"c",' +
      '"partition_id":1,"fn_id":"f","req_options":{"a":"b"},"object_id":null}],"on_update":[],' +
      '"on_delete":[]}}},"entries":{"__proto__":{"data":"AA==","type":0}}}';
    const result = decodeObjData(text, base64);
    if (result.kind !== "ok") throw new Error(result.message);
    expect(Object.keys(result.value.entries)).toEqual(["__proto__"]);
    expect(renderObjData(result.value, base64)).toBe(text);
  });
});

describe("decodeObjData", () => {
  it.each([
    ["{}", "entries: must be an object"],
    ["[]", "object: must be an object"],
    ["{", "JSON"],
    ['{"entries":{"k":{"type":0}}}', "entries.k.data: must be a string"],
    ['{"entries":{"k":{"data":"AA=="}}}', "entries.k.type: must be an integer"],
    ['{"entries":{"k":{"data":"AA==","type":"BYTE"}}}', "entries.k.type: must be an integer"],
    ['{"entries":{"k":{"data":"A","type":0}}}', "entries.k.data: must be base64"],
    ['{"entries":{},"event":{"data_trigger":{"k":{"on_create":[1]}}}}', "on_create[0]: must be an"],
    ['{"entries":{},"metadata":{"cls_id":1}}', "metadata.cls_id: must be a string"],
  ])("refuses %s", (text, want) => {
    expect(message(decodeObjData(text, base64))).toContain(want);
  });

  it("ignores names that it does not know", () => {
    expect(decodeObjData('{"entries":{},"more":1}', base64).kind).toBe("ok");
  });
});

describe("u64", () => {
  it("keeps all digits on the way out", () => {
    expect(renderJson({ version: 18_446_744_073_709_551_615n })).toBe(
      '{"version":18446744073709551615}',
    );
  });

  it("is refused rather than rounded on the way in, and exact as a string", () => {
    const over = '{"expected_object_version":9007199254740993}';
    expect(message(decodeBatch(over, base64))).toContain("written as a string");
    const exact = decodeBatch('{"expected_object_version":"9007199254740993"}', base64);
    expect(exact.kind === "ok" && exact.value.expectedObjectVersion).toBe(9_007_199_254_740_993n);
  });
});

describe("decodeValData", () => {
  it("reads data and type", () => {
    const result = decodeValData('{"data":"aGk=","type":0}', base64);
    const want = create(ValDataSchema, { data: new TextEncoder().encode("hi"), type: 0 });
    expect(result).toEqual({ kind: "ok", value: want });
  });
});
