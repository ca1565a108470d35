import { describe, expect, it } from "@jest/globals";

import { Leaders } from "./leaders.ts";

describe("leaders", () => {
  it("are remembered by partition, and forgotten only by who they were", () => {
    const leaders = new Leaders();
    leaders.remember("a.B", 0, "one:1");
    leaders.remember("a.B", 1, "two:1");
    leaders.forget("a.B", 0, "another:1");
    expect([leaders.get("a.B", 0), leaders.get("a.B", 1)]).toEqual(["one:1", "two:1"]);
    leaders.forget("a.B", 0, "one:1");
    expect([leaders.get("a.B", 0), leaders.get("c.D", 1)]).toEqual([undefined, undefined]);
  });

  it("are a bounded memory", () => {
    const leaders = new Leaders(2);
    for (const partition of [0, 1, 2]) leaders.remember("a.B", partition, "one:1");
    expect([0, 1, 2].map((partition) => leaders.get("a.B", partition))).toEqual([
      undefined,
      "one:1",
      "one:1",
    ]);
  });
});
