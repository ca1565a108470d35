// A page of all objects of a Hashed class: its partitions one after the other, each in its own byte
// order. The cursor is the partition (u16 big-endian) and that partition's own cursor.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";

import type { ListObjectsRequest, ObjectMetaEnvelope } from "#api/gen/oprc-data_pb.ts";
import { ListObjectsRequestSchema, ObjectMetaEnvelopeSchema } from "#api/gen/oprc-data_pb.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import { GrpcCode } from "#workloads/core/rest/index.ts";

import type { ClassRoute } from "../routing/class-route.ts";
import type { Caller, CallSink, GatewayCall } from "./call.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1024;

interface Position {
  readonly partition: number;
  readonly cursor: Uint8Array | undefined;
}

/** The cursor that goes on at this position. */
export function encodePosition(position: Position): Uint8Array {
  const inner = position.cursor ?? new Uint8Array(0);
  const bytes = new Uint8Array(2 + inner.length);
  bytes[0] = position.partition >>> 8;
  bytes[1] = position.partition & 0xff;
  bytes.set(inner, 2);
  return bytes;
}

/** The inverse; a cursor that is none of ours starts over, as the data service does. */
export function decodePosition(cursor: Uint8Array | undefined, partitionCount: number): Position {
  const start = { partition: 0, cursor: undefined };
  if (cursor === undefined || cursor.length < 2) return start;
  const partition = ((cursor[0] ?? 0) << 8) | (cursor[1] ?? 0);
  if (partition >= partitionCount) return start;
  return { partition, cursor: cursor.length > 2 ? cursor.subarray(2) : undefined };
}

function parseRequest(bytes: Uint8Array): ListObjectsRequest | undefined {
  try {
    return fromBinary(ListObjectsRequestSchema, bytes);
  } catch {
    return undefined;
  }
}

/** Runs the listing; answers how to cancel it. */
export function listEveryPartition(
  caller: Caller,
  route: ClassRoute,
  call: GatewayCall & { readonly timeoutMs: number },
  sink: CallSink,
): () => void {
  const request = parseRequest(call.request);
  if (request === undefined) {
    sink.fail({
      code: GrpcCode.invalidArgument,
      reason: "MALFORMED_REQUEST",
      message: "the request is no ListObjectsRequest",
    });
    return () => undefined;
  }
  const listing = new Listing(caller, route, { call, request, sink });
  listing.next(decodePosition(request.cursor, route.partitionCount));
  return () => listing.cancel();
}

class Listing {
  readonly #caller: Caller;
  readonly #route: ClassRoute;
  readonly #job: {
    call: GatewayCall & { readonly timeoutMs: number };
    request: ListObjectsRequest;
    sink: CallSink;
  };
  readonly #limit: number;
  readonly #deadlineAtMs: number;
  readonly #found: ObjectMetaEnvelope[] = [];
  #cancel: () => void = () => undefined;

  constructor(
    caller: Caller,
    route: ClassRoute,
    job: {
      call: GatewayCall & { readonly timeoutMs: number };
      request: ListObjectsRequest;
      sink: CallSink;
    },
  ) {
    this.#caller = caller;
    this.#route = route;
    this.#job = job;
    const wanted = job.request.limit === 0 ? LIMIT_DEFAULT : job.request.limit;
    this.#limit = Math.min(wanted, LIMIT_MAX);
    this.#deadlineAtMs = performance.now() + job.call.timeoutMs;
  }

  cancel(): void {
    this.#cancel();
  }

  /** Lists one partition from this position, then decides how to go on. */
  next(position: Position): void {
    const { request, call, sink } = this.#job;
    const page = create(ListObjectsRequestSchema, {
      clsId: request.clsId,
      partitionId: position.partition,
      limit: this.#limit - this.#found.length,
      ...(request.objectIdPrefix === undefined ? {} : { objectIdPrefix: request.objectIdPrefix }),
      ...(position.cursor === undefined ? {} : { cursor: position.cursor }),
    });
    let inner: Uint8Array | undefined;
    this.#cancel = this.#caller.call(
      {
        method: Method.LIST_OBJECTS,
        cls: call.cls,
        partition: position.partition,
        zeroIsNone: false,
        object: "",
        fn: "",
        request: toBinary(ListObjectsRequestSchema, page),
        timeoutMs: Math.max(1, this.#deadlineAtMs - performance.now()),
        headers: call.headers,
      },
      {
        reply: (response, more) => {
          if (response.length > 0) {
            const envelope = fromBinary(ObjectMetaEnvelopeSchema, response);
            inner = envelope.nextCursor;
            delete envelope.nextCursor;
            this.#found.push(envelope);
          }
          if (!more) this.#pageEnded(position, inner);
        },
        fail: (fault) => sink.fail(fault),
      },
    );
  }

  #pageEnded(position: Position, inner: Uint8Array | undefined): void {
    const following: Position | undefined =
      inner !== undefined
        ? { partition: position.partition, cursor: inner }
        : position.partition + 1 < this.#route.partitionCount
          ? { partition: position.partition + 1, cursor: undefined }
          : undefined;
    if (following !== undefined && this.#found.length < this.#limit) this.next(following);
    else this.#finish(following);
  }

  #finish(following: Position | undefined): void {
    const last = this.#found.at(-1);
    if (last !== undefined && following !== undefined) last.nextCursor = encodePosition(following);
    const { sink } = this.#job;
    const bytes = this.#found.map((envelope) => toBinary(ObjectMetaEnvelopeSchema, envelope));
    if (bytes.length === 0) sink.reply(new Uint8Array(0), false);
    bytes.forEach((message, index) => sink.reply(message, index < bytes.length - 1));
  }
}
