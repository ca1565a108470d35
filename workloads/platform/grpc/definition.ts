// protoc-gen-es' service descriptors as grpc-js' definitions: typed for most services, raw bytes
// for the ones whose messages pass through.
import type { DescMessage, DescMethod, DescService, MessageShape } from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

type AnyMessage = MessageShape<DescMessage>;

/** Definition whose handlers see messages. */
export function messageDefinition(service: DescService): ServiceDefinition {
  return define(service, (method): MethodDefinition<AnyMessage, AnyMessage> => ({
    ...shape(method),
    requestSerialize: (value) => encodeMessage(method.input, value),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (value) => encodeMessage(method.output, value),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  }));
}

/** Definition whose handlers see the encoded messages as they are on the wire. */
export function rawDefinition(service: DescService): ServiceDefinition {
  return define(service, (method): MethodDefinition<Buffer, Buffer> => ({
    ...shape(method),
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }));
}

/** The encoded message as a Buffer over the same memory. */
export function encodeMessage<D extends DescMessage>(schema: D, value: MessageShape<D>): Buffer {
  return bufferOf(toBinary(schema, value));
}

/** A Buffer over the same memory. */
export function bufferOf(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Path of a method on the wire, `/package.Service/Method`. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** For serializers of bytes that pass through. */
export function same(bytes: Buffer): Buffer {
  return bytes;
}

function shape(
  method: DescMethod,
): Pick<MethodDefinition<never, never>, "path" | "requestStream" | "responseStream"> {
  const kind = method.methodKind;
  return {
    path: methodPath(method),
    requestStream: kind === "client_streaming" || kind === "bidi_streaming",
    responseStream: kind === "server_streaming" || kind === "bidi_streaming",
  };
}

function define(
  service: DescService,
  make: (method: DescMethod) => ServiceDefinition[string],
): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, make(method)]));
}
