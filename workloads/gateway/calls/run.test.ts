import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";

import { Method } from "#api/gen/oaas-stream_pb.ts";
import { GrpcCode, REASON_ROWS } from "#api/workload/reasons.ts";
import type { CallHeaders, CallIdentity } from "#workloads/core/demand/index.ts";
import { MARKS_MAX, NO_DEMAND } from "#workloads/core/demand/index.ts";
import type { CallFault } from "#workloads/core/rest/index.ts";
import type { WireReply } from "#workloads/platform/stream/index.ts";

import type { MemberDestination } from "../routing/resolve.ts";
import type { ReplyAbout } from "./call.ts";
import type { DispatcherOptions, MemberCall } from "./options.ts";
import { Leaders } from "./leaders.ts";
import type { RunHost } from "./run.ts";
import { CallRun } from "./run.ts";
import { ClientSessions } from "./sessions.ts";

type Said = "ok" | keyof typeof REASON_ROWS | { readonly leads: string };

interface Sent {
  readonly address: string;
  readonly identity: CallIdentity | undefined;
}

const MEMBERS = ["a:1", "b:1", "c:1"];

/** What members say, one after the other; the last is said again and again. */
function play(options: {
  readonly says: readonly Said[];
  readonly method?: Method;
  readonly headers?: Partial<CallHeaders>;
  readonly hasLeader?: boolean;
  readonly timeoutMs?: number;
  /** Members that are not connected. */
  readonly away?: readonly string[];
  /** The name of all members together. */
  readonly any?: string;
  /** Nobody answers when a session is asked for. */
  readonly isMute?: boolean;
}) {
  const { says, method = Method.SET, headers, hasLeader = true, away = [] } = options;
  const sent: Sent[] = [];
  const ends: (CallFault | "ok")[] = [];
  let about: ReplyAbout | undefined;
  const destination: MemberDestination = {
    kind: "member",
    partition: 0,
    address: "a:1",
    identity: "",
    generation: 1n,
    anyAddress: options.any ?? "",
    replicas: MEMBERS.map((address, at) => ({ member: BigInt(at + 1), address })),
    hasLeader,
    reroute: undefined,
    fn: undefined,
  };
  let names = 0;
  const host: RunHost = {
    // Functions and members are the scripted `send`; nothing else of the options is reached.
    options: {
      requestTimeoutMs: options.timeoutMs ?? 5_000,
      retryAttempts: 2,
      retryBackoffMs: 10,
      random: () => 0,
    } as unknown as DispatcherOptions,
    leaders: new Leaders(),
    sessions: new ClientSessions(
      (_at, _session, done) => options.isMute === true || done(undefined),
      () => `s${(names += 1)}`,
    ),
    resolve: () => destination,
    call: () => () => undefined,
    isAway: ({ address }) => away.includes(address),
    send: (member, call: MemberCall, onReply) => {
      sent.push({ address: member.address, identity: call.identity });
      const said = says[Math.min(sent.length, says.length) - 1] ?? "ok";
      onReply(replyOf(said));
      return () => undefined;
    },
  };
  const said = { idempotencyKey: undefined, demand: NO_DEMAND, session: undefined };
  const run = new CallRun(
    host,
    {
      method,
      cls: "p.C",
      partition: 0,
      zeroIsNone: false,
      object: "o",
      fn: "",
      request: new Uint8Array(0),
      timeoutMs: undefined,
      ...(headers === undefined ? {} : { headers: { ...said, token: undefined, ...headers } }),
    },
    {
      reply: (_response, _more, told) => {
        about = told;
        ends.push("ok");
      },
      fail: (fault) => ends.push(fault),
    },
  );
  run.start();
  jest.advanceTimersByTime(60_000);
  return { sent, ends, about: () => about, host };
}

function replyOf(said: Said): WireReply {
  const base = { id: 1, response: new Uint8Array(0), more: false };
  const place = { rightPartition: 0, generation: 0n };
  if (said === "ok") return { ...base, ...place, code: GrpcCode.ok, reason: "", message: "" };
  if (typeof said === "object") {
    const member = BigInt(MEMBERS.indexOf(said.leads) + 1);
    const leader = { member, address: said.leads };
    const { code } = REASON_ROWS.NOT_LEADER;
    return { ...base, ...place, code, reason: "NOT_LEADER", message: "not here", leader };
  }
  return { ...base, ...place, code: REASON_ROWS[said].code, reason: said, message: `says ${said}` };
}

function reasonOf(end: CallFault | "ok" | undefined): string {
  return end === undefined || end === "ok" ? String(end) : end.reason;
}

const session = (name: string, sequence: number) => {
  return { kind: "session", session: name, sequence, settledBelow: sequence };
};

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ["nextTick"] });
});

afterEach(() => {
  jest.useRealTimers();
});

describe("a hint", () => {
  it("is followed at once, and the leader is remembered", () => {
    const { sent, ends, host } = play({ says: [{ leads: "c:1" }, "ok"] });
    expect(sent.map(({ address }) => address)).toEqual(["a:1", "c:1"]);
    expect(ends).toEqual(["ok"]);
    expect(host.leaders.get("p.C", 0)).toBe("c:1");
    const read = play({ says: [{ leads: "b:1" }, "ok"], method: Method.GET });
    expect(read.host.leaders.get("p.C", 0)).toBe("b:1");
  });

  it("that leads in circles does not", () => {
    const says = Array.from({ length: 400 }, (_, at): Said => ({
      leads: MEMBERS[(at + 1) % 3] ?? "",
    }));
    const { sent, ends } = play({ says, timeoutMs: 500 });
    expect(reasonOf(ends[0])).toBe("NO_LEADER");
    expect(sent.length).toBeLessThan(80);
  });
});

describe("what was surely not done", () => {
  it("is tried at the other members until one takes it", () => {
    const says: readonly Said[] = ["NO_LEADER", "SHARD_NOT_READY", "LINK_DOWN", "NO_LEADER", "ok"];
    const { sent, ends } = play({ says });
    expect(sent.map(({ address }) => address)).toEqual(["a:1", "b:1", "c:1", "a:1", "b:1"]);
    expect(ends).toEqual(["ok"]);
  });

  it("is tried at the same member while the slot is on its way there", () => {
    const says: readonly Said[] = [...Array<Said>(5).fill("SLOT_MOVING"), "ok"];
    const { sent, ends } = play({ says, hasLeader: false });
    expect(sent.map(({ address }) => address)).toEqual(Array(6).fill("a:1"));
    expect(ends).toEqual(["ok"]);
  });

  it("is given up at the deadline, and said to be so", () => {
    const { ends } = play({ says: ["NO_LEADER"], timeoutMs: 1_000 });
    expect(ends.map(reasonOf)).toEqual(["NO_LEADER"]);
  });

  it("is told as the members said it, not as who could not be reached", () => {
    const { ends } = play({ says: ["NO_LEADER", "LINK_DOWN"], timeoutMs: 1_000 });
    expect(ends).toMatchObject([{ reason: "NO_LEADER", message: "says NO_LEADER" }]);
    const lost = play({ says: ["NO_LEADER", "LINK_LOST"], method: Method.GET, timeoutMs: 1_000 });
    expect(lost.ends.map(reasonOf)).toEqual(["NO_LEADER"]);
    const { ends: silent } = play({ says: ["LINK_DOWN"], timeoutMs: 1_000 });
    expect(silent.map(reasonOf)).toEqual(["LINK_DOWN"]);
  });

  it("is a write that gets no session, because only a leader gives one", () => {
    const { sent, ends } = play({ says: ["ok"], isMute: true, timeoutMs: 1_000 });
    expect([sent, ends.map(reasonOf)]).toEqual([[], ["NO_LEADER"]]);
  });

  it("is tried no more often than configured where there is no leader to wait for", () => {
    const { sent } = play({ says: ["SHARD_NOT_READY"], hasLeader: false });
    expect(sent.length).toBe(3);
  });
});

describe("a member that is away", () => {
  it("is not waited for while another one is there", () => {
    const { sent } = play({ says: ["NO_LEADER", "NO_LEADER", "ok"], away: ["a:1"] });
    expect(sent.map(({ address }) => address)).toEqual(["b:1", "c:1", "b:1"]);
  });

  it("is not believed to lead by whoever has not noticed", () => {
    const says = [{ leads: "a:1" }, "NO_LEADER", { leads: "c:1" }, "ok"] as const;
    const { sent, ends, host } = play({ says, away: ["a:1"] });
    expect(sent.map(({ address }) => address)).toEqual(["b:1", "c:1", "b:1", "c:1"]);
    expect([ends, host.leaders.get("p.C", 0)]).toEqual([["ok"], "c:1"]);
  });

  it("may be behind the name of all: the others are asked again before it", () => {
    const { sent } = play({ says: ["NO_LEADER"], away: ["a:1"], any: "any:1", timeoutMs: 1_000 });
    const asked = sent.map(({ address }) => address);
    expect(asked.slice(0, 5)).toEqual(["b:1", "c:1", "b:1", "c:1", "any:1"]);
  });

  it("is asked last, and asked, where nobody can lead in its place", () => {
    const { sent } = play({ says: ["SHARD_NOT_READY"], hasLeader: false, away: ["a:1"] });
    expect(sent.map(({ address }) => address)).toEqual(["b:1", "c:1", "a:1"]);
  });

  it("is asked where nobody else is there", () => {
    const { sent, ends } = play({ says: ["ok"], away: MEMBERS });
    expect([sent.map(({ address }) => address), ends]).toEqual([["a:1"], ["ok"]]);
  });
});

describe("what may have been done", () => {
  it.each(["LINK_LOST", "OUTCOME_UNKNOWN"] as const)(
    "is sent again under the same identity after %s",
    (lost) => {
      const { sent, ends } = play({ says: [lost, "ok"] });
      expect(sent.map(({ identity }) => identity)).toEqual([session("s1", 1), session("s1", 1)]);
      expect(ends).toEqual(["ok"]);
    },
  );

  it("and has no identity is never sent again", () => {
    const { sent, ends } = play({ says: ["LINK_LOST", "ok"], hasLeader: false });
    expect([sent.length, ends.map(reasonOf)]).toEqual([1, ["OUTCOME_UNKNOWN"]]);
  });

  it("is not called undone because of what the next attempt says", () => {
    for (const next of ["NO_LEADER", "LINK_DOWN", "OVERLOADED", "SESSION_EXPIRED"] as const) {
      const { ends } = play({ says: ["LINK_LOST", next], timeoutMs: 500 });
      expect(ends.map(reasonOf)).toEqual(["OUTCOME_UNKNOWN"]);
    }
  });

  it("under a session that has expired meanwhile is not sent under another one", () => {
    const { sent, ends } = play({ says: ["LINK_LOST", "SESSION_EXPIRED", "ok"] });
    expect([sent.length, ends.map(reasonOf)]).toEqual([2, ["OUTCOME_UNKNOWN"]]);
  });

  it("is what the partition says when it decides about the same identity", () => {
    const { ends } = play({ says: ["LINK_LOST", "VERSION_MISMATCH"] });
    expect(ends.map(reasonOf)).toEqual(["VERSION_MISMATCH"]);
    const headers = { idempotencyKey: "k" };
    const reused = play({ says: ["LINK_LOST", "KEY_REUSED"], headers, hasLeader: false });
    expect(reused.ends.map(reasonOf)).toEqual(["KEY_REUSED"]);
  });

  it("is no matter for a read", () => {
    const { sent, ends } = play({ says: ["LINK_LOST", "ok"], method: Method.GET });
    expect(sent).toEqual([
      { address: "a:1", identity: undefined },
      { address: "b:1", identity: undefined },
    ]);
    expect(ends).toEqual(["ok"]);
  });

  it("is never an invocation's second run", () => {
    const { sent, ends } = play({ says: ["LINK_LOST"], method: Method.INVOKE_OBJ });
    expect([sent.length, ends.map(reasonOf)]).toEqual([1, ["OUTCOME_UNKNOWN"]]);
  });
});

describe("a session", () => {
  it("that has expired before anything was sent under it is replaced", () => {
    const { sent, ends } = play({ says: ["SESSION_EXPIRED", "ok"] });
    expect(sent.map(({ identity }) => identity)).toEqual([session("s1", 1), session("s2", 1)]);
    expect(ends).toEqual(["ok"]);
  });

  it("gives its number back when the write has ended, however it did", () => {
    const { host } = play({ says: ["LINK_LOST", "NO_LEADER"], timeoutMs: 300 });
    const found: unknown[] = [];
    host.sessions.turn({ cls: "p.C", partition: 0, timeoutMs: 1 }, (turn) => {
      if (!("code" in turn)) found.push(turn.identity());
    });
    expect(found).toEqual([session("s1", 2)]);
  });

  it("of an outside client that has written to too much is refused before the write", () => {
    const marks = Array.from({ length: MARKS_MAX }, (_, partition) => {
      return { cls: "p.Other", partition, incarnation: "i", index: 1 };
    });
    const { sent, ends } = play({ says: ["ok"], headers: { session: marks } });
    expect([sent.length, ends.map(reasonOf)]).toEqual([0, ["INVALID_SESSION_TOKEN"]]);
  });
});
