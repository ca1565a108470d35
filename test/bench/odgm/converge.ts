// Two replicas of an Mst shard that differ in d of n objects: bytes and rounds until they are equal.
// Only the core runs, no network and no disk; messages are counted as they would be on the wire.
import { assert } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { Documents, ObjectState } from "#workloads/core/merge/index.ts";
import {
  cellKey,
  decodeObject,
  encodeObject,
  mergeObjects,
  STAMP_EPOCH_MS,
  timeOfMs,
} from "#workloads/core/merge/index.ts";
import type { MstEffect, MstMessage } from "#workloads/core/mst/index.ts";
import { encodeMstMessage, HybridClock, MstReplica } from "#workloads/core/mst/index.ts";
import { xxh128Text } from "#workloads/platform/hash/index.ts";

import { recordId } from "./mixes.ts";
import type { Reporter } from "./report.ts";
import { below, exactly } from "./report.ts";

const NODES = ["a", "b"] as const;
const EPOCH_MS = STAMP_EPOCH_MS + 1_000_000;
/** Passes after which the two are not going to become equal. */
const PASSES_MAX = 10_000;

/** What it took; a round is a request with its answer. */
export interface Converged {
  readonly objects: number;
  readonly differing: number;
  readonly rounds: number;
  readonly bytes: number;
  /** Of `bytes`: the differing objects themselves, which have to cross anyway. */
  readonly objectBytes: number;
}

interface Side {
  readonly node: string;
  readonly replica: MstReplica;
  /** Objects that are not as {@link Pair} founded them. */
  readonly own: Map<string, Uint8Array>;
}

/** No object here has a document. */
const NO_DOCUMENTS: Documents = {
  merge: () => assertNone(),
  identity: () => assertNone(),
  isValid: () => false,
};

function assertNone(): never {
  throw new Error("there are no documents");
}

/** Two replicas with the same n objects. Founding them is the long part. */
export class Pair {
  readonly #sides: readonly [Side, Side];
  readonly #count: number;
  readonly #value: Uint8Array;
  /** What every object is at first. */
  readonly #founded: ObjectState;
  #nowMs = EPOCH_MS + 3_600_000;
  #stamp = 0;

  constructor(count: number, valueBytes: number) {
    this.#count = count;
    this.#value = seededRng(valueBytes).bytes(valueBytes);
    this.#founded = this.#state(timeOfMs(EPOCH_MS), NODES[0]);
    this.#sides = [this.#side(NODES[0]), this.#side(NODES[1])];
    for (const { replica } of this.#sides) {
      for (let record = 0; record < count; record += 1) {
        replica.applied(recordId(record), this.#founded);
      }
      replica.setGeneration(1, NODES);
    }
  }

  /** The first side writes d objects that lie evenly among all; then the other one pulls. */
  converge(differing: number): Converged {
    const [writer, reader] = this.#sides;
    let objectBytes = 0;
    for (let at = 0; at < differing; at += 1) {
      const record = Math.floor(((at + 0.5) * this.#count) / differing);
      this.#stamp += 1;
      const state = this.#state(timeOfMs(EPOCH_MS + 1000 + this.#stamp), writer.node);
      const bytes = encodeObject(state);
      objectBytes += bytes.byteLength;
      writer.own.set(recordId(record), bytes);
      writer.replica.applied(recordId(record), state);
    }
    const told = { requests: 0, bytes: 0 };
    this.#pull(reader, writer, told);
    assert(reader.replica.root === writer.replica.root, "a pull makes the reader equal");
    const { requests: rounds, bytes } = told;
    return { objects: this.#count, differing, rounds, bytes, objectBytes };
  }

  /** One pull to its end. */
  #pull(to: Side, from: Side, told: { requests: number; bytes: number }): void {
    this.#nowMs += 1000;
    const now = { wallMs: this.#nowMs, monotonicMs: this.#nowMs };
    const queue: { readonly side: Side; readonly effect: MstEffect }[] = [];
    const push = (side: Side, effects: readonly MstEffect[]): void => {
      for (const effect of effects) queue.push({ side, effect });
    };
    push(to, to.replica.pull(from.node, now));
    for (let pass = 0; queue.length > 0; pass += 1) {
      assert(pass < PASSES_MAX, "a pull ends");
      const next = queue.shift();
      assert(next !== undefined, "the queue is not empty");
      const { side, effect } = next;
      if (effect.kind === "send") {
        const other = side === to ? from : to;
        count(told, effect.message);
        push(other, other.replica.receive(side.node, effect.message, now));
      } else if (effect.kind === "merge") {
        for (const { id, state } of effect.objects) this.#merge(side, id, state);
        push(side, side.replica.merged(effect.from, now));
      } else if (effect.kind === "persist") {
        side.replica.persisted(effect.mark);
      } else {
        throw new Error(`${effect.kind} is not expected here: ${JSON.stringify(effect)}`);
      }
    }
  }

  #merge(side: Side, id: string, state: ObjectState): void {
    const mine = side.own.get(id);
    const stored = mine === undefined ? this.#founded : decodeObject(mine);
    assert(stored !== undefined, "what was encoded here can be decoded");
    const joined = mergeObjects(stored, state, NO_DOCUMENTS);
    side.own.set(id, encodeObject(joined));
    side.replica.applied(id, joined);
  }

  #side(node: string): Side {
    const own = new Map<string, Uint8Array>();
    const replica = new MstReplica({
      clock: new HybridClock({ node, highWater: 0 }),
      digest: xxh128Text,
      documents: NO_DOCUMENTS,
      bytesOf: (id) => own.get(id) ?? encodeObject(this.#founded),
      mark: { ack: 0, cut: 0, joined: true },
    });
    return { node, replica, own };
  }

  #state(time: number, node: string): ObjectState {
    const stamp = { time, node };
    const cell = { kind: "register" as const, stamp, value: this.#value };
    const cells = new Map([[cellKey("register", "value"), cell]]);
    return { deletedAt: undefined, existsAt: stamp, modified: stamp, cells };
  }
}

function count(told: { requests: number; bytes: number }, message: MstMessage): void {
  told.bytes += encodeMstMessage(message).byteLength;
  if (message.kind === "root" || message.kind === "fetch") told.requests += 1;
}

/** Keys of a page on average. */
const FANOUT = 16;
/**
 * What a page costs on the wire on the way to a differing key: such a page has 32 keys on average
 * (a key is more likely in a large one), of about 54 bytes with digest and child, and its request.
 */
const PAGE_BYTES = 2048;

/**
 * Bytes beside the objects themselves that O(d log n) allows for d differing keys of n: one page per
 * level and key. Without a difference: two messages with a root.
 */
export function overheadBound(objects: number, differing: number): number {
  const levels = Math.ceil(Math.log(Math.max(objects, FANOUT)) / Math.log(FANOUT)) + 1;
  return differing === 0 ? 256 : differing * levels * PAGE_BYTES;
}

/** What to compare. */
export interface ConvergeOptions {
  readonly objects: readonly number[];
  readonly differing: readonly number[];
  readonly valueBytes: number;
  readonly say: (line: string) => void;
}

/** A pair of replicas for each number of objects. */
export function converge(options: ConvergeOptions, reporter: Reporter): void {
  const { valueBytes } = options;
  for (const objects of options.objects) {
    options.say(`two replicas of ${objects} objects`);
    const pair = new Pair(objects, valueBytes);
    for (const differing of options.differing) {
      const { rounds, bytes, objectBytes } = pair.converge(differing);
      const of = { objects, differing, valueBytes };
      reporter.tell({
        ...{ bench: "converge.rounds", of, value: rounds, unit: "1" },
        target: differing === 0 ? exactly(1) : undefined,
      });
      reporter.tell({ bench: "converge.bytes", of, value: bytes, unit: "B" });
      const overhead = { bench: "converge.overhead", of, value: bytes - objectBytes, unit: "B" };
      reporter.tell({ ...overhead, target: below(overheadBound(objects, differing), "B") });
    }
  }
}
