import { describe, expect, it } from "@jest/globals";

import type { Invocation, ObjectClient } from "../../index.ts";
import { randomFunction } from "./random.ts";

function call(payload: string, object: string | undefined): Invocation {
  return {
    class: "q.Random",
    function: "random",
    partition: 0,
    object,
    options: {},
    payload: Buffer.from(payload),
    signal: new AbortController().signal,
    remainingMs: 1000,
  };
}

function grid(): { readonly client: ObjectClient; readonly written: unknown[][] } {
  const written: unknown[][] = [];
  const setValue = (...args: unknown[]): Promise<void> => {
    written.push(args);
    return Promise.resolve();
  };
  // Only what the function uses.
  return { client: { setValue } as unknown as ObjectClient, written };
}

describe("random", () => {
  it("writes as many keys of that size to entry 0, and answers them", async () => {
    const { client, written } = grid();
    const payload = '{"entry":3,"key_size":5,"value_size":7,"resp_json":true}';
    const answer = await randomFunction(() => client)(call(payload, "o1"));
    const made = JSON.parse(String(answer.payload)) as Record<string, string>;
    expect(Object.keys(made).map((key) => key.length)).toEqual([5, 5, 5]);
    expect(Object.values(made).map((value) => value.length)).toEqual([7, 7, 7]);
    const [ref, key, value] = written[0] ?? [];
    expect([ref, key]).toEqual([{ class: "q.Random", partition: 0, object: "o1" }, "0"]);
    expect(JSON.parse(String(value))).toEqual(made);
  });

  it("answers nothing unless it is asked to, and writes nothing without an object", async () => {
    const { client, written } = grid();
    expect(await randomFunction(() => client)(call("", undefined))).toEqual({});
    expect(written).toEqual([]);
  });

  it.each([
    ['{"entry":0}', "entry must be"],
    ['{"key_size":1.5}', "key_size must be"],
    ['{"entry":40,"key_size":1}', "too small for so many"],
    ['{"entry":1000000,"value_size":1000}', "would be over"],
    ["[]", "must be a JSON object"],
  ])("refuses %s", async (payload, message) => {
    const { client } = grid();
    const answer = Promise.resolve().then(() => randomFunction(() => client)(call(payload, "o")));
    await expect(answer).rejects.toThrow(message);
  });
});
