// ListObjects of a hashed collection: a page in one order over all its partitions. Each partition
// is asked for exactly the slots that it serves as far as known here; one that does not serve them
// all refuses. So an object whose slot moves meanwhile is neither lost nor listed twice: the page
// is asked for again, with the slots where they are.
import { fromBinary } from "@bufbuild/protobuf";

import { utf8Encode } from "#api/base/index.ts";
import { SlotMoveState } from "#api/gen/oaas-admin_pb.ts";
import type { CollectionMember } from "#api/gen/oaas-admin_pb.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import { ObjectMetaEnvelopeSchema } from "#api/gen/oprc-data_pb.ts";
import { isNotDone } from "#api/workload/reasons.ts";
import type { SlotSpan } from "#workloads/core/moves/index.ts";
import type { ObjectItem } from "#workloads/core/store/index.ts";
import { encodeCursor, WireWriter } from "#workloads/core/store/index.ts";
import type { Responder } from "#workloads/platform/index.ts";
import { GrpcFailure } from "#workloads/platform/index.ts";

import type { Owner, ServedCollection } from "./collection.ts";
import type { Page } from "./decode.ts";
import { encodeSpans } from "./decode.ts";
import { toFailure } from "./errors.ts";
import type { Cancel, DataCall } from "./forward.ts";
import { demandHere } from "./forward.ts";
import { encodePage, listHere, listWish } from "./listings.ts";
import type { Member } from "./member.ts";
import type { Shard } from "./shards/shard.ts";

/** Slots are on their way for a few round trips. */
const AGAIN_MS = 20;

/** A listing over all partitions. */
export interface Everywhere {
  readonly call: DataCall;
  readonly collection: ServedCollection;
  readonly page: Page;
}

/** Answers the page, or the failure: never a part. */
export function answerEverywhere(member: Member, wanted: Everywhere, respond: Responder): Cancel {
  const abort = new AbortController();
  new EveryPartition(member, wanted, abort.signal)
    .run()
    .then((pages) => respond.ok(encodePage(pages, wanted.page)))
    .catch((cause: unknown) => {
      abort.abort();
      respond.fail(toFailure(cause));
    });
  return () => abort.abort();
}

class EveryPartition {
  readonly #member: Member;
  readonly #wanted: Everywhere;
  readonly #signal: AbortSignal;
  readonly #endsAtMs: number;
  /** Moves that are over, although the generation does not say so yet. */
  readonly #over = new Set<bigint>();

  constructor(member: Member, wanted: Everywhere, signal: AbortSignal) {
    this.#member = member;
    this.#wanted = wanted;
    this.#signal = signal;
    this.#endsAtMs = performance.now() + wanted.call.timeoutMs;
  }

  /** Lists of all partitions, together all slots once. */
  async run(): Promise<readonly (readonly ObjectItem[])[]> {
    for (;;) {
      const { owners } = this.#wanted.collection;
      const spans = this.#spans();
      const asked = owners.flatMap((owner, partition) => {
        const own = spans[partition] ?? [];
        return own.length === 0 ? [] : [this.#list(owner, own)];
      });
      const pages = await Promise.all(asked);
      const failure = pages.find((page) => page instanceof GrpcFailure);
      if (failure === undefined) {
        return pages.filter(
          (page): page is readonly ObjectItem[] => !(page instanceof GrpcFailure),
        );
      }
      const isLate = performance.now() + AGAIN_MS >= this.#endsAtMs;
      if (isLate || this.#signal.aborted) throw failure;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** The slots of each partition: as the generation says, and as partitions have said since. */
  #spans(): readonly (readonly SlotSpan[])[] {
    const { spec, slotSpans = [] } = this.#wanted.collection;
    const over = spec.moves.filter(
      ({ id, state }) => state !== SlotMoveState.ACTIVATED && this.#over.has(id),
    );
    if (over.length === 0) return slotSpans;
    const owner: number[] = [];
    for (const { first, last, partition } of spec.slots) {
      for (let slot = first; slot <= last; slot += 1) owner[slot] = partition;
    }
    for (const { to, slots } of over) {
      for (const { first, last } of slots) owner.fill(to, first, last + 1);
    }
    const spans: { first: number; last: number }[][] = spec.partitions.map(() => []);
    for (const [slot, partition] of owner.entries()) {
      const run = spans[partition]?.at(-1);
      if (run?.last === slot - 1) run.last = slot;
      else spans[partition]?.push({ first: slot, last: slot });
    }
    return spans;
  }

  /** A page, or a failure after which asking again may help. Rejects with any other. */
  async #list(
    owner: Owner,
    spans: readonly SlotSpan[],
  ): Promise<readonly ObjectItem[] | GrpcFailure> {
    const partition = owner.kind === "local" ? owner.shard.partition : owner.partition;
    try {
      return await (owner.kind === "local"
        ? this.#listLocal(owner.shard, spans)
        : this.#listRemote(owner, spans));
    } catch (cause: unknown) {
      const failure = toFailure(cause);
      if (failure.code === "SLOT_MOVING") return failure;
      if (failure.code === "WRONG_PARTITION" && this.#noteMoved(partition, failure)) return failure;
      throw failure;
    }
  }

  /** The partition says where slots have gone: false if no move that is known here says so too. */
  #noteMoved(from: number, { rightPartition }: GrpcFailure): boolean {
    const moved = this.#wanted.collection.spec.moves.filter(
      (move) => move.from === from && move.to === rightPartition,
    );
    for (const { id } of moved) this.#over.add(id);
    return moved.length > 0;
  }

  #listLocal(shard: Shard, spans: readonly SlotSpan[]): Promise<readonly ObjectItem[]> {
    const listing = { ...this.#wanted, shard, spans };
    const wish = listWish({ ...this.#wanted, shard });
    return new Promise((resolve, reject) => {
      shard.whenReadable(wish, (failure, holds) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        try {
          const items = listHere(listing);
          resolve(holds?.() === false ? this.#listLocal(shard, spans) : items);
        } catch (cause: unknown) {
          reject(toFailure(cause));
        }
      });
    });
  }

  /** From the first replica that answers. */
  async #listRemote(
    { member, others, partition }: Extract<Owner, { kind: "remote" }>,
    spans: readonly SlotSpan[],
  ): Promise<readonly ObjectItem[]> {
    const [first, ...rest] = [member, ...others];
    try {
      return await this.#ask(first ?? member, { partition, spans });
    } catch (cause: unknown) {
      const { code } = toFailure(cause);
      const [next, ...more] = rest;
      const mayHelp = (isNotDone(code) && code !== "SLOT_MOVING") || code === "LINK_LOST";
      if (next === undefined || !mayHelp) throw cause;
      const owner = { kind: "remote" as const, member: next, others: more, partition };
      return await this.#listRemote(owner, spans);
    }
  }

  async #ask(
    member: CollectionMember,
    of: { readonly partition: number; readonly spans: readonly SlotSpan[] },
  ): Promise<readonly ObjectItem[]> {
    const { page, call, collection } = this.#wanted;
    const { partition, spans } = of;
    const request = new WireWriter()
      .bytes(1, utf8Encode(collection.name))
      .varint(2, partition)
      .bytes(3, utf8Encode(page.prefix))
      .varint(4, page.limit);
    if (page.after !== undefined) request.bytes(5, encodeCursor({ kind: "objects" }, page.after));
    const responses = await this.#member.peers.linkTo(member).request(
      {
        method: Method.LIST_OBJECTS,
        request: request.bytes(1000, encodeSpans(spans)).finish(),
        timeoutMs: Math.max(1, this.#endsAtMs - performance.now()),
        generation: collection.spec.generation,
        forwarded: true,
        headers: call.headers,
        demand: demandHere(call, collection.name, partition),
      },
      this.#signal,
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
}
