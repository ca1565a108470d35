import { describe, expect, it } from "@jest/globals";

import { delayMs } from "./retry.ts";

const policy = { attempts: 10, delayMinMs: 50, delayMaxMs: 4000 };
const rng = (value: number) => ({ next: () => value, bytes: () => new Uint8Array() });

describe("delayMs", () => {
  it.each([
    { attempt: 1, least: 25, most: 50 },
    { attempt: 2, least: 50, most: 100 },
    { attempt: 7, least: 1600, most: 3200 },
    { attempt: 50, least: 2000, most: 4000 },
  ])("before attempt $attempt is $least to $most ms", ({ attempt, least, most }) => {
    expect(delayMs(policy, attempt, rng(0))).toBe(least);
    expect(delayMs(policy, attempt, rng(1))).toBe(most);
  });
});
