// Objects from inside of a function: the data service of its class (ODGM_SERVICE) with typed
// failures and compare-and-set. State is not passed into functions; they read and write it here.
import { create } from "@bufbuild/protobuf";

import {
  BatchSetValuesRequestSchema,
  DataService,
  ListObjectsRequestSchema,
  ListValuesRequestSchema,
  SetKeyRequestSchema,
  SetObjectRequestSchema,
  SingleKeyRequestSchema,
  SingleObjectRequestSchema,
} from "#api/gen/oprc-data_pb.ts";
import { GrpcCode } from "#workloads/core/rest/index.ts";
import type { GrpcClient } from "#workloads/platform/grpc/index.ts";
import { createGrpcClient, GrpcFailure } from "#workloads/platform/grpc/index.ts";

import type { ObjectErrorCode } from "./errors.ts";
import { ObjectError } from "./errors.ts";

/** Which object. */
export interface ObjectRef {
  /** Wire id "package.Class". */
  readonly class: string;
  /** 0 for Hashed classes, or what the invocation says. */
  readonly partition: number;
  /** `[a-z0-9._:-]{1,160}` */
  readonly object: string;
}

/** An object as read: its entries and the version that they belong to. */
export interface ObjectState {
  readonly version: bigint;
  readonly entries: ReadonlyMap<string, Uint8Array>;
}

/** An entry as read; `version` is the object's, 0 if there is no object. */
export interface EntryState {
  readonly version: bigint;
  readonly value: Uint8Array | undefined;
}

/** One atomic change: all sets, then all deletes. */
export interface Batch {
  readonly set?: Readonly<Record<string, Uint8Array | string>>;
  readonly delete?: readonly string[];
  /** Only if the object is at this version (0 = does not exist), else VERSION_MISMATCH. */
  readonly expectedVersion?: bigint;
}

/** One object of a listing. */
export interface ObjectListing {
  readonly object: string;
  readonly version: bigint;
  readonly entryCount: bigint;
}

/** How to reach the data service. */
export interface ObjectClientOptions {
  /** host:port, from ODGM_SERVICE. */
  readonly address: string;
  /** Time of a call that says nothing itself; 10,000 by default. */
  readonly timeoutMs?: number;
}

/** How long one call may take, and who may end it earlier. */
export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS = 10_000;
const PAGE = 1000;

function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === "string" ? Buffer.from(value, "utf8") : value;
}

function wrap(cause: unknown): never {
  if (!(cause instanceof GrpcFailure)) throw cause;
  throw new ObjectError(codeOf(cause), cause.message, { retry: cause.retry, cause });
}

function codeOf(failure: GrpcFailure): ObjectErrorCode {
  if (failure.code === "VERSION_MISMATCH") return "VERSION_MISMATCH";
  if (failure.code === "WRONG_PARTITION") return "WRONG_PARTITION";
  switch (failure.status as number) {
    case GrpcCode.aborted:
      return "VERSION_MISMATCH";
    case GrpcCode.notFound:
      return "NOT_FOUND";
    case GrpcCode.invalidArgument:
      return "INVALID_ARGUMENT";
    case GrpcCode.deadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case GrpcCode.unavailable:
      return "UNAVAILABLE";
    case GrpcCode.resourceExhausted:
      return "RESOURCE_EXHAUSTED";
    default:
      return "FAILED";
  }
}

/** A client of one data service. All methods throw {@link ObjectError} and nothing else. */
export class ObjectClient {
  readonly #client: GrpcClient<typeof DataService>;
  readonly #timeoutMs: number;

  constructor(options: ObjectClientOptions) {
    this.#client = createGrpcClient(DataService, { address: options.address });
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /** The object, or undefined if it does not exist. */
  async get(ref: ObjectRef, options?: CallOptions): Promise<ObjectState | undefined> {
    const request = create(SingleObjectRequestSchema, scope(ref));
    try {
      const response = await this.#client.get(request, this.#call(options));
      const entries = Object.entries(response.obj?.entries ?? {});
      return {
        version: response.objectVersion ?? 0n,
        entries: new Map(entries.map(([key, value]) => [key, value.data])),
      };
    } catch (cause: unknown) {
      if (cause instanceof GrpcFailure && (cause.status as number) === GrpcCode.notFound) {
        if (cause.code !== "NO_CLASS" && cause.code !== "NO_PARTITION") return undefined;
      }
      return wrap(cause);
    }
  }

  /** Writes these entries; entries that are not named stay. */
  async set(
    ref: ObjectRef,
    entries: Readonly<Record<string, Uint8Array | string>>,
    options?: CallOptions & { readonly expectedVersion?: bigint },
  ): Promise<void> {
    const values = mapValues(entries);
    const request = create(SetObjectRequestSchema, {
      ...scope(ref),
      object: { entries: values },
      ...(options?.expectedVersion === undefined
        ? {}
        : { expectedObjectVersion: options.expectedVersion }),
    });
    await this.#client.set(request, this.#call(options)).catch(wrap);
  }

  /** One entry. */
  async getValue(ref: ObjectRef, key: string, options?: CallOptions): Promise<EntryState> {
    const request = create(SingleKeyRequestSchema, { ...scope(ref), key });
    const response = await this.#client.getValue(request, this.#call(options)).catch(wrap);
    return { version: response.objectVersion ?? 0n, value: response.value?.data };
  }

  /** Writes one entry. */
  async setValue(
    ref: ObjectRef,
    key: string,
    value: Uint8Array | string,
    options?: CallOptions,
  ): Promise<void> {
    const request = create(SetKeyRequestSchema, {
      ...scope(ref),
      key,
      value: { data: bytesOf(value) },
    });
    await this.#client.setValue(request, this.#call(options)).catch(wrap);
  }

  /** One atomic change of several entries, with compare-and-set if the batch names a version. */
  async batchSet(ref: ObjectRef, batch: Batch, options?: CallOptions): Promise<void> {
    const request = create(BatchSetValuesRequestSchema, {
      ...scope(ref),
      values: mapValues(batch.set ?? {}),
      deleteKeys: [...(batch.delete ?? [])],
      ...(batch.expectedVersion === undefined
        ? {}
        : { expectedObjectVersion: batch.expectedVersion }),
    });
    await this.#client.batchSetValues(request, this.#call(options)).catch(wrap);
  }

  /** Deletes the object; one that does not exist is no error. */
  async delete(
    ref: ObjectRef,
    options?: CallOptions & { readonly expectedVersion?: bigint },
  ): Promise<void> {
    const request = create(SingleObjectRequestSchema, {
      ...scope(ref),
      ...(options?.expectedVersion === undefined
        ? {}
        : { expectedObjectVersion: options.expectedVersion }),
    });
    await this.#client.delete(request, this.#call(options)).catch(wrap);
  }

  /** All objects of a partition whose id begins with `prefix`, page by page, in byte order. */
  async *list(
    of: { readonly class: string; readonly partition: number; readonly prefix?: string },
    options?: CallOptions,
  ): AsyncGenerator<ObjectListing> {
    let cursor: Uint8Array | undefined;
    do {
      const request = create(ListObjectsRequestSchema, {
        clsId: of.class,
        partitionId: of.partition,
        limit: PAGE,
        ...(of.prefix === undefined ? {} : { objectIdPrefix: of.prefix }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      cursor = undefined;
      try {
        for await (const found of this.#client.listObjects(request, this.#call(options))) {
          cursor = found.nextCursor;
          yield { object: found.objectId, version: found.version, entryCount: found.entryCount };
        }
      } catch (cause: unknown) {
        wrap(cause);
      }
    } while (cursor !== undefined);
  }

  /** All entries of an object whose key begins with `prefix`, page by page, in byte order. */
  async *listValues(
    ref: ObjectRef,
    prefix = "",
    options?: CallOptions,
  ): AsyncGenerator<readonly [key: string, value: Uint8Array]> {
    let cursor: Uint8Array | undefined;
    do {
      const request = create(ListValuesRequestSchema, {
        ...scope(ref),
        limit: PAGE,
        ...(prefix === "" ? {} : { keyPrefix: prefix }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      cursor = undefined;
      try {
        for await (const found of this.#client.listValues(request, this.#call(options))) {
          cursor = found.nextCursor;
          yield [found.key, found.value?.data ?? new Uint8Array(0)];
        }
      } catch (cause: unknown) {
        wrap(cause);
      }
    } while (cursor !== undefined);
  }

  /** Ends the connection. */
  close(): void {
    this.#client.close();
  }

  #call(options: CallOptions | undefined): { timeoutMs: number; signal?: AbortSignal } {
    return {
      timeoutMs: options?.timeoutMs ?? this.#timeoutMs,
      ...(options?.signal === undefined ? {} : { signal: options.signal }),
    };
  }
}

function scope(ref: ObjectRef): { clsId: string; partitionId: number; objectId: string } {
  return { clsId: ref.class, partitionId: ref.partition, objectId: ref.object };
}

function mapValues(
  entries: Readonly<Record<string, Uint8Array | string>>,
): Record<string, { data: Uint8Array }> {
  return Object.fromEntries(
    Object.entries(entries).map(([key, value]) => [key, { data: bytesOf(value) }]),
  );
}
