import { describe, expect, it } from "@jest/globals";

import { ExclusiveTokens } from "./exclusive.ts";

describe("exclusive tokens", () => {
  it("of a call are stale once a later call of the same object has one", () => {
    const tokens = new ExclusiveTokens(3);
    const first = tokens.issue("a");
    const other = tokens.issue("b");
    expect([tokens.isStale("a", first), tokens.isStale("b", other)]).toEqual([false, false]);
    const second = tokens.issue("a");
    expect([tokens.isStale("a", first), tokens.isStale("a", second)]).toEqual([true, false]);
    expect(tokens.isStale("b", other)).toBe(false);
  });

  it("of an earlier life of the shard are stale, whatever their object", () => {
    const earlier = new ExclusiveTokens(3).issue("a");
    expect(new ExclusiveTokens(4).isStale("a", earlier)).toBe(true);
    expect(new ExclusiveTokens(4).isStale("b", earlier)).toBe(true);
  });

  it("that are not remembered one by one are rather stale than not", () => {
    const tokens = new ExclusiveTokens(1, 2);
    const [first, second] = [tokens.issue("a"), tokens.issue("b")];
    const third = tokens.issue("a");
    tokens.issue("c");
    // Only "b" was forgotten: its own token still counts, an older one does not.
    expect([tokens.isStale("b", second), tokens.isStale("b", first)]).toEqual([false, true]);
    expect(tokens.isStale("a", third)).toBe(false);
  });
});
