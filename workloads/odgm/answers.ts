// Reads and writes of one object on the shard that owns it.
import { assertNever } from "#api/base/index.ts";
import type { Entry, ObjectWrite } from "#workloads/core/store/index.ts";
import {
  EMPTY_RESPONSE,
  encodeCursor,
  encodeObjectResponse,
  encodeValueEnvelope,
  encodeValueResponse,
} from "#workloads/core/store/index.ts";
import type { Responder } from "#workloads/platform/index.ts";

import type { ServedCollection } from "./collection.ts";
import type { ObjectRead, Page } from "./decode.ts";
import { refuse, toFailure } from "./errors.ts";
import type { Shard, StoredObject, WriteOptions, WriteOutcome } from "./shards/shard.ts";

/** The responses of a read. Throws NO_OBJECT. */
export function answerRead(
  collection: ServedCollection,
  shard: Shard,
  read: ObjectRead,
): readonly Uint8Array[] {
  switch (read.kind) {
    case "object": {
      const object = shard.get(read.id);
      if (object === undefined) throw refuse("NO_OBJECT", "object not found");
      return [encodeObject(collection, shard, { id: read.id, object })];
    }
    case "value":
      return [encodeValueResponse({ key: read.key, ...shard.getValue(read.id, read.key) })];
    case "values":
      return listValues(shard, read.id, read.page);
  }
}

/** A write on its shard. */
export interface ShardWrite {
  readonly collection: ServedCollection;
  readonly shard: Shard;
  readonly write: ObjectWrite;
  readonly options: WriteOptions;
}

/** Answers once the write is durable. May throw what the store throws. */
export function answerWrite(work: ShardWrite, respond: Responder): void {
  const { collection, shard, write, options } = work;
  shard.write(write, options, (outcome) => {
    try {
      const response = responseOf(work, outcome);
      const mark = { ...shard.mark, cls: collection.name, partition: shard.partition };
      respond.ok([response], { mark, repeated: outcome.kind === "done" && outcome.repeated });
    } catch (cause: unknown) {
      respond.fail(toFailure(cause));
    }
  });
}

function responseOf(work: ShardWrite, outcome: WriteOutcome): Uint8Array {
  switch (outcome.kind) {
    case "done": {
      const { object } = outcome;
      if (object === undefined) return EMPTY_RESPONSE;
      return encodeObject(work.collection, work.shard, { id: work.write.id, object });
    }
    case "version-mismatch": {
      const { expected, actual } = outcome;
      const text =
        expected === actual
          ? `version mismatch: version ${actual} has another content here`
          : `version mismatch: expected ${expected}, got ${actual}`;
      throw refuse("VERSION_MISMATCH", text);
    }
    case "crdt-merge":
      throw refuse("CRDT_UNSUPPORTED", `entry "${outcome.key}": merging CRDT maps is not served`);
    case "refused":
      throw outcome.failure;
    case "growth-refused":
      throw refuse("STORAGE_FULL", "the disk of this partition is full: only deletes pass");
    default:
      return assertNever(outcome);
  }
}

function encodeObject(
  collection: ServedCollection,
  shard: Shard,
  item: { readonly id: string; readonly object: StoredObject },
): Uint8Array {
  const { id, object } = item;
  return encodeObjectResponse({
    cls: collection.name,
    partition: shard.partition,
    id,
    ...object,
  });
}

function listValues(shard: Shard, id: string, page: Page): readonly Uint8Array[] {
  const { version, entries, more } = shard.listValues(id, page);
  const last = entries.length - 1;
  return entries.map(({ key, value }: Entry, at) => {
    const nextCursor = more && at === last ? encodeCursor({ kind: "values", id }, key) : undefined;
    return encodeValueEnvelope({ key, value, version, nextCursor });
  });
}
