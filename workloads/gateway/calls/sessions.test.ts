import { describe, expect, it } from "@jest/globals";

import type { CallFault } from "#workloads/core/rest/index.ts";
import type { Turn } from "./sessions.ts";
import { ClientSessions } from "./sessions.ts";

const at = { cls: "a.B", partition: 3, timeoutMs: 1000 };

function make() {
  const opens: { session: string; done: (fault: CallFault | undefined) => void }[] = [];
  let names = 0;
  const sessions = new ClientSessions(
    (_at, session, done) => opens.push({ session, done }),
    () => `s${(names += 1)}`,
  );
  const take = (): Turn[] => {
    const turns: Turn[] = [];
    sessions.turn(at, (turn) => {
      if ("code" in turn) throw new Error(turn.message);
      turns.push(turn);
    });
    return turns;
  };
  return { opens, sessions, take };
}

/** The turn that was given at once. */
function one(turns: readonly Turn[]): Turn {
  const [turn] = turns;
  if (turn === undefined) throw new Error("no turn was given");
  return turn;
}

describe("client sessions", () => {
  it("are opened once, and number the writes that wait for it in their order", () => {
    const { opens, take } = make();
    const [first, second] = [take(), take()];
    expect([opens.length, first.length, second.length]).toEqual([1, 0, 0]);
    opens[0]?.done(undefined);
    expect(one(first).identity()).toEqual({
      kind: "session",
      session: "s1",
      sequence: 1,
      settledBelow: 1,
    });
    expect(one(second).identity()).toMatchObject({ sequence: 2, settledBelow: 1 });
  });

  it("settle only what has no unanswered write below", () => {
    const { opens, take } = make();
    const first = take();
    opens[0]?.done(undefined);
    const [second, third] = [take(), take()];
    one(second).end();
    expect(one(third).identity()).toMatchObject({ sequence: 3, settledBelow: 1 });
    one(first).end();
    expect(one(third).identity()).toMatchObject({ settledBelow: 3 });
    one(third).end();
    expect(one(take()).identity()).toMatchObject({ sequence: 4, settledBelow: 4 });
  });

  it("that are not known any more are replaced", () => {
    const { opens, take } = make();
    const first = take();
    opens[0]?.done(undefined);
    one(first).expire();
    const next = take();
    opens[1]?.done(undefined);
    expect(one(next).identity()).toMatchObject({ session: "s2", sequence: 1 });
  });

  it("give way to another one before a write that hangs closes their window", () => {
    const { opens, take } = make();
    take();
    opens[0]?.done(undefined);
    for (let count = 0; count < 999; count += 1) one(take()).end();
    expect(opens.length).toBe(1);
    const beyond = take();
    opens[1]?.done(undefined);
    expect(one(beyond).identity()).toMatchObject({ session: "s2", sequence: 1 });
  });

  it("that cannot be opened fail all who wait, and the next write tries anew", () => {
    const { opens, sessions, take } = make();
    const faults: string[] = [];
    for (let count = 0; count < 2; count += 1) {
      sessions.turn(at, (turn) => faults.push("code" in turn ? turn.reason : "a turn"));
    }
    opens[0]?.done({ code: 14, reason: "NO_LEADER", message: "" });
    expect(faults).toEqual(["NO_LEADER", "NO_LEADER"]);
    const next = take();
    opens[1]?.done(undefined);
    expect(one(next).identity()).toMatchObject({ session: "s2" });
  });
});
