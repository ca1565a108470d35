// Server reflection, v1 and v1alpha (the messages are the same on the wire), over the descriptors
// that protoc-gen-es embeds. The few messages of the protocol are read and written by hand
// (grpc/reflection/v1/reflection.proto).
import type { DescFile } from "@bufbuild/protobuf";
import { toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

import { file_oprc_data } from "#api/gen/oprc-data_pb.ts";
import { file_oprc_invoke } from "#api/gen/oprc-invoke_pb.ts";
import { GrpcCode } from "#workloads/core/rest/index.ts";

import type { GrpcMethod, GrpcServerCall } from "./grpc.ts";

const FILES: readonly DescFile[] = [file_oprc_data, file_oprc_invoke];
const HEALTH_SERVICE = "grpc.health.v1.Health";

/** What is asked; the numbers are fields of ServerReflectionRequest. */
type Question =
  | { readonly kind: "file"; readonly name: string }
  | { readonly kind: "symbol"; readonly name: string }
  | { readonly kind: "services" }
  | { readonly kind: "other" };

/** The question of a request; undefined if the bytes are none. */
function parseQuestion(request: Buffer): Question | undefined {
  try {
    const reader = new BinaryReader(request);
    let question: Question = { kind: "other" };
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 3) question = { kind: "file", name: reader.string() };
      else if (field === 4) question = { kind: "symbol", name: reader.string() };
      else if (field === 7) {
        reader.skip(wireType);
        question = { kind: "services" };
      } else reader.skip(wireType);
    }
    return question;
  } catch {
    return undefined;
  }
}

function symbolsOf(file: DescFile): readonly string[] {
  return [
    ...file.messages.map((message) => message.typeName),
    ...file.enums.map((each) => each.typeName),
    ...file.services.flatMap((service) => [
      service.typeName,
      ...service.methods.map((method) => `${service.typeName}.${method.name}`),
    ]),
  ];
}

/** protoc's name of the file: the descriptor itself carries it. */
function fileName(file: DescFile): string {
  return file.proto.name;
}

function filesOf(question: Question): readonly DescFile[] {
  switch (question.kind) {
    case "file":
      return FILES.filter((file) => fileName(file) === question.name);
    case "symbol":
      return FILES.filter((file) => symbolsOf(file).includes(question.name));
    case "services":
    case "other":
      return [];
  }
}

function withOriginal(request: Buffer): BinaryWriter {
  // 2: original_request
  return new BinaryWriter().uint32((2 << 3) | 2).bytes(request);
}

function errorAnswer(request: Buffer, code: number, message: string): Uint8Array {
  // 7: error_response {1: error_code, 2: error_message}
  return withOriginal(request)
    .uint32((7 << 3) | 2)
    .fork()
    .uint32((1 << 3) | 0)
    .int32(code)
    .uint32((2 << 3) | 2)
    .string(message)
    .join()
    .finish();
}

function servicesAnswer(request: Buffer): Uint8Array {
  const names = FILES.flatMap((file) => file.services.map((service) => service.typeName));
  // 6: list_services_response {1: service {1: name}}
  const writer = withOriginal(request)
    .uint32((6 << 3) | 2)
    .fork();
  for (const name of [...names, HEALTH_SERVICE].sort()) {
    writer
      .uint32((1 << 3) | 2)
      .fork()
      .uint32((1 << 3) | 2)
      .string(name)
      .join();
  }
  return writer.join().finish();
}

function filesAnswer(request: Buffer, files: readonly DescFile[]): Uint8Array {
  // 4: file_descriptor_response {1: file_descriptor_proto}
  const writer = withOriginal(request)
    .uint32((4 << 3) | 2)
    .fork();
  for (const file of files) {
    writer.uint32((1 << 3) | 2).bytes(toBinary(FileDescriptorProtoSchema, file.proto));
  }
  return writer.join().finish();
}

function answer(request: Buffer, question: Question): Uint8Array {
  if (question.kind === "services") return servicesAnswer(request);
  if (question.kind === "other") {
    return errorAnswer(request, GrpcCode.unimplemented, "extensions are not used here");
  }
  const files = filesOf(question);
  if (files.length > 0) return filesAnswer(request, files);
  return errorAnswer(request, GrpcCode.notFound, `${question.kind} "${question.name}" is unknown`);
}

/** ServerReflectionInfo of both versions. */
export function reflectionMethods(): [string, GrpcMethod][] {
  const method: GrpcMethod = {
    kind: "both",
    message: (request: Buffer, call: GrpcServerCall) => {
      const question = parseQuestion(request);
      if (question === undefined) {
        call.fail({ code: GrpcCode.invalidArgument, reason: "", message: "malformed request" });
      } else {
        call.reply(answer(request, question), true);
      }
    },
  };
  return [
    ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", method],
    ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", method],
  ];
}
