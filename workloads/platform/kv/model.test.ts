// Random operations on an engine in memory, with the power failing at any operation of the disk:
// what is found afterwards is what the first n commits leave, and n counts everything that was
// acknowledged. So nothing acknowledged is lost, batches are whole and their order is kept.
import { describe, expect, it } from "@jest/globals";

import type { Rng } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { KvEngine, StoreWrite } from "#workloads/core/store/index.ts";

import type { MemoryGround } from "./testing/memory-engine.ts";
import { crashed, memoryGround, openMemoryEngine } from "./testing/memory-engine.ts";
import { VirtualTimers } from "./testing/virtual-timers.ts";

const LIMITS = {
  segmentBytes: 2_048,
  frameBytes: 600,
  checkpointBytes: 3_000,
  logBytesMax: 9_000,
  putsMax: 4,
  putBytesMax: 400,
};
const EVERYTHING = { start: new Uint8Array(1), end: new Uint8Array(2).fill(255) };
const keyOf = (n: number): Uint8Array => new Uint8Array([1, n]);

/** Key number -> the commit that wrote its value. */
type State = ReadonlyMap<number, number>;

/** Every commit that was asked for, in order, and how far the acknowledgements go. */
class Model {
  readonly states: State[] = [new Map()];
  /** All of these are durable. */
  acked = 0;

  get newest(): State {
    return this.states.at(-1) ?? new Map();
  }

  add(writes: readonly StoreWrite[]): number {
    const next = new Map(this.newest);
    for (const { key, value, index } of writes) {
      if (value === undefined) next.delete(key[1] ?? 0);
      else next.set(key[1] ?? 0, index);
    }
    return this.states.push(next) - 1;
  }

  /** How many commits this is the state after, counting all acknowledged ones; -1 if none. */
  prefixOf(found: State): number {
    for (let n = this.states.length - 1; n >= this.acked; n -= 1) {
      if (sameState(this.states[n] ?? new Map(), found)) return n;
    }
    return -1;
  }

  /** What the power has taken never happened. */
  cut(count: number): void {
    this.states.length = count + 1;
    this.acked = count;
  }
}

function sameState(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function read(engine: KvEngine): State {
  const state = new Map<number, number>();
  for (const { key, value, index } of engine.scan(EVERYTHING)) {
    expect(value.byteLength).toBe(index % 90);
    state.set(key[1] ?? 0, index);
  }
  return state;
}

function randomWrites(rng: Rng, index: number): readonly StoreWrite[] {
  const count = 1 + Math.floor(rng.next() * 8);
  return Array.from({ length: count }, () => {
    const key = keyOf(Math.floor(rng.next() * 24));
    const value = rng.next() < 0.25 ? undefined : new Uint8Array(index % 90).fill(index);
    return { key, value, index };
  });
}

async function run(engine: KvEngine, model: Model, rng: Rng): Promise<void> {
  const working: Promise<unknown>[] = [];
  for (let step = 0; step < 60; step += 1) {
    const index = model.states.length;
    const writes = randomWrites(rng, index);
    const sync = rng.next() < 0.7;
    const choice = rng.next();
    if (choice < 0.1) working.push(engine.checkpoint());
    else if (choice < 0.15) working.push(takeAndDiscard(engine, model));
    else {
      const asked = model.add(writes);
      const acked = (): void => {
        if (sync) model.acked = Math.max(model.acked, asked);
      };
      working.push(engine.commit(writes, { sync }).then(acked));
    }
    if (rng.next() < 0.4) await Promise.allSettled(working.splice(0));
  }
  const ended = await Promise.allSettled(working);
  if (ended.some(({ status }) => status === "rejected")) throw new Error("the power has failed");
}

/** What a snapshot holds is what could be read at its moment. */
async function takeAndDiscard(engine: KvEngine, model: Model): Promise<void> {
  let seen: State = new Map();
  const snapshot = await engine.snapshot(EVERYTHING, () => {
    seen = read(engine);
  });
  expect(model.prefixOf(seen)).toBeGreaterThanOrEqual(0);
  expect(snapshot.count).toBe(seen.size);
  await snapshot.discard();
}

async function open(ground: MemoryGround): Promise<KvEngine> {
  const opened = await openMemoryEngine(ground, { timers: new VirtualTimers(), limits: LIMITS });
  if (opened.kind === "damaged") throw new Error(opened.message);
  return opened.engine;
}

/** Lives through `lives` power failures; answers how many commits were ever lost. */
async function live(seed: number, lives: number): Promise<number> {
  const rng = seededRng(seed);
  const model = new Model();
  let ground = memoryGround();
  let lost = 0;
  for (let life = 0; life < lives; life += 1) {
    const power = ground.disk.power;
    try {
      if (life % 3 === 2) power.left = Math.ceil(rng.next() * 12);
      const engine = await open(ground);
      power.left = Math.ceil(rng.next() * 120);
      await run(engine, model, rng);
      if (rng.next() < 0.5) await engine.close();
    } catch (cause: unknown) {
      if (!power.isOff) throw cause;
    }
    ground = crashed(ground, rng);
    const engine = await open(ground);
    const count = model.prefixOf(read(engine));
    expect([seed, life, count === -1 ? [...read(engine)] : "a prefix"]).toEqual([
      seed,
      life,
      "a prefix",
    ]);
    lost += model.states.length - 1 - count;
    model.cut(count);
    if (rng.next() < 0.5) await engine.close();
    else ground = crashed(ground, rng);
  }
  return lost;
}

describe("an engine whose power fails", () => {
  it("keeps every acknowledged commit and a prefix of the others, whole", async () => {
    let lost = 0;
    for (let seed = 1; seed <= 15; seed += 1) lost += await live(seed, 6);
    // The test would see nothing if nothing was ever cut.
    expect(lost).toBeGreaterThan(10);
  });

  it("is seen to lose commits on a disk that lies about its syncs", async () => {
    let lost = 0;
    for (let seed = 1; seed <= 10; seed += 1) {
      const rng = seededRng(seed);
      const ground = memoryGround();
      const model = new Model();
      const engine = await open(ground);
      ground.disk.faults.lieAboutSync = true;
      await run(engine, model, rng);
      const options = { timers: new VirtualTimers(), limits: LIMITS };
      const after = await openMemoryEngine(crashed(ground, rng), options);
      if (after.kind === "damaged" || model.prefixOf(read(after.engine)) === -1) lost += 1;
    }
    expect(lost).toBeGreaterThan(3);
  });
});
