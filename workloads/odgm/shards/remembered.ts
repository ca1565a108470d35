// What a Basic shard remembers of requests with an idempotency key: how each ended, in the same
// commit as its effect, for a day. Raft shards keep theirs in the replicated state
// (workloads/core/raft/sessions.ts).
//
//   1 fingerprint | 2 slot | 3 version mismatch: expected | 4 actual | 5 version | 6 object there |
//   7 event | 8 entry { 1 key | 2 value } *
import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";
import type { RequestIdentity } from "#workloads/core/raft/index.ts";
import type { Entry, Store, StoreWrite } from "#workloads/core/store/index.ts";
import { RECORD_KIND, rememberedKey, scanFields, WireWriter } from "#workloads/core/store/index.ts";

import type { StoredObject, WriteOutcome } from "./shard.ts";

/** A request is recognised for this long. */
export const REMEMBERED_MS = 86_400_000;

/** A request with a key of its own. */
export type KeyedIdentity = Extract<RequestIdentity, { kind: "key" }>;

/** Outcomes that are remembered: the request was decided. */
export type DecidedOutcome = Extract<WriteOutcome, { kind: "done" | "version-mismatch" }>;

/** How a request with a key ended. */
export interface Remembered {
  readonly fingerprint: string;
  readonly slot: number;
  readonly outcome: DecidedOutcome;
}

interface Pending {
  readonly remembered: Remembered;
  readonly batch: number;
}

/** The requests of one shard, those included that are not durable yet. */
export class RememberedRequests {
  readonly #shard: number;
  readonly #store: Store;
  readonly #pending = new Map<string, Pending>();

  constructor(shard: number, store: Store) {
    this.#shard = shard;
    this.#store = store;
  }

  /** How the request with this key ended; undefined if there was none, or too long ago. */
  find(key: string): Remembered | undefined {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending.remembered;
    const stored = this.#store.get(rememberedKey(this.#shard, key));
    return stored === undefined ? undefined : decodeRemembered(stored.value);
  }

  /** Remembers it from now on; what is answered goes into this batch, with the effect. */
  add(
    identity: KeyedIdentity,
    outcome: DecidedOutcome,
    at: { readonly batch: number; readonly index: number; readonly nowMs: number },
  ): StoreWrite {
    const { key, fingerprint, slot } = identity;
    const remembered = { fingerprint, slot, outcome };
    this.#pending.set(key, { remembered, batch: at.batch });
    return {
      key: rememberedKey(this.#shard, key),
      value: encodeRemembered(remembered),
      index: at.index,
      expiresAtMs: at.nowMs + REMEMBERED_MS,
    };
  }

  /** Everything of the batch is in the store. */
  batchDurable(batch: number): void {
    for (const [key, pending] of this.#pending) {
      // In the order of the batches.
      if (pending.batch > batch) return;
      this.#pending.delete(key);
    }
  }
}

/** Whether the key, which is one of a shard, is that of a remembered request. */
export function isRememberedKey(key: Uint8Array): boolean {
  return key[4] === 0 && key[5] === RECORD_KIND.remembered;
}

/** The slot of what the request was about: the record moves with it. */
export function rememberedSlot(value: Uint8Array): number {
  return decodeRemembered(value).slot;
}

function encodeRemembered({ fingerprint, slot, outcome }: Remembered): Uint8Array {
  const writer = new WireWriter().bytes(1, utf8Encode(fingerprint)).varint(2, slot);
  if (outcome.kind === "version-mismatch") {
    return writer.varint(3, outcome.expected).varint(4, outcome.actual).finish();
  }
  writer.varint(5, outcome.version);
  const { object } = outcome;
  if (object === undefined) return writer.finish();
  writer.varint(6, 1);
  if (object.event !== undefined) writer.bytes(7, object.event);
  for (const { key, value } of object.entries) {
    const entry = new WireWriter(value.byteLength + key.length + 16);
    writer.bytes(8, entry.bytes(1, utf8Encode(key)).bytes(2, value).finish());
  }
  return writer.finish();
}

function decodeRemembered(bytes: Uint8Array): Remembered {
  let fingerprint: string | undefined;
  const numbers = new Map<number, number>();
  const entries: Entry[] = [];
  let event: Uint8Array | undefined;
  const whole = scanFields(bytes, (number, varint, value) => {
    if (number === 1) fingerprint = utf8Decode(value);
    else if (number === 7) event = value;
    else if (number === 8) entries.push(decodeEntry(value));
    else numbers.set(number, varint);
  });
  assert(whole && fingerprint !== undefined, "a stored record is well-formed: it had a checksum");
  const slot = numbers.get(2) ?? 0;
  const expected = numbers.get(3);
  if (expected !== undefined) {
    const actual = numbers.get(4) ?? 0;
    return { fingerprint, slot, outcome: { kind: "version-mismatch", expected, actual } };
  }
  const version = numbers.get(5) ?? 0;
  const object: StoredObject | undefined =
    numbers.get(6) === 1 ? { version, entries, event } : undefined;
  return { fingerprint, slot, outcome: { kind: "done", version, object } };
}

function decodeEntry(bytes: Uint8Array): Entry {
  let key: string | undefined;
  let value: Uint8Array = new Uint8Array(0);
  scanFields(bytes, (number, _, field) => {
    if (number === 1) key = utf8Decode(field);
    else if (number === 2) value = field;
  });
  assert(key !== undefined, "a stored entry has a key");
  return { key, value };
}
