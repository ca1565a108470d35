// Objects and their entries over REST. Conditional writes are compare-and-set of the data service;
// a condition that it cannot express is refused.
import type { MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";

import { assert, assertNever, errorMessage } from "#api/base/index.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import type { BatchSetValuesRequest, ObjData, ValData } from "#api/gen/oprc-data_pb.ts";
import {
  BatchSetValuesRequestSchema,
  EmptyResponseSchema,
  ListObjectsRequestSchema,
  ListValuesRequestSchema,
  ObjDataSchema,
  ObjectMetaEnvelopeSchema,
  ObjectResponseSchema,
  ObjMetaSchema,
  SetKeyRequestSchema,
  SetObjectRequestSchema,
  SingleKeyRequestSchema,
  SingleObjectRequestSchema,
  ValDataSchema,
  ValueEnvelopeSchema,
  ValueResponseSchema,
} from "#api/gen/oprc-data_pb.ts";
import type { Base64, CallFault, EntityTag, JsonDecoded } from "#workloads/core/rest/index.ts";
import {
  decodeBatch,
  decodeObjData,
  decodeValData,
  encodeCursor,
  formatEtag,
  GrpcCode,
  isUnchanged,
  parseBodyFormat,
  parseListQuery,
  parsePrecondition,
  renderJson,
  renderObjData,
  restFault,
  valDataToJson,
} from "#workloads/core/rest/index.ts";

import type { ApiRoute, RestCall } from "./rest.ts";
import { headerOf } from "./rest.ts";

/** Base64 of Node; strict on the way in. */
const base64: Base64 = {
  encode: (bytes) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
  decode: (text) => {
    // Node skips what is not base64; the length and alphabet say whether anything was.
    if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
    return Buffer.from(text, "base64");
  },
};

type ObjectRoute<Kind extends ApiRoute["kind"]> = Extract<ApiRoute, { readonly kind: Kind }>;

const PROTOBUF = { "content-type": "application/x-protobuf" };

/** Serves every route but invocations. */
export function serveObjects(call: RestCall, route: ApiRoute): void {
  switch (route.kind) {
    case "list-objects":
      listObjects(call, route);
      return;
    case "object":
      if (route.verb === "get") getObject(call, route);
      else if (route.verb === "put") putObject(call, route);
      else deleteObject(call, route);
      return;
    case "entries":
      listEntries(call, route);
      return;
    case "entry":
      if (route.verb === "get") getEntry(call, route);
      else if (route.verb === "put") putEntry(call, route);
      else deleteEntry(call, route);
      return;
    case "batch-set":
      batchSet(call, route);
      return;
    case "invoke-class":
    case "invoke-object":
      assert(false, "invocations are served elsewhere");
      return;
    default:
      assertNever(route);
  }
}

/** The fields that every request of the data service begins with. */
function scopeOf(route: ApiRoute): { readonly clsId: string; readonly partitionId: number } {
  return { clsId: route.scope.cls, partitionId: route.scope.partition ?? 0 };
}

function acceptsJson(call: RestCall): boolean {
  return (headerOf(call.exchange, "accept") ?? "").includes("application/json");
}

/** What a write expects of the object; undefined = nothing. */
interface Expected {
  readonly tag: EntityTag | undefined;
}

/** What a write expects; answers the call itself if the condition is malformed. */
function expectedContent(call: RestCall): Expected | undefined {
  const parsed = parsePrecondition({
    ifMatch: headerOf(call.exchange, "if-match"),
    ifNoneMatch: headerOf(call.exchange, "if-none-match"),
  });
  if (parsed.kind === "fault") {
    call.fault(parsed.fault);
    return undefined;
  }
  switch (parsed.value.kind) {
    case "none":
      return { tag: undefined };
    case "absent":
      return { tag: { version: 0n } };
    case "content":
      return { tag: parsed.value.tag };
    default:
      return assertNever(parsed.value);
  }
}

/** With a condition ABORTED means that it does not hold: 412. */
function conditionFailed(call: RestCall, conditional: boolean): (fault: CallFault) => boolean {
  return (fault) => {
    if (!conditional || fault.code !== GrpcCode.aborted) return false;
    call.fault(restFault(412, "VERSION_MISMATCH", fault.message));
    return true;
  };
}

function getObject(call: RestCall, route: ObjectRoute<"object">): void {
  call.call(
    {
      method: Method.GET,
      route,
      input: SingleObjectRequestSchema,
      request: { ...scopeOf(route), objectId: route.object },
      output: ObjectResponseSchema,
    },
    ([response]) => {
      const object = response?.obj;
      if (object === undefined) {
        call.fault(restFault(404, "NO_OBJECT", `object "${route.object}" does not exist`));
        return;
      }
      const tag = tagOf(response);
      const etag = tag === undefined ? {} : { etag: formatEtag(tag) };
      if (tag !== undefined && isUnchanged(headerOf(call.exchange, "if-none-match"), tag)) {
        call.respond(304, etag);
        return;
      }
      answerObject(call, withMetadata(object, route), etag);
    },
  );
}

/** The content that was read; undefined if the data service names no version. */
function tagOf(
  response:
    | {
        readonly objectVersion?: bigint | undefined;
        readonly objectDigest?: Uint8Array | undefined;
      }
    | undefined,
): EntityTag | undefined {
  const { objectVersion: version, objectDigest: digest } = response ?? {};
  return version === undefined ? undefined : { version, digest };
}

/** Upstream's readers take an object without metadata for a missing one. */
function withMetadata(object: ObjData, route: ObjectRoute<"object">): ObjData {
  if (object.metadata !== undefined) return object;
  const metadata = create(ObjMetaSchema, { ...scopeOf(route), objectId: route.object });
  return { ...object, metadata };
}

function answerObject(
  call: RestCall,
  object: ObjData,
  etag: Readonly<Record<string, string>>,
): void {
  const headers = { ...etag, vary: "accept" };
  if (acceptsJson(call)) call.json(renderObjData(object, base64), headers);
  else call.respond(200, { ...PROTOBUF, ...headers }, toBinary(ObjDataSchema, object));
}

function putObject(call: RestCall, route: ObjectRoute<"object">): void {
  const expected = expectedContent(call);
  if (expected === undefined) return;
  const format = parseBodyFormat(headerOf(call.exchange, "content-type"));
  if (format === undefined) {
    refuseType(call, "application/json, application/x-protobuf or application/octet-stream");
    return;
  }
  call.withBody((body) => {
    const object =
      format === "json"
        ? fromJson(call, decodeObjData(body.toString("utf8"), base64))
        : fromProtobuf(call, ObjDataSchema, body);
    if (object === undefined) return;
    call.call(
      {
        method: Method.SET,
        route,
        input: SetObjectRequestSchema,
        request: {
          ...scopeOf(route),
          objectId: route.object,
          object,
          ...expectedFields(expected.tag),
        },
        output: EmptyResponseSchema,
        failed: conditionFailed(call, expected.tag !== undefined),
      },
      () => call.respond(200),
    );
  });
}

function expectedFields(tag: EntityTag | undefined): {
  readonly expectedObjectVersion?: bigint;
  readonly expectedObjectDigest?: Uint8Array;
} {
  if (tag === undefined) return {};
  const { version: expectedObjectVersion, digest } = tag;
  if (digest === undefined) return { expectedObjectVersion };
  return { expectedObjectVersion, expectedObjectDigest: digest };
}

function deleteObject(call: RestCall, route: ObjectRoute<"object">): void {
  const expected = expectedContent(call);
  if (expected === undefined) return;
  const { tag } = expected;
  call.call(
    {
      method: Method.DELETE,
      route,
      input: SingleObjectRequestSchema,
      request: { ...scopeOf(route), objectId: route.object, ...expectedFields(tag) },
      output: EmptyResponseSchema,
      failed: conditionFailed(call, tag !== undefined),
    },
    () => call.respond(204),
  );
}

function listObjects(call: RestCall, route: ObjectRoute<"list-objects">): void {
  const parsed = parseListQuery(call.exchange.query, "objects");
  if (parsed.kind === "fault") {
    call.fault(parsed.fault);
    return;
  }
  const { prefix, limit, cursor } = parsed.value;
  call.call(
    {
      method: Method.LIST_OBJECTS,
      route,
      input: ListObjectsRequestSchema,
      request: {
        ...scopeOf(route),
        limit,
        ...(prefix === "" ? {} : { objectIdPrefix: prefix }),
        ...(cursor === undefined ? {} : { cursor }),
      },
      output: ObjectMetaEnvelopeSchema,
    },
    (envelopes) => {
      const objects = envelopes.map((envelope) => ({
        object_id: envelope.objectId,
        version: envelope.version,
        entry_count: envelope.entryCount,
      }));
      call.json(renderJson({ objects, ...nextCursor(envelopes.at(-1)?.nextCursor) }));
    },
  );
}

function nextCursor(cursor: Uint8Array | undefined): { readonly next_cursor?: string } {
  return cursor === undefined ? {} : { next_cursor: encodeCursor(cursor) };
}

function listEntries(call: RestCall, route: ObjectRoute<"entries">): void {
  const parsed = parseListQuery(call.exchange.query, "entries");
  if (parsed.kind === "fault") {
    call.fault(parsed.fault);
    return;
  }
  const { prefix, limit, cursor } = parsed.value;
  call.call(
    {
      method: Method.LIST_VALUES,
      route,
      input: ListValuesRequestSchema,
      request: {
        ...scopeOf(route),
        objectId: route.object,
        limit,
        ...(prefix === "" ? {} : { keyPrefix: prefix }),
        ...(cursor === undefined ? {} : { cursor }),
      },
      output: ValueEnvelopeSchema,
    },
    (envelopes) => {
      const entries = envelopes.map((envelope) => ({
        key: envelope.key,
        value: envelope.value === undefined ? null : valDataToJson(envelope.value, base64),
        version: envelope.version,
      }));
      call.json(renderJson({ entries, ...nextCursor(envelopes.at(-1)?.nextCursor) }));
    },
  );
}

/** Header with the type of a value whose bytes are the body. */
const VALUE_TYPE_HEADER = "x-oprc-value-type";

function getEntry(call: RestCall, route: ObjectRoute<"entry">): void {
  call.call(
    {
      method: Method.GET_VALUE,
      route,
      input: SingleKeyRequestSchema,
      request: { ...scopeOf(route), objectId: route.object, key: route.key },
      output: ValueResponseSchema,
    },
    ([response]) => {
      const value = response?.value;
      if (value === undefined) {
        const message = `object "${route.object}" has no entry "${route.key}"`;
        call.fault(restFault(404, "NO_ENTRY", message));
        return;
      }
      const tag = tagOf(response);
      const headers = {
        vary: "accept",
        [VALUE_TYPE_HEADER]: String(value.type),
        ...(tag === undefined ? {} : { etag: formatEtag(tag) }),
      };
      if (tag !== undefined && isUnchanged(headerOf(call.exchange, "if-none-match"), tag)) {
        call.respond(304, headers);
      } else if (acceptsJson(call)) {
        call.json(renderJson(valDataToJson(value, base64)), headers);
      } else {
        call.respond(200, { ...headers, "content-type": "application/octet-stream" }, value.data);
      }
    },
  );
}

/** A value: ValData as JSON or protobuf, or else the body's own bytes. */
function readValue(call: RestCall, body: Buffer): ValData | undefined {
  const type = (headerOf(call.exchange, "content-type") ?? "").split(";", 1)[0]?.trim();
  if (type === "application/json") {
    return fromJson(call, decodeValData(body.toString("utf8"), base64));
  }
  if (type === "application/x-protobuf") return fromProtobuf(call, ValDataSchema, body);
  return create(ValDataSchema, { data: body });
}

function putEntry(call: RestCall, route: ObjectRoute<"entry">): void {
  const expected = expectedContent(call);
  if (expected === undefined) return;
  call.withBody((body) => {
    const value = readValue(call, body);
    if (value === undefined) return;
    if (expected.tag !== undefined) {
      const values = Object.fromEntries([[route.key, value]]);
      const batch = create(BatchSetValuesRequestSchema, { values });
      sendBatch(call, route, { batch, tag: expected.tag, status: 200 });
      return;
    }
    call.call(
      {
        method: Method.SET_VALUE,
        route,
        input: SetKeyRequestSchema,
        request: { ...scopeOf(route), objectId: route.object, key: route.key, value },
        output: EmptyResponseSchema,
      },
      () => call.respond(200),
    );
  });
}

function deleteEntry(call: RestCall, route: ObjectRoute<"entry">): void {
  const expected = expectedContent(call);
  if (expected === undefined) return;
  if (expected.tag !== undefined) {
    const batch = create(BatchSetValuesRequestSchema, { deleteKeys: [route.key] });
    sendBatch(call, route, { batch, tag: expected.tag, status: 204 });
    return;
  }
  call.call(
    {
      method: Method.DELETE_VALUE,
      route,
      input: SingleKeyRequestSchema,
      request: { ...scopeOf(route), objectId: route.object, key: route.key },
      output: EmptyResponseSchema,
    },
    () => call.respond(204),
  );
}

function batchSet(call: RestCall, route: ObjectRoute<"batch-set">): void {
  const expected = expectedContent(call);
  if (expected === undefined) return;
  const format = parseBodyFormat(headerOf(call.exchange, "content-type"));
  if (format === undefined) {
    refuseType(call, "application/json or application/x-protobuf");
    return;
  }
  call.withBody((body) => {
    const batch =
      format === "json"
        ? fromJson(call, decodeBatch(body.toString("utf8"), base64))
        : fromProtobuf(call, BatchSetValuesRequestSchema, body);
    if (batch === undefined) return;
    const { expectedObjectVersion: version, expectedObjectDigest: digest } = batch;
    const own = version === undefined ? undefined : { version, digest };
    sendBatch(call, route, { batch, tag: expected.tag ?? own, status: 200 });
  });
}

function sendBatch(
  call: RestCall,
  route: ObjectRoute<"entry" | "batch-set">,
  what: {
    readonly batch: BatchSetValuesRequest;
    readonly tag: EntityTag | undefined;
    readonly status: number;
  },
): void {
  const { values, deleteKeys } = what.batch;
  call.call(
    {
      method: Method.BATCH_SET_VALUES,
      route,
      input: BatchSetValuesRequestSchema,
      request: {
        ...scopeOf(route),
        objectId: route.object,
        values,
        deleteKeys,
        ...expectedFields(what.tag),
      },
      output: EmptyResponseSchema,
      failed: conditionFailed(call, what.tag !== undefined),
    },
    () => call.respond(what.status),
  );
}

function refuseType(call: RestCall, types: string): void {
  call.fault(restFault(415, "UNSUPPORTED_MEDIA_TYPE", `the body must be ${types}`));
}

function fromJson<T>(call: RestCall, decoded: JsonDecoded<T>): T | undefined {
  if (decoded.kind === "ok") return decoded.value;
  call.fault(restFault(422, "DECODE_ERROR", decoded.message));
  return undefined;
}

function fromProtobuf<
  Schema extends typeof ObjDataSchema | typeof ValDataSchema | typeof BatchSetValuesRequestSchema,
>(call: RestCall, schema: Schema, body: Buffer): MessageShape<Schema> | undefined {
  try {
    return fromBinary(schema, body);
  } catch (cause: unknown) {
    call.fault(restFault(422, "INVALID_PROTOBUF", errorMessage(cause)));
    return undefined;
  }
}
