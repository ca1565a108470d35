// Upstream's JSON of its messages: plain serde on the structs, not proto3-JSON. Names in
// snake_case, bytes as standard base64 with padding, enums as integers, u64 as JSON numbers, absent
// optional fields as null on the way out and as null or nothing on the way in. Unknown names are
// ignored, as serde does. A u64 that a JSON number cannot carry exactly is refused instead of
// rounded; it may be written as a string.
import { create } from "@bufbuild/protobuf";

import { assertNever } from "#api/base/index.ts";
import type {
  BatchSetValuesRequest,
  DataTrigger,
  FuncTrigger,
  ObjData,
  ObjectEvent,
  TriggerTarget,
  ValData,
  ValType,
} from "#api/gen/oprc-data_pb.ts";
import {
  BatchSetValuesRequestSchema,
  DataTriggerSchema,
  FuncTriggerSchema,
  ObjDataSchema,
  ObjectEventSchema,
  ObjMetaSchema,
  TriggerTargetSchema,
  ValDataSchema,
} from "#api/gen/oprc-data_pb.ts";

/** Standard base64 of the platform; the pure layers have none that is fast. */
export interface Base64 {
  /** With padding. */
  encode(bytes: Uint8Array): string;
  /** Undefined unless the text is standard base64 with padding. */
  decode(text: string): Uint8Array<ArrayBuffer> | undefined;
}

/** Result of a decoder; `path` names the field that is wrong. */
export type JsonDecoded<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "invalid"; readonly message: string };

/** JSON text; bigint becomes a number of all its digits. */
export type JsonOut =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonOut[]
  | { readonly [name: string]: JsonOut };

/** Serialises without losing digits of a bigint. */
export function renderJson(value: JsonOut): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "boolean":
    case "number":
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return value.toString();
    case "object":
      break;
    default:
      return assertNever(value);
  }
  if (isList(value)) return `[${value.map(renderJson).join(",")}]`;
  const fields = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${renderJson(v)}`);
  return `{${fields.join(",")}}`;
}

function isList(value: JsonOut): value is readonly JsonOut[] {
  return Array.isArray(value);
}

/** One value as `{"data","type"}`. */
export function valDataToJson(value: ValData, base64: Base64): JsonOut {
  return { data: base64.encode(value.data), type: value.type };
}

function targetToJson(target: TriggerTarget): JsonOut {
  return {
    cls_id: target.clsId,
    partition_id: target.partitionId,
    fn_id: target.fnId,
    req_options: target.reqOptions,
    object_id: target.objectId ?? null,
  };
}

function mapJson<T>(map: Readonly<Record<string, T>>, each: (value: T) => JsonOut): JsonOut {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, each(value)]));
}

function eventToJson(event: ObjectEvent): JsonOut {
  return {
    func_trigger: mapJson(event.funcTrigger, (trigger) => ({
      on_complete: trigger.onComplete.map(targetToJson),
      on_error: trigger.onError.map(targetToJson),
    })),
    data_trigger: mapJson(event.dataTrigger, (trigger) => ({
      on_create: trigger.onCreate.map(targetToJson),
      on_update: trigger.onUpdate.map(targetToJson),
      on_delete: trigger.onDelete.map(targetToJson),
    })),
  };
}

/** JSON text of an object. */
export function renderObjData(object: ObjData, base64: Base64): string {
  const meta = object.metadata;
  return renderJson({
    metadata:
      meta === undefined
        ? null
        : {
            cls_id: meta.clsId,
            partition_id: meta.partitionId,
            object_id: meta.objectId ?? null,
          },
    event: object.event === undefined ? null : eventToJson(object.event),
    entries: mapJson(object.entries, (value) => valDataToJson(value, base64)),
  });
}

/** Thrown inside of this file only; every exported decoder turns it into an outcome. */
class Reject extends Error {}

function reject(path: string, want: string): never {
  throw new Reject(`${path}: ${want}`);
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return reject(path, "must be an object");
  }
  // The check above is the proof.
  return value as Fields;
}

/** The value of a field of its own, so that `__proto__` and friends are data. */
function field(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function textField(fields: Fields, name: string, path: string): string {
  const value = field(fields, name);
  return typeof value === "string" ? value : reject(`${path}.${name}`, "must be a string");
}

function integerField(fields: Fields, name: string, bounds: Bounds): number {
  const value = field(fields, name);
  const { path, min, max } = bounds;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  return reject(`${path}.${name}`, `must be an integer from ${min} to ${max}`);
}

interface Bounds {
  readonly path: string;
  readonly min: number;
  readonly max: number;
}

const U32_MAX = 4_294_967_295;
const U64_MAX = (1n << 64n) - 1n;

function mapField<T>(
  value: unknown,
  path: string,
  each: (item: unknown, path: string) => T,
): Record<string, T> {
  const fields = fieldsOf(value, path);
  return Object.fromEntries(
    Object.entries(fields).map(([key, item]) => [key, each(item, `${path}.${key}`)]),
  );
}

function listField<T>(value: unknown, path: string, each: (item: unknown, path: string) => T): T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return reject(path, "must be a list");
  return value.map((item: unknown, index) => each(item, `${path}[${index}]`));
}

function readValData(value: unknown, path: string, base64: Base64): ValData {
  const fields = fieldsOf(value, path);
  const data = base64.decode(textField(fields, "data", path));
  if (data === undefined) return reject(`${path}.data`, "must be base64 with padding");
  const type = integerField(fields, "type", { path, min: -2_147_483_648, max: 2_147_483_647 });
  // An enum on the wire is any int32; the data service judges it.
  return create(ValDataSchema, { data, type: type as ValType });
}

function readTarget(value: unknown, path: string): TriggerTarget {
  const fields = fieldsOf(value, path);
  const objectId = field(fields, "object_id");
  if (objectId !== undefined && objectId !== null && typeof objectId !== "string") {
    return reject(`${path}.object_id`, "must be a string");
  }
  return create(TriggerTargetSchema, {
    clsId: textField(fields, "cls_id", path),
    partitionId: integerField(fields, "partition_id", { path, min: 0, max: U32_MAX }),
    fnId: textField(fields, "fn_id", path),
    reqOptions: mapField(field(fields, "req_options") ?? {}, `${path}.req_options`, (item, at) =>
      typeof item === "string" ? item : reject(at, "must be a string"),
    ),
    ...(typeof objectId === "string" ? { objectId } : {}),
  });
}

function readEvent(value: unknown, path: string): ObjectEvent {
  const fields = fieldsOf(value, path);
  const targets = (of: Fields, name: string, at: string): TriggerTarget[] =>
    listField(field(of, name), `${at}.${name}`, readTarget);
  const func = (item: unknown, at: string): FuncTrigger => {
    const of = fieldsOf(item, at);
    return create(FuncTriggerSchema, {
      onComplete: targets(of, "on_complete", at),
      onError: targets(of, "on_error", at),
    });
  };
  const data = (item: unknown, at: string): DataTrigger => {
    const of = fieldsOf(item, at);
    return create(DataTriggerSchema, {
      onCreate: targets(of, "on_create", at),
      onUpdate: targets(of, "on_update", at),
      onDelete: targets(of, "on_delete", at),
    });
  };
  return create(ObjectEventSchema, {
    funcTrigger: mapField(field(fields, "func_trigger") ?? {}, `${path}.func_trigger`, func),
    dataTrigger: mapField(field(fields, "data_trigger") ?? {}, `${path}.data_trigger`, data),
  });
}

function decoded<T>(text: string, read: (value: unknown) => T): JsonDecoded<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause: unknown) {
    const message = cause instanceof Error ? cause.message : "not JSON";
    return { kind: "invalid", message };
  }
  try {
    return { kind: "ok", value: read(value) };
  } catch (cause: unknown) {
    if (cause instanceof Reject) return { kind: "invalid", message: cause.message };
    throw cause;
  }
}

/** An object; `entries` is required, and each value needs both `data` and `type`. */
export function decodeObjData(text: string, base64: Base64): JsonDecoded<ObjData> {
  return decoded(text, (value) => {
    const fields = fieldsOf(value, "object");
    const meta = field(fields, "metadata");
    const event = field(fields, "event");
    const entries = mapField(field(fields, "entries"), "entries", (item, path) =>
      readValData(item, path, base64),
    );
    return create(ObjDataSchema, {
      entries,
      ...(meta === undefined || meta === null ? {} : { metadata: readMeta(meta) }),
      ...(event === undefined || event === null ? {} : { event: readEvent(event, "event") }),
    });
  });
}

function readMeta(value: unknown): ReturnType<typeof create<typeof ObjMetaSchema>> {
  const path = "metadata";
  const fields = fieldsOf(value, path);
  const objectId = field(fields, "object_id");
  return create(ObjMetaSchema, {
    clsId: textField(fields, "cls_id", path),
    partitionId: integerField(fields, "partition_id", { path, min: 0, max: U32_MAX }),
    ...(typeof objectId === "string" ? { objectId } : {}),
  });
}

/** One value. */
export function decodeValData(text: string, base64: Base64): JsonDecoded<ValData> {
  return decoded(text, (value) => readValData(value, "value", base64));
}

/** A batch: `{"values":{},"delete_keys":[],"expected_object_version":7}`, each part optional. */
export function decodeBatch(text: string, base64: Base64): JsonDecoded<BatchSetValuesRequest> {
  return decoded(text, (value) => {
    const fields = fieldsOf(value, "batch");
    const version = readU64(field(fields, "expected_object_version"), "expected_object_version");
    return create(BatchSetValuesRequestSchema, {
      values: mapField(field(fields, "values") ?? {}, "values", (item, path) =>
        readValData(item, path, base64),
      ),
      deleteKeys: listField(field(fields, "delete_keys"), "delete_keys", (item, path) =>
        typeof item === "string" ? item : reject(path, "must be a string"),
      ),
      ...(version === undefined ? {} : { expectedObjectVersion: version }),
    });
  });
}

function readU64(value: unknown, path: string): bigint | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === "string" && /^\d{1,20}$/.test(value)) {
    const exact = BigInt(value);
    if (exact <= U64_MAX) return exact;
  }
  return reject(path, "must be a u64; above 9007199254740991 it must be written as a string");
}
