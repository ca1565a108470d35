// Answers that need more than one partition: ListObjects of a hashed collection in one order over
// all its partitions, and Stats. If a member cannot be asked the answer is a failure, never a part.
import { fromBinary } from "@bufbuild/protobuf";

import { ObjectMetaEnvelopeSchema } from "#api/gen/oprc-data_pb.ts";
import { strongerDemand } from "#workloads/core/demand/index.ts";
import type { ObjectItem } from "#workloads/core/store/index.ts";
import {
  compareText,
  encodeCursor,
  encodeObjectEnvelope,
  encodeStats,
  WireWriter,
} from "#workloads/core/store/index.ts";
import { utf8Encode } from "#api/base/index.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import type { Responder } from "#workloads/platform/index.ts";

import type { Owner, ServedCollection } from "./collection.ts";
import type { Page } from "./decode.ts";
import { toFailure } from "./errors.ts";
import { classDemand } from "./class-demand.ts";
import type { Cancel, DataCall } from "./forward.ts";
import { demandHere } from "./forward.ts";
import type { Member } from "./member.ts";
import type { ReadWish, Shard } from "./shards/shard.ts";

/** A read of one partition. */
export interface PartitionRead {
  readonly call: DataCall;
  readonly collection: ServedCollection;
  readonly partition: number;
}

/** A listing over these partitions. */
export interface ObjectListing {
  readonly call: DataCall;
  readonly collection: ServedCollection;
  readonly page: Page;
  readonly owners: readonly Owner[];
}

/** The first `limit` objects of all these partitions in byte order of their ids. */
export function answerObjectList(
  member: Member,
  listing: ObjectListing,
  respond: Responder,
): Cancel {
  const { owners, page } = listing;
  const [only, ...others] = owners;
  if (only?.kind === "local" && others.length === 0) {
    const { shard } = only;
    const wish = wishOf({ ...listing, partition: shard.partition });
    whenReadable(shard, wish, respond, () => encodePage([shard.listObjects(page)], page));
    return undefined;
  }
  const abort = new AbortController();
  const lists = owners.map((owner) =>
    owner.kind === "local"
      ? listLocal(owner.shard, wishOf({ ...listing, partition: owner.shard.partition }), page)
      : listRemote(member, listing, { owner, signal: abort.signal }),
  );
  Promise.all(lists)
    .then((pages) => respond.ok(encodePage(pages, page)))
    .catch((cause: unknown) => {
      abort.abort();
      respond.fail(toFailure(cause));
    });
  return () => abort.abort();
}

/** Objects per partition: of this member, and of all members unless the call came from one. */
export function answerStats(member: Member, call: DataCall, respond: Responder): Cancel {
  const local = encodeStats(member.stats());
  const peers = call.forwarded ? [] : member.collections.flatMap((collection) => collection.peers);
  if (peers.length === 0) {
    respond.ok([local]);
    return undefined;
  }
  const abort = new AbortController();
  const { method, request, timeoutMs, headers } = call;
  const ask = { method, request, timeoutMs, headers, forwarded: true };
  Promise.all(peers.map((peer) => member.peers.linkTo(peer).request(ask, abort.signal)))
    // Field 1 is repeated: the concatenation of messages is the message of all shards.
    .then((more) => respond.ok([Buffer.concat([local, ...more.flat()])]))
    .catch((cause: unknown) => {
      abort.abort();
      respond.fail(toFailure(cause));
    });
  return () => abort.abort();
}

/** What a read has to see: what the class says, and what the caller asks for beyond. */
export function wishOf({ call, collection, partition }: PartitionRead): ReadWish {
  const asked = demandHere(call, collection.name, partition);
  return { ...strongerDemand(classDemand(collection.spec), asked), waitMs: call.timeoutMs };
}

/** Answers with what `read` says once the shard may be read, or with why not. */
export function whenReadable(
  shard: Shard,
  wish: ReadWish,
  respond: Responder,
  read: () => readonly Uint8Array[],
): void {
  shard.whenReadable(wish, (failure, holds) => {
    if (failure !== undefined) {
      respond.fail(failure);
      return;
    }
    try {
      const responses = read();
      if (holds?.() === false) whenReadable(shard, wish, respond, read);
      else respond.ok(responses);
    } catch (cause: unknown) {
      respond.fail(toFailure(cause));
    }
  });
}

function listLocal(shard: Shard, wish: ReadWish, page: Page): Promise<readonly ObjectItem[]> {
  return new Promise((resolve, reject) => {
    shard.whenReadable(wish, (failure, holds) => {
      if (failure !== undefined) {
        reject(failure);
        return;
      }
      try {
        const items = shard.listObjects(page);
        resolve(holds?.() === false ? listLocal(shard, wish, page) : items);
      } catch (cause: unknown) {
        reject(toFailure(cause));
      }
    });
  });
}

async function listRemote(
  member: Member,
  listing: ObjectListing,
  to: { readonly owner: Extract<Owner, { kind: "remote" }>; readonly signal: AbortSignal },
): Promise<readonly ObjectItem[]> {
  const { page, call, collection } = listing;
  const request = new WireWriter()
    .bytes(1, utf8Encode(collection.name))
    .varint(2, to.owner.partition)
    .bytes(3, utf8Encode(page.prefix))
    .varint(4, page.limit);
  if (page.after !== undefined) request.bytes(5, encodeCursor({ kind: "objects" }, page.after));
  const responses = await member.peers.linkTo(to.owner.member).request(
    {
      method: Method.LIST_OBJECTS,
      request: request.finish(),
      timeoutMs: call.timeoutMs,
      generation: collection.spec.generation,
      forwarded: true,
      headers: call.headers,
      demand: demandHere(call, collection.name, to.owner.partition),
    },
    to.signal,
  );
  return responses.map((bytes) => {
    const item = fromBinary(ObjectMetaEnvelopeSchema, bytes);
    return {
      id: item.objectId,
      version: Number(item.version),
      entryCount: Number(item.entryCount),
    };
  });
}

function encodePage(lists: readonly (readonly ObjectItem[])[], page: Page): readonly Uint8Array[] {
  const [only, ...others] = lists;
  const merged =
    only !== undefined && others.length === 0
      ? only
      : lists
          .flat()
          .sort((a, b) => compareText(a.id, b.id))
          .slice(0, page.limit);
  const full = merged.length === page.limit;
  return merged.map((item, at) => {
    const last = full && at === merged.length - 1;
    return encodeObjectEnvelope(
      item,
      last ? encodeCursor({ kind: "objects" }, item.id) : undefined,
    );
  });
}
