import { describe, expect, it } from "@jest/globals";

import type { EndTurn } from "./turns.ts";
import { Turns } from "./turns.ts";

function make(waitingMax?: number) {
  const turns = new Turns(waitingMax);
  const begun: string[] = [];
  const ends = new Map<string, EndTurn>();
  const take = (object: string, name: string) =>
    turns.take(object, (end) => {
      begun.push(name);
      ends.set(name, end);
    });
  return { take, begun, end: (name: string) => ends.get(name)?.() };
}

describe("turns", () => {
  it("of one object come one after the other, in the order of the calls", () => {
    const { take, begun, end } = make();
    for (const name of ["a", "b", "c"]) take("o", name);
    expect(begun).toEqual(["a"]);
    end("a");
    end("a");
    expect(begun).toEqual(["a", "b"]);
    end("b");
    end("c");
    take("o", "d");
    expect(begun).toEqual(["a", "b", "c", "d"]);
  });

  it("of different objects do not wait for each other", () => {
    const { take, begun } = make();
    take("o", "a");
    take("p", "b");
    expect(begun).toEqual(["a", "b"]);
  });

  it("are given up by who waits no more, and by nobody else", () => {
    const { take, begun, end } = make();
    take("o", "a");
    const giveUp = take("o", "b");
    take("o", "c");
    giveUp?.();
    end("a");
    giveUp?.();
    expect(begun).toEqual(["a", "c"]);
  });

  it("are refused where too many wait", () => {
    const { take } = make(1);
    take("o", "a");
    expect(take("o", "b")).toBeDefined();
    expect(take("o", "c")).toBeUndefined();
  });
});
