// Upstream's names and numbers, as a table of our own reading of its protos: a client or function
// that was built for upstream must find every one of them here. Our fields live in 1000-1999.
import { describe, expect, it } from "@jest/globals";
import type { DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";

import { file_oprc_data } from "#api/gen/oprc-data_pb.ts";
import { file_oprc_invoke } from "#api/gen/oprc-invoke_pb.ts";
import { file_oprc_route } from "#api/gen/oprc-route_pb.ts";

const target = "rep TriggerTarget";
const messages: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  EmptyResponse: {},
  StatsRequest: {},
  StatsResponse: { 1: "shards rep ShardStats" },
  ShardStats: {
    1: "collection string",
    2: "partition_id uint32",
    3: "shard_id uint64",
    4: "count uint64",
  },
  CapabilitiesRequest: {},
  CapabilitiesResponse: {
    1: "string_ids bool",
    2: "string_entry_keys bool",
    3: "granular_entry_storage bool",
    4: "event_pipeline_v2 bool",
  },
  ValueResponse: {
    1: "value ValData",
    2: "object_version opt uint64",
    3: "key opt string",
    4: "deleted opt bool",
  },
  ObjectResponse: { 1: "obj ObjData" },
  ObjData: {
    1: "metadata opt ObjMeta",
    3: "event opt ObjectEvent",
    4: "entries map<string,ValData>",
  },
  ObjMeta: { 1: "cls_id string", 2: "partition_id uint32", 4: "object_id opt string" },
  ValData: { 1: "data bytes", 2: "type ValType" },
  ObjectEvent: {
    1: "func_trigger map<string,FuncTrigger>",
    3: "data_trigger map<string,DataTrigger>",
  },
  FuncTrigger: { 1: `on_complete ${target}`, 2: `on_error ${target}` },
  DataTrigger: { 1: `on_create ${target}`, 2: `on_update ${target}`, 3: `on_delete ${target}` },
  TriggerTarget: {
    1: "cls_id string",
    2: "partition_id uint32",
    4: "fn_id string",
    5: "req_options map<string,string>",
    6: "object_id opt string",
  },
  TriggerPayload: { 1: "event_info EventInfo", 3: "original_payload opt bytes" },
  EventInfo: {
    1: "source_cls_id string",
    2: "source_partition_id uint32",
    4: "event_type EventType",
    5: "fn_id opt string",
    6: "key opt string",
    7: "timestamp uint64",
    8: "context map<string,string>",
    9: "source_object_id opt string",
  },
  SingleObjectRequest: { 1: "cls_id string", 2: "partition_id uint32", 4: "object_id opt string" },
  SingleKeyRequest: {
    1: "cls_id string",
    2: "partition_id uint32",
    5: "key opt string",
    6: "object_id opt string",
  },
  SetKeyRequest: {
    1: "cls_id string",
    2: "partition_id int32",
    5: "value ValData",
    6: "key opt string",
    7: "object_id opt string",
  },
  SetObjectRequest: {
    1: "cls_id string",
    2: "partition_id int32",
    4: "object ObjData",
    5: "object_id opt string",
  },
  BatchSetValuesRequest: {
    1: "cls_id string",
    2: "partition_id uint32",
    4: "object_id opt string",
    5: "values map<string,ValData>",
    6: "delete_keys rep string",
    7: "expected_object_version opt uint64",
  },
  ListValuesRequest: {
    1: "cls_id string",
    2: "partition_id uint32",
    4: "object_id opt string",
    5: "key_prefix opt string",
    6: "limit uint32",
    7: "cursor opt bytes",
  },
  ValueEnvelope: {
    1: "key string",
    2: "value opt ValData",
    3: "version uint64",
    4: "next_cursor opt bytes",
  },
  ListObjectsRequest: {
    1: "cls_id string",
    2: "partition_id uint32",
    3: "object_id_prefix opt string",
    4: "limit uint32",
    5: "cursor opt bytes",
  },
  ObjectMetaEnvelope: {
    1: "object_id string",
    2: "version uint64",
    3: "entry_count uint64",
    4: "next_cursor opt bytes",
  },
  CreateCollectionRequest: {
    1: "name string",
    2: "partition_count int32",
    3: "replica_count int32",
    4: "shard_assignments rep ShardAssignment",
    6: "shard_type string",
    7: "options map<string,string>",
    8: "invocations opt InvocationRoute",
  },
  ShardAssignment: { 1: "primary opt uint64", 2: "replica rep uint64", 3: "shard_ids rep uint64" },
  InvocationRoute: { 1: "fn_routes map<string,FuncInvokeRoute>", 2: "disabled_fn rep string" },
  FuncInvokeRoute: {
    1: "url string",
    2: "stateless bool",
    3: "standby bool",
    4: "active_group rep uint64",
    5: "wasm_module_url opt string",
  },
  CreateCollectionResponse: { 1: "name string" },
  ShardGroup: { 1: "shard_ids rep uint64" },
  InvocationRequest: {
    1: "partition_id uint32",
    3: "cls_id string",
    4: "fn_id string",
    5: "options map<string,string>",
    6: "payload bytes",
  },
  ObjectInvocationRequest: {
    1: "partition_id uint32",
    3: "cls_id string",
    4: "fn_id string",
    5: "options map<string,string>",
    6: "payload bytes",
    7: "object_id opt string",
  },
  InvocationResponse: {
    1: "payload opt bytes",
    2: "status ResponseStatus",
    3: "headers map<string,string>",
    4: "invocation_id string",
  },
  ClsRoutingRequest: {},
  ClsRoutingTable: { 1: "clss rep ClsRouting" },
  ClsRouting: { 1: "name string", 2: "partitions int32", 3: "routing rep PartitionRouting" },
  PartitionRouting: { 1: "data DataRouting", 3: "functions map<string,FuncRouting>" },
  DataRouting: { 1: "url string" },
  FuncRouting: { 1: "url string" },
};

const enums: Readonly<Record<string, readonly string[]>> = {
  ValType: ["VAL_TYPE_BYTE", "VAL_TYPE_CRDT_MAP"],
  EventType: [
    "EVENT_TYPE_UNKNOWN",
    "EVENT_TYPE_FUNC_COMPLETE",
    "EVENT_TYPE_FUNC_ERROR",
    "EVENT_TYPE_DATA_CREATE",
    "EVENT_TYPE_DATA_UPDATE",
    "EVENT_TYPE_DATA_DELETE",
  ],
  TriggerType: ["TRIGGER_TYPE_UNKNOWN", "TRIGGER_TYPE_FUNCTION", "TRIGGER_TYPE_DATA"],
  ResponseStatus: ["OKAY", "INVALID_REQUEST", "APP_ERROR", "SYSTEM_ERROR"],
};

const services: Readonly<Record<string, readonly string[]>> = {
  DataService: [
    "Get SingleObjectRequest ObjectResponse",
    "Delete SingleObjectRequest EmptyResponse",
    "Set SetObjectRequest EmptyResponse",
    "Merge SetObjectRequest ObjectResponse",
    "ListObjects ListObjectsRequest stream ObjectMetaEnvelope",
    "GetValue SingleKeyRequest ValueResponse",
    "SetValue SetKeyRequest EmptyResponse",
    "DeleteValue SingleKeyRequest EmptyResponse",
    "BatchSetValues BatchSetValuesRequest EmptyResponse",
    "ListValues ListValuesRequest stream ValueEnvelope",
    "Stats StatsRequest StatsResponse",
    "Capabilities CapabilitiesRequest CapabilitiesResponse",
  ],
  OprcFunction: [
    "InvokeFn InvocationRequest InvocationResponse",
    "InvokeObj ObjectInvocationRequest InvocationResponse",
  ],
  RoutingService: [
    "GetClsRouting ClsRoutingRequest ClsRoutingTable",
    "WatchClsRouting ClsRoutingRequest stream ClsRouting",
  ],
};

const files: readonly DescFile[] = [file_oprc_data, file_oprc_invoke, file_oprc_route];
const allMessages = new Map(files.flatMap((file) => file.messages).map((m) => [m.name, m]));

function typeName(field: DescField): string {
  if (field.fieldKind === "map") {
    const value = field.mapKind === "message" ? field.message.name : scalarName(field.scalar);
    return `map<${scalarName(field.mapKey)},${value}>`;
  }
  if (field.message !== undefined) return field.message.name;
  if (field.enum !== undefined) return field.enum.name;
  return scalarName(field.scalar);
}

function scalarName(scalar: ScalarType | undefined): string {
  return scalar === undefined ? "?" : ScalarType[scalar].toLowerCase();
}

function shape(field: DescField): string {
  const repeated = field.fieldKind === "list";
  // A message field has presence anyway; `opt` is compared only where it changes the wire.
  const optional = field.fieldKind === "scalar" && field.proto.proto3Optional;
  const type = field.fieldKind === "list" ? listType(field) : typeName(field);
  return `${field.name} ${repeated ? "rep " : optional ? "opt " : ""}${type}`;
}

function listType(field: DescField & { fieldKind: "list" }): string {
  if (field.listKind === "message") return field.message.name;
  return field.listKind === "enum" ? field.enum.name : scalarName(field.scalar);
}

function upstreamFields(message: DescMessage): Readonly<Record<number, string>> {
  return Object.fromEntries(
    message.fields.filter((f) => f.number < 1000).map((f) => [f.number, shape(f)]),
  );
}

describe("upstream's wire surface", () => {
  it.each(Object.entries(messages))("keeps every field of %s", (name, want) => {
    const message = allMessages.get(name);
    if (message === undefined) throw new Error(`message ${name} is missing`);
    const plain = Object.fromEntries(
      Object.entries(want).map(([n, text]) => [
        n,
        /opt (ObjMeta|ObjectEvent|ValData|InvocationRoute)$/.test(text)
          ? text.replace(" opt ", " ")
          : text,
      ]),
    );
    expect(upstreamFields(message)).toEqual(plain);
  });

  it("numbers every field of ours from 1000 to 1999", () => {
    for (const [name, message] of allMessages) {
      if (!(name in messages)) continue;
      for (const field of message.fields) {
        const known = messages[name]?.[field.number] !== undefined;
        const ours = field.number >= 1000 && field.number < 2000;
        expect({ field: `${name}.${field.name}`, ok: known || ours }).toMatchObject({ ok: true });
      }
    }
  });

  it.each(Object.entries(enums))("keeps the values of %s", (name, want) => {
    const found = files.flatMap((file) => file.enums).find((e) => e.name === name);
    expect(found?.values.map((v) => v.name)).toEqual(want);
    expect(found?.values.map((v) => v.number)).toEqual(want.map((_, index) => index));
  });

  it.each(Object.entries(services))("keeps the rpcs of %s and adds none", (name, want) => {
    const service = files.flatMap((file) => file.services).find((s) => s.name === name);
    expect(service?.typeName).toBe(`oprc.${name}`);
    const got = service?.methods.map((m) => {
      const stream = m.methodKind === "server_streaming" ? "stream " : "";
      return `${m.name} ${m.input.name} ${stream}${m.output.name}`;
    });
    expect(got).toEqual(want);
  });
});
