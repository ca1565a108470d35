// The calls of a run over oaas.DataStream, as an outside client makes them: what is begun in one
// event-loop turn leaves in one message, each call is acknowledged by itself. Requests are put
// together from parts that were encoded once, so that the generator costs little beside the subject.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";

import { assertNever } from "#api/base/index.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import {
  ListObjectsRequestSchema,
  ObjectMetaEnvelopeSchema,
  SetObjectRequestSchema,
  SingleObjectRequestSchema,
} from "#api/gen/oprc-data_pb.ts";
import { encodeCursor } from "#workloads/core/store/index.ts";
import type { StreamCall, WireReply } from "#workloads/platform/index.ts";
import { silentLogger, StreamClient } from "#workloads/platform/index.ts";

import type { Execute, Outcome } from "./load.ts";
import type { Operation } from "./mixes.ts";
import { recordId } from "./mixes.ts";

const TIMEOUT_MS = 20_000;
const DONE: Outcome = { kind: "done" };
const MISSING: Outcome = { kind: "missing" };
/** Field 5 of SetObjectRequest and field 4 of SingleObjectRequest: the id, as bytes. */
const SET_ID_TAG = 0x2a;
const GET_ID_TAG = 0x22;

type Done = (outcome: Outcome) => void;

/** Requests on the records of one class in partition 0. */
export class RecordRequests {
  readonly #set: Uint8Array;
  readonly #get: Uint8Array;
  readonly #cls: string;
  readonly valueBytes: number;

  constructor(cls: string, value: Uint8Array) {
    this.#cls = cls;
    this.valueBytes = value.byteLength;
    const object = { entries: { value: { data: value, type: 0 as const } } };
    this.#set = toBinary(
      SetObjectRequestSchema,
      create(SetObjectRequestSchema, { clsId: cls, object }),
    );
    this.#get = toBinary(
      SingleObjectRequestSchema,
      create(SingleObjectRequestSchema, { clsId: cls }),
    );
  }

  set(id: string): Uint8Array {
    return withId(this.#set, SET_ID_TAG, id);
  }

  get(id: string): Uint8Array {
    return withId(this.#get, GET_ID_TAG, id);
  }

  /** A page that begins behind `after`; from the start without. */
  list(after: string | undefined, limit: number): Uint8Array {
    const message = create(ListObjectsRequestSchema, { clsId: this.#cls, limit });
    if (after !== undefined) message.cursor = encodeCursor({ kind: "objects" }, after);
    return toBinary(ListObjectsRequestSchema, message);
  }
}

/** `id` is ASCII and shorter than 128 characters, so that its length is one byte. */
function withId(head: Uint8Array, tag: number, id: string): Uint8Array {
  const request = Buffer.allocUnsafe(head.byteLength + 2 + id.length);
  request.set(head, 0);
  request[head.byteLength] = tag;
  request[head.byteLength + 1] = id.length;
  request.write(id, head.byteLength + 2, "latin1");
  return request;
}

/** Clients of one or more members, used in turn. */
export class RecordClient {
  readonly #streams: readonly StreamClient[];
  readonly #requests: RecordRequests;
  #turn = 0;

  /** One stream to each of `addresses`. */
  constructor(addresses: readonly string[], requests: RecordRequests) {
    this.#requests = requests;
    this.#streams = addresses.map(
      (address) =>
        new StreamClient({ target: { address }, service: "DataStream", log: silentLogger }),
    );
  }

  readonly execute: Execute = (operation, done) => {
    switch (operation.kind) {
      case "read":
        this.read(operation.record, done);
        return;
      case "update":
      case "insert":
        this.write(operation.record, done);
        return;
      case "modify":
        this.read(operation.record, (outcome) => {
          if (outcome.kind === "failed") done(outcome);
          else this.write(operation.record, done);
        });
        return;
      case "scan":
        this.#scan(operation, done);
        return;
      default:
        assertNever(operation.kind);
    }
  };

  read(record: number, done: Done): void {
    this.#readId(recordId(record), done);
  }

  write(record: number, done: Done, timeoutMs = TIMEOUT_MS): void {
    const call = { method: Method.SET, request: this.#requests.set(recordId(record)), timeoutMs };
    this.#stream().call(call, (reply) => done(reply.code === status.OK ? DONE : failed(reply)));
  }

  /** The ids of a page, or why there is none. */
  list(after: string | undefined, limit: number): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.#list(this.#stream(), { after, limit }, (found) => {
        if (typeof found === "string") reject(new Error(found));
        else resolve(found);
      });
    });
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }

  #readId(id: string, done: Done, stream = this.#stream()): void {
    const request = this.#requests.get(id);
    stream.call({ method: Method.GET, request, timeoutMs: TIMEOUT_MS }, (reply) => {
      if (reply.code === status.NOT_FOUND) done(MISSING);
      else if (reply.code !== status.OK) done(failed(reply));
      else if (reply.response.byteLength > this.#requests.valueBytes) done(DONE);
      else done({ kind: "failed", reason: "SHORT_ANSWER" });
    });
  }

  /** Listings have no values, so the records of the page are read after it, all at once. */
  #scan({ record, length }: Operation, done: Done): void {
    const stream = this.#stream();
    const after = record === 0 ? undefined : recordId(record - 1);
    this.#list(stream, { after, limit: length }, (found) => {
      if (typeof found === "string") {
        done({ kind: "failed", reason: found });
        return;
      }
      let [left, worst] = [found.length, found.length === 0 ? MISSING : DONE];
      if (left === 0) done(worst);
      for (const id of found) {
        this.#readId(
          id,
          (outcome) => {
            left -= 1;
            if (outcome.kind === "failed" || worst.kind === "done") worst = outcome;
            if (left === 0) done(worst);
          },
          stream,
        );
      }
    });
  }

  #list(
    stream: StreamClient,
    page: { readonly after: string | undefined; readonly limit: number },
    done: (found: readonly string[] | string) => void,
  ): void {
    const ids: string[] = [];
    const call: StreamCall = {
      method: Method.LIST_OBJECTS,
      request: this.#requests.list(page.after, page.limit),
      timeoutMs: TIMEOUT_MS,
    };
    stream.call(call, (reply) => {
      if (reply.code !== status.OK) {
        done(reasonOf(reply));
        return;
      }
      // A listing without items ends with one empty reply.
      if (reply.response.byteLength > 0) {
        ids.push(fromBinary(ObjectMetaEnvelopeSchema, reply.response).objectId);
      }
      if (!reply.more) done(ids);
    });
  }

  #stream(): StreamClient {
    this.#turn += 1;
    const stream = this.#streams[this.#turn % this.#streams.length];
    if (stream === undefined) throw new Error("no address");
    return stream;
  }
}

function failed(reply: WireReply): Outcome {
  return { kind: "failed", reason: reasonOf(reply) };
}

function reasonOf(reply: WireReply): string {
  return reply.reason === "" ? (status[reply.code] ?? String(reply.code)) : reply.reason;
}
