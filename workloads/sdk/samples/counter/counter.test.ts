import { describe, expect, it } from "@jest/globals";

import type { Answer, Invocation } from "../../index.ts";
import { ObjectError } from "../../index.ts";
import type { CounterObjects } from "./counter.ts";
import { counterFunctions } from "./counter.ts";

function call(more: Partial<Invocation> = {}): Invocation {
  return {
    class: "q.Counter",
    function: "increment",
    partition: 1,
    object: "c1",
    options: {},
    payload: new Uint8Array(0),
    signal: new AbortController().signal,
    remainingMs: 5000,
    ...more,
  };
}

/** One object with versions as the grid counts them; `rival` runs between a read and its write. */
class Grid implements CounterObjects {
  count: string | undefined;
  version = 0n;
  deleted = false;
  writes = 0;
  rival: () => void = () => undefined;

  getValue(): ReturnType<CounterObjects["getValue"]> {
    const value = this.count === undefined ? undefined : Buffer.from(this.count);
    return Promise.resolve({ version: this.version, value });
  }

  batchSet(...[, batch]: Parameters<CounterObjects["batchSet"]>): Promise<void> {
    this.rival();
    const expected = this.deleted ? 0n : this.version;
    if (batch.expectedVersion !== expected) {
      return Promise.reject(new ObjectError("VERSION_MISMATCH", "mismatch", {}));
    }
    this.write(String(batch.set?.["count"]));
    return Promise.resolve();
  }

  write(count: string): void {
    this.count = count;
    this.version += 1n;
    this.deleted = false;
    this.writes += 1;
  }
}

function body(answer: Answer): unknown {
  return JSON.parse(String(answer.payload));
}

describe("counter", () => {
  it("starts at 1 and adds the amount", async () => {
    const grid = new Grid();
    const counter = counterFunctions(() => grid);
    expect(body(await counter["*"](call()))).toEqual({ count: 1 });
    const by = call({ payload: Buffer.from('{"amount":41}') });
    expect(body(await counter["*"](by))).toEqual({ count: 42 });
    expect(body(await counter.get(call()))).toEqual({ count: 42 });
  });

  it("loses nothing to a rival that writes between its read and its write", async () => {
    const grid = new Grid();
    let rivals = 3;
    grid.rival = () => {
      if (rivals-- > 0) grid.write(String(Number(grid.count ?? "0") + 100));
    };
    const answer = await counterFunctions(() => grid)["*"](call());
    expect(body(answer)).toEqual({ count: 301 });
  });

  it("goes on after a delete, whose tombstone shows a version but counts as absent", async () => {
    const grid = new Grid();
    grid.version = 7n;
    grid.deleted = true;
    expect(body(await counterFunctions(() => grid)["*"](call()))).toEqual({ count: 1 });
  });

  it("runs calls on one object one after the other", async () => {
    const grid = new Grid();
    const counter = counterFunctions(() => grid);
    await Promise.all(Array.from({ length: 50 }, async () => counter["*"](call())));
    expect([grid.count, grid.writes]).toEqual(["50", 50]);
  });

  it("gives up when the caller no longer waits", async () => {
    const grid = new Grid();
    grid.rival = () => grid.write("1");
    const late = counterFunctions(() => grid)["*"](call({ remainingMs: 1 }));
    await expect(late).rejects.toThrow("mismatch");
  });

  it.each([
    ["no object", { object: undefined }, "called on an object"],
    ["an amount that is no integer", { payload: Buffer.from('{"amount":"2"}') }, "amount must be"],
    ["a payload that is no JSON", { payload: Buffer.from("{") }, "is not JSON"],
  ])("refuses %s", async (_name, more, message) => {
    const counter = counterFunctions(() => new Grid());
    const answer = Promise.resolve().then(() => counter["*"](call(more)));
    await expect(answer).rejects.toThrow(message);
  });

  it("refuses an entry that holds something else, and a count past what is exact", async () => {
    const grid = new Grid();
    grid.count = "many";
    const counter = counterFunctions(() => grid);
    await expect(counter["*"](call())).rejects.toThrow('holds "many"');
    grid.count = String(Number.MAX_SAFE_INTEGER);
    await expect(counter["*"](call())).rejects.toThrow("too large");
  });
});
