// A grpc-js client of oprc.DataService with short names for what tests do all the time.
import { createGrpcClient, GrpcFailure } from "#workloads/platform/index.ts";
import type { GrpcClient } from "#workloads/platform/index.ts";
import { DataService } from "#api/gen/oprc-data_pb.ts";

const options = { timeoutMs: 10_000 };
const utf8 = new TextEncoder();

/** An item of ListObjects or ListValues. */
export interface Listed {
  readonly name: string;
  readonly version: bigint;
  readonly entryCount: bigint;
  readonly cursor: Uint8Array | undefined;
}

/** One class and partition behind one address. */
export class DataClient {
  readonly raw: GrpcClient<typeof DataService>;
  readonly clsId: string;
  readonly partitionId: number;

  constructor(address: string, clsId: string, partitionId = 0) {
    this.raw = createGrpcClient(DataService, { address });
    this.clsId = clsId;
    this.partitionId = partitionId;
  }

  close(): void {
    this.raw.close();
  }

  async set(objectId: string, entries: Record<string, string>): Promise<void> {
    await this.raw.set({ ...this.to(objectId), object: { entries: values(entries) } }, options);
  }

  async merge(objectId: string, entries: Record<string, string>) {
    const object = { entries: values(entries) };
    return this.raw.merge({ ...this.to(objectId), object }, options);
  }

  async setValue(objectId: string, key: string, value: string): Promise<void> {
    await this.raw.setValue(
      { ...this.to(objectId), key, value: { data: utf8.encode(value) } },
      options,
    );
  }

  async batch(
    objectId: string,
    set: Record<string, string>,
    more: { deleteKeys?: string[]; expected?: number } = {},
  ): Promise<void> {
    const { deleteKeys = [], expected } = more;
    const guard = expected === undefined ? {} : { expectedObjectVersion: BigInt(expected) };
    await this.raw.batchSetValues(
      { ...this.to(objectId), values: values(set), deleteKeys, ...guard },
      options,
    );
  }

  async delete(objectId: string): Promise<void> {
    await this.raw.delete(this.to(objectId), options);
  }

  async deleteValue(objectId: string, key: string): Promise<void> {
    await this.raw.deleteValue({ ...this.to(objectId), key }, options);
  }

  /** Key -> text of the value; undefined if NOT_FOUND. */
  async get(objectId: string): Promise<Record<string, string> | undefined> {
    try {
      const { obj } = await this.raw.get(this.to(objectId), options);
      return Object.fromEntries(
        Object.entries(obj?.entries ?? {}).map(([key, { data }]) => [key, textOf(data)]),
      );
    } catch (cause: unknown) {
      if (cause instanceof GrpcFailure && cause.code === "NO_OBJECT") return undefined;
      throw cause;
    }
  }

  /** Text of the value and version of the object. */
  async value(
    objectId: string,
    key: string,
  ): Promise<{ value: string | undefined; version: bigint | undefined; key: string | undefined }> {
    const response = await this.raw.getValue({ ...this.to(objectId), key }, options);
    const value = response.value === undefined ? undefined : textOf(response.value.data);
    return { value, version: response.objectVersion, key: response.key };
  }

  async version(objectId: string): Promise<bigint | undefined> {
    return (await this.value(objectId, "any")).version;
  }

  async listValues(
    objectId: string,
    page: { keyPrefix?: string; limit?: number; cursor?: Uint8Array } = {},
  ): Promise<readonly Listed[]> {
    const items: Listed[] = [];
    for await (const item of this.raw.listValues({ ...this.to(objectId), ...page }, options)) {
      const { key: name, version, nextCursor: cursor } = item;
      items.push({ name, version, entryCount: 0n, cursor });
    }
    return items;
  }

  async listObjects(
    page: { objectIdPrefix?: string; limit?: number; cursor?: Uint8Array } = {},
  ): Promise<readonly Listed[]> {
    const { clsId, partitionId } = this;
    const items: Listed[] = [];
    for await (const item of this.raw.listObjects({ clsId, partitionId, ...page }, options)) {
      const { objectId: name, version, entryCount, nextCursor: cursor } = item;
      items.push({ name, version, entryCount, cursor });
    }
    return items;
  }

  /** Objects of this class by partition. */
  async counts(): Promise<readonly [number, bigint][]> {
    const { shards } = await this.raw.stats({}, options);
    return shards
      .filter((shard) => shard.collection === this.clsId)
      .map((shard): [number, bigint] => [shard.partitionId, shard.count])
      .sort(([a], [b]) => a - b);
  }

  /** The address of an object, as requests carry it. */
  to(objectId: string) {
    return { clsId: this.clsId, partitionId: this.partitionId, objectId };
  }
}

/** The failure of this call: status name and reason. Throws if it did not fail. */
export async function failureOf(call: Promise<unknown>): Promise<GrpcFailure> {
  try {
    await call;
  } catch (cause: unknown) {
    if (cause instanceof GrpcFailure) return cause;
    throw cause;
  }
  throw new Error("the call did not fail");
}

/** Texts as encoded values. */
export function values(entries: Record<string, string>) {
  return Object.fromEntries(
    Object.entries(entries).map(([key, text]) => [
      key,
      { data: utf8.encode(text), type: 0 as const },
    ]),
  );
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
