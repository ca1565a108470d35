// The function behind fn-counter: read, add, write with compare-and-set, again if somebody else was
// faster. No increment is lost, however many run at once in however many replicas. Calls on one
// object queue up inside of this process, so that they do not race each other for nothing.
import { setTimeout as sleep } from "node:timers/promises";

import type { Answer, FunctionHandler, Invocation, ObjectClient, ObjectRef } from "../../index.ts";
import { FunctionError, jsonAnswer, jsonPayload, ObjectError } from "../../index.ts";

const ENTRY = "count";
const PAUSE_MAX_MS = 20;

/** What the counter needs of a client. */
export type CounterObjects = Pick<ObjectClient, "getValue" | "batchSet">;

/** Runs jobs of one name one after the other. */
class Lanes {
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<T>(name: string, job: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    const mine = before.then(job, job);
    const settled = mine.catch(() => undefined);
    this.#tails.set(name, settled);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(name) === settled) this.#tails.delete(name);
    }
  }
}

function parseAmount(call: Invocation): number {
  const payload = jsonPayload(call);
  if (payload === undefined || payload === null) return 1;
  const amount = typeof payload === "object" && "amount" in payload ? payload.amount : undefined;
  if (amount === undefined) return 1;
  if (typeof amount === "number" && Number.isSafeInteger(amount)) return amount;
  throw new FunctionError("INVALID_REQUEST", "amount must be an integer");
}

function parseCount(value: Uint8Array | undefined): number {
  if (value === undefined) return 0;
  const text = Buffer.from(value).toString("utf8");
  const count = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw new FunctionError("APP_ERROR", `entry "${ENTRY}" holds "${text}", which is no count`);
}

function refOf(call: Invocation): ObjectRef {
  if (call.object !== undefined) {
    return { class: call.class, partition: call.partition, object: call.object };
  }
  throw new FunctionError("INVALID_REQUEST", "the counter is called on an object");
}

/** Adds until the write meets the version that was read, or the caller no longer waits. */
async function add(objects: CounterObjects, call: Invocation, amount: number): Promise<number> {
  const ref = refOf(call);
  const endAtMs = performance.now() + call.remainingMs;
  // A deleted object shows the version of its tombstone, and counts as absent for compare-and-set.
  let absent = false;
  for (;;) {
    const options = { timeoutMs: Math.max(1, endAtMs - performance.now()), signal: call.signal };
    const read = await objects.getValue(ref, ENTRY, options);
    const count = parseCount(read.value) + amount;
    if (!Number.isSafeInteger(count))
      throw new FunctionError("APP_ERROR", "the count is too large");
    try {
      const set = { [ENTRY]: String(count) };
      const expectedVersion = absent && read.value === undefined ? 0n : read.version;
      await objects.batchSet(ref, { set, expectedVersion }, options);
      return count;
    } catch (cause: unknown) {
      if (!(cause instanceof ObjectError && cause.code === "VERSION_MISMATCH")) throw cause;
      if (performance.now() >= endAtMs) throw cause;
      absent = !absent;
    }
    await sleep(Math.random() * PAUSE_MAX_MS, undefined, { signal: call.signal });
  }
}

/**
 * `increment` (and any other name): adds `amount` (1), answers {"count":n}. `get`: only answers.
 */
export function counterFunctions(objects: () => CounterObjects): {
  readonly get: FunctionHandler;
  readonly "*": FunctionHandler;
} {
  const lanes = new Lanes();
  return {
    get: async (call): Promise<Answer> => {
      const options = { timeoutMs: call.remainingMs, signal: call.signal };
      const { value } = await objects().getValue(refOf(call), ENTRY, options);
      return jsonAnswer({ count: parseCount(value) });
    },
    "*": async (call): Promise<Answer> => {
      const amount = parseAmount(call);
      const { partition, object } = refOf(call);
      const lane = `${call.class}/${partition}/${object}`;
      const count = await lanes.run(lane, () => add(objects(), call, amount));
      return jsonAnswer({ count });
    },
  };
}
