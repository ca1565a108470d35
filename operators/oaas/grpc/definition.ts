// Turns a service descriptor of api/gen into what grpc-js wants. The data plane has its own twin in
// workloads/platform: the planes share no code but the contract.
import type { DescMessage, DescService, MessageShape } from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

/** Path, kinds of streaming and codecs of one method. */
export function methodDefinition<Input extends DescMessage, Output extends DescMessage>(method: {
  readonly parent: { readonly typeName: string };
  readonly name: string;
  readonly methodKind: "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";
  readonly input: Input;
  readonly output: Output;
}): MethodDefinition<MessageShape<Input>, MessageShape<Output>> {
  const { input, output, methodKind } = method;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    originalName: method.name,
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    requestSerialize: (message) => Buffer.from(toBinary(input, message)),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(output, message)),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

/** All methods of a service, keyed by their local (camelCase) name. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(
    service.methods.map((method) => [method.localName, methodDefinition(method)]),
  );
}
