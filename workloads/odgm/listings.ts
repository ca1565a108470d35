// Pages of ListObjects (of all partitions of a hashed collection: list-everywhere.ts), Stats, and
// what a read has to wait for. If a member cannot be asked the answer is a failure, never a part.
import { strongerDemand } from "#workloads/core/demand/index.ts";
import type { SlotSpan } from "#workloads/core/moves/index.ts";
import type { ObjectItem } from "#workloads/core/store/index.ts";
import {
  compareText,
  encodeCursor,
  encodeObjectEnvelope,
  encodeStats,
} from "#workloads/core/store/index.ts";
import type { GrpcFailure, Responder } from "#workloads/platform/index.ts";

import type { ServedCollection } from "./collection.ts";
import type { Page } from "./decode.ts";
import { toFailure } from "./errors.ts";
import { classDemand } from "./class-demand.ts";
import type { Cancel, DataCall } from "./forward.ts";
import { demandHere } from "./forward.ts";
import type { Member } from "./member.ts";
import type { ReadWish, Shard } from "./shards/shard.ts";
import { stillMoving } from "./shards/slots.ts";

/** A read of one partition. */
export interface PartitionRead {
  readonly call: DataCall;
  readonly collection: ServedCollection;
  readonly partition: number;
}

/** A page of one partition that is here. */
export interface ObjectListing {
  readonly call: DataCall;
  readonly collection: ServedCollection;
  readonly page: Page;
  readonly shard: Shard;
  /** Exactly the objects in these slots; undefined: all that the partition serves. */
  readonly spans: readonly SlotSpan[] | undefined;
}

/** The first `limit` objects of the partition in byte order of their ids. */
export function answerObjectList(listing: ObjectListing, respond: Responder): void {
  const { shard, page } = listing;
  whenReadable(shard, listWish(listing), respond, () => encodePage([listHere(listing)], page));
}

/** As a read; a replica that is behind may not know yet which slots were given up. */
export function listWish(listing: Omit<ObjectListing, "page" | "spans">): ReadWish {
  const wish = wishOf({ ...listing, partition: listing.shard.partition });
  return { ...wish, strong: wish.strong || listing.collection.isRebalancing };
}

/** To be called when the shard may be read. Throws if it does not serve these slots. */
export function listHere({ collection, shard, page, spans }: ObjectListing): readonly ObjectItem[] {
  const asked = spans ?? [];
  const refusal = collection.refusalOfSpans(shard, asked) ?? refusalWhileFilling(shard, spans);
  if (refusal !== undefined) throw refusal;
  const has = spans === undefined ? undefined : collection.filterOf(shard, spans);
  return shard.listObjects({ ...page, has });
}

/** A partition that only receives lists nothing, and would look through everything for it. */
function refusalWhileFilling(
  shard: Shard,
  spans: readonly SlotSpan[] | undefined,
): GrpcFailure | undefined {
  const isFilling = spans === undefined && (shard.slots?.ledger.incoming.length ?? 0) > 0;
  return isFilling ? stillMoving(shard.partition) : undefined;
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

/** A page of these lists in one order, with the cursor that goes on after it. */
export function encodePage(
  lists: readonly (readonly ObjectItem[])[],
  page: Page,
): readonly Uint8Array[] {
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
