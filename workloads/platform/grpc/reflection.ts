// grpc.reflection, v1 and v1alpha: tools such as grpcurl ask a server what it serves.
import type { DescFile, MessageInitShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Server, ServerDuplexStream, ServiceDefinition } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";

import type { ServerReflectionRequest } from "#api/gen/grpc-reflection_pb.ts";
import {
  ServerReflection,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "#api/gen/grpc-reflection_pb.ts";
import { errorMessage } from "#api/base/index.ts";

import { encodeMessage, rawDefinition } from "./definition.ts";
import { GrpcFailure, toStatus } from "./failure.ts";

type Answer = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

/** Adds both versions of the service, telling of these files. */
export function addReflection(server: Server, files: readonly DescFile[]): void {
  const catalog = new Catalog(files);
  for (const version of ["v1", "v1alpha"]) {
    server.addService(renamed(version), {
      serverReflectionInfo: (stream: ServerDuplexStream<Buffer, Buffer>) => serve(stream, catalog),
    });
  }
}

function renamed(version: string): ServiceDefinition {
  const definition = rawDefinition(ServerReflection);
  const entries = Object.entries(definition).map(([name, method]) => [
    name,
    { ...method, path: method.path.replace(".v1.", `.${version}.`) },
  ]);
  // Still grpc-js' definition with another path; fromEntries loses the type.
  return Object.fromEntries(entries) as ServiceDefinition;
}

function serve(stream: ServerDuplexStream<Buffer, Buffer>, catalog: Catalog): void {
  stream.on("data", (bytes: Buffer) => {
    try {
      const request = fromBinary(ServerReflectionRequestSchema, bytes);
      const response = create(ServerReflectionResponseSchema, {
        validHost: request.host,
        originalRequest: request,
        messageResponse: catalog.answer(request),
      });
      stream.write(encodeMessage(ServerReflectionResponseSchema, response));
    } catch (cause: unknown) {
      const text = errorMessage(cause);
      stream.emit(
        "error",
        toStatus(new GrpcFailure(status.INVALID_ARGUMENT, "MALFORMED", text, { cause })),
      );
    }
  });
  stream.on("end", () => stream.end());
}

class Catalog {
  readonly #services: readonly string[];
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();

  constructor(files: readonly DescFile[]) {
    for (const file of files) this.#add(file);
    this.#services = files.flatMap((file) => file.services.map((service) => service.typeName));
  }

  answer(request: ServerReflectionRequest): Answer {
    const { messageRequest: asked } = request;
    switch (asked.case) {
      case "listServices": {
        const service = [...this.#services].sort().map((name) => ({ name }));
        return { case: "listServicesResponse", value: { service } };
      }
      case "fileByFilename":
        return describe(this.#files.get(asked.value), asked.value);
      case "fileContainingSymbol":
        return describe(this.#symbols.get(asked.value), asked.value);
      case "allExtensionNumbersOfType":
        return {
          case: "allExtensionNumbersResponse",
          value: { baseTypeName: asked.value, extensionNumber: [] },
        };
      case "fileContainingExtension":
        return describe(undefined, asked.value.containingType);
      case undefined:
        return failure(status.INVALID_ARGUMENT, "nothing was asked");
    }
  }

  #add(file: DescFile): void {
    this.#files.set(file.proto.name, file);
    for (const service of file.services) {
      this.#symbols.set(service.typeName, file);
      for (const method of service.methods) {
        this.#symbols.set(`${service.typeName}.${method.name}`, file);
      }
    }
    const types = [...file.messages];
    for (let type = types.pop(); type !== undefined; type = types.pop()) {
      this.#symbols.set(type.typeName, file);
      for (const nested of type.nestedEnums) this.#symbols.set(nested.typeName, file);
      types.push(...type.nestedMessages);
    }
    for (const type of file.enums) this.#symbols.set(type.typeName, file);
  }
}

function describe(file: DescFile | undefined, name: string): Answer {
  if (file === undefined) return failure(status.NOT_FOUND, `"${name}" is not here`);
  const all = [file, ...file.dependencies];
  const fileDescriptorProto = all.map((each) => toBinary(FileDescriptorProtoSchema, each.proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function failure(errorCode: status, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
