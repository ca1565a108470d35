// Exactly once: examples per rule, and a client that repeats itself at random beside a plain counter.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";

import type {
  KeyRecord,
  RequestIdentity,
  RequestOutcome,
  SessionHeader,
  SessionJournal,
  SessionRecords,
  SessionSettings,
} from "./index.ts";
import { DEFAULT_SESSION_SETTINGS, isIdentity, SessionTable } from "./index.ts";

const settings: SessionSettings = {
  ...DEFAULT_SESSION_SETTINGS,
  ...{ sessionTtlMs: 100, sessionsMax: 3, windowMax: 4, keyTtlMs: 200, keysMax: 3 },
};

const request = (sequence: number, settledBelow = 1, session = "s"): RequestIdentity => ({
  kind: "session",
  session,
  sequence,
  settledBelow,
});
const keyed = (key: string, fingerprint = "", slot = 0): RequestIdentity => ({
  kind: "key",
  key,
  fingerprint,
  slot,
});

/** A table whose requests are counted; the result is the count. */
function counted(table = new SessionTable(settings)) {
  let runs = 0;
  const apply = (atMs: number, identity: RequestIdentity): string => {
    const outcome: RequestOutcome = table.apply(atMs, identity, () => utf8Encode(`${(runs += 1)}`));
    return "result" in outcome ? `${outcome.kind} ${utf8Decode(outcome.result)}` : outcome.kind;
  };
  return { table, apply, runs: () => runs };
}

describe("a session", () => {
  it("runs each request once and answers repetitions from memory", () => {
    const { table, apply, runs } = counted();
    table.register(0, "s");
    expect([1, 2, 1, 2, 3].map((sequence) => apply(1, request(sequence)))).toEqual([
      ...["executed 1", "executed 2", "repeated 1", "repeated 2", "executed 3"],
    ]);
    expect(runs()).toBe(3);
  });

  it("runs requests that overtake each other", () => {
    const { table, apply } = counted();
    table.register(0, "s");
    expect([apply(1, request(2)), apply(1, request(1)), apply(1, request(2))]).toEqual([
      ...["executed 1", "executed 2", "repeated 1"],
    ]);
  });

  it("forgets what the client has the answer of, and says so", () => {
    const { table, apply } = counted();
    table.register(0, "s");
    apply(1, request(1));
    apply(1, request(2, 2));
    expect(apply(1, request(1))).toBe("settled");
    expect(apply(1, request(2))).toBe("repeated 2");
  });

  it("takes no more than its window of answers that are not confirmed", () => {
    const { table, apply, runs } = counted();
    table.register(0, "s");
    expect(apply(1, request(4))).toBe("executed 1");
    expect(apply(1, request(5))).toBe("full");
    expect(apply(1, request(5, 2))).toBe("executed 2");
    expect(runs()).toBe(2);
  });

  it("expires by the time in entries, and then nothing is applied", () => {
    const { table, apply, runs } = counted();
    table.register(0, "s");
    apply(50, request(1));
    expect(apply(149, request(1))).toBe("repeated 1");
    expect(apply(249, request(2))).toBe("expired");
    expect(runs()).toBe(1);
    expect(table.keepAlive(250, "s")).toBe(false);
  });

  it("lives as long as it is kept alive", () => {
    const { table, apply } = counted();
    table.register(0, "s");
    for (let atMs = 90; atMs < 900; atMs += 90) expect(table.keepAlive(atMs, "s")).toBe(true);
    expect(apply(901, request(1))).toBe("executed 1");
  });

  it("is not made older by an entry of a leader whose clock is behind", () => {
    const { table, apply } = counted();
    table.register(1000, "s");
    expect(apply(5, request(1))).toBe("executed 1");
    expect(table.timeMs).toBe(1000);
  });

  it("makes room for a new one by forgetting who was idle longest", () => {
    const { table, apply } = counted();
    for (const [at, session] of ["a", "b", "c"].entries()) table.register(at, session);
    apply(4, request(1, 1, "a"));
    table.register(5, "d");
    expect(table.sessionCount).toBe(3);
    expect(apply(6, request(1, 1, "b"))).toBe("expired");
    expect(apply(6, request(1, 1, "a"))).toBe("repeated 1");
  });

  it("that is not known is expired, and one that is registered twice is one", () => {
    const { table, apply } = counted();
    expect(apply(0, request(1))).toBe("expired");
    table.register(0, "s");
    apply(0, request(1));
    table.register(0, "s");
    expect(apply(0, request(1))).toBe("repeated 1");
    table.close(0, "s");
    expect(apply(0, request(1))).toBe("expired");
  });
});

describe("an idempotency key", () => {
  it("runs once, and not for another request", () => {
    const { apply, runs } = counted();
    expect(apply(0, keyed("k", "put 1"))).toBe("executed 1");
    expect(apply(1, keyed("k", "put 1"))).toBe("repeated 1");
    expect(apply(1, keyed("k", "put 2"))).toBe("mismatch");
    expect(runs()).toBe(1);
  });

  it("is remembered for its time and never pushed out", () => {
    const { apply } = counted();
    for (const key of ["a", "b", "c"]) apply(0, keyed(key));
    expect(apply(199, keyed("d"))).toBe("full");
    expect(apply(199, keyed("a"))).toBe("repeated 1");
    expect(apply(200, keyed("d"))).toBe("executed 4");
  });
});

describe("a table", () => {
  it("comes back from its bytes, and equal tables have equal bytes", () => {
    const { table, apply } = counted();
    table.register(0, "s");
    apply(1, request(1));
    apply(2, keyed("k", "f", 7));
    const copy = new SessionTable(settings);
    expect(copy.absorb(table.encode())).toBe(true);
    expect(copy.encode()).toEqual(table.encode());
    const second = counted(copy);
    expect(second.apply(3, request(1))).toBe("repeated 1");
    expect(second.apply(3, keyed("k", "f", 7))).toBe("repeated 2");
  });

  it("takes over the sessions and the keys of moved slots, and keeps its own", () => {
    const source = counted();
    source.table.register(0, "s");
    source.apply(1, request(1));
    source.apply(1, keyed("moved", "", 7));
    source.apply(1, keyed("stays", "", 8));
    const target = counted();
    target.table.register(0, "s");
    target.apply(1, request(2));
    expect(target.table.absorb(source.table.encode(new Set([7])))).toBe(true);
    expect(target.apply(2, request(1))).toBe("repeated 1");
    expect(target.apply(2, request(2))).toBe("repeated 1");
    expect(target.apply(2, keyed("moved", "", 7))).toBe("repeated 2");
    expect(target.table.keyCount).toBe(1);
  });

  it("takes no bytes that are not a table, and stays as it is", () => {
    const { table } = counted();
    table.register(0, "s");
    const before = table.encode();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), fc.nat(), (noise, at) => {
        const cut = before.subarray(0, at % before.byteLength);
        expect(table.absorb(cut)).toBe(false);
        if (!new SessionTable(settings).absorb(noise)) expect(table.absorb(noise)).toBe(false);
      }),
    );
    expect(table.encode()).toEqual(before);
  });

  it("does every request exactly once for a client that repeats at random", () => {
    const sends = fc.array(fc.tuple(fc.nat(6), fc.nat(3)), { maxLength: 60 });
    fc.assert(
      fc.property(sends, (list) => {
        const { table, apply } = counted();
        table.register(0, "s");
        const answers = new Map<number, string>();
        let settled = 1;
        for (const [ahead, settle] of list) {
          const sequence = settled + ahead;
          const answer = apply(1, request(sequence, settled));
          const before = answers.get(sequence);
          if (answer.startsWith("executed")) {
            expect(before).toBeUndefined();
            answers.set(sequence, answer.replace("executed", "repeated"));
          } else if (answer.startsWith("repeated")) expect(answer).toBe(before);
          else expect(answer).toBe("full");
          while (settle > 0 && answers.has(settled)) settled += 1;
        }
      }),
    );
  });

  it.each([
    { name: "no session", identity: request(1, 1, ""), want: false },
    { name: "a sequence of 0", identity: request(0), want: false },
    { name: "a long key", identity: keyed("k".repeat(256)), want: false },
    { name: "a key of 255 bytes", identity: keyed("k".repeat(255)), want: true },
    { name: "a key of 128 characters of two bytes", identity: keyed("é".repeat(128)), want: false },
  ])("can remember $name: $want", ({ identity, want }) => {
    expect(isIdentity(identity, settings)).toBe(want);
  });
});

/** Keeps what a journal hears as records, as a store would. */
function recorder() {
  const sessions = new Map<string, SessionHeader>();
  const results = new Map<string, readonly [string, number, Uint8Array]>();
  const keys = new Map<string, KeyRecord>();
  const put = <T>(map: Map<string, T>, key: string, value: T | undefined): void => {
    if (value === undefined) assert(map.delete(key), `${key} was there`);
    else map.set(key, value);
  };
  const journal: SessionJournal = {
    session: (id, header) => put(sessions, id, header),
    result: (id, sequence, result) =>
      put(results, `${id}/${sequence}`, result === undefined ? undefined : [id, sequence, result]),
    key: (key, record) => put(keys, key, record),
  };
  const records = (timeMs: number): SessionRecords => {
    const turned = <T>(values: Iterable<T>): readonly T[] => [...values].reverse();
    return {
      timeMs,
      sessions: turned(sessions),
      results: turned(results.values()),
      keys: turned(keys),
    };
  };
  return { journal, records };
}

const identities = fc.oneof(
  fc.record({
    kind: fc.constant("session" as const),
    session: fc.constantFrom("s1", "s2", "s3", "s4"),
    sequence: fc.integer({ min: 1, max: 6 }),
    settledBelow: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({
    kind: fc.constant("key" as const),
    key: fc.constantFrom("k1", "k2", "k3"),
    fingerprint: fc.constantFrom("", "f"),
    slot: fc.nat(3),
  }),
);

describe("a table that is kept as records", () => {
  it("is after a restart what it was, and goes on alike", () => {
    const steps = fc.array(
      fc.record({
        afterMs: fc.constantFrom(0, 0, 1, 400, 700),
        what: fc.constantFrom("apply", "apply", "apply", "register", "close"),
        identity: identities,
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, fc.nat(40), (all, restartAt) => {
        const bounds = { ...DEFAULT_SESSION_SETTINGS, ...{ sessionTtlMs: 1_000, keyTtlMs: 900 } };
        const settings = { ...bounds, sessionsMax: 3, windowMax: 3, keysMax: 2 };
        const { journal, records } = recorder();
        const steady = new SessionTable(settings, journal);
        let other = new SessionTable(settings);
        let nowMs = 0;
        for (const [at, { afterMs, what, identity }] of all.entries()) {
          nowMs += afterMs;
          if (at === restartAt) {
            other = new SessionTable(settings);
            other.restore(records(steady.timeMs));
          }
          const outcomes = [steady, other].map((table) => {
            const name = identity.kind === "session" ? identity.session : identity.key;
            if (what === "register") return table.register(nowMs, name);
            if (what === "close") return table.close(nowMs, name);
            return table.apply(nowMs, identity, () => new Uint8Array([at]));
          });
          expect(outcomes[1]).toEqual(outcomes[0]);
        }
        expect([other.sessionCount, other.keyCount]).toEqual([
          steady.sessionCount,
          steady.keyCount,
        ]);
      }),
    );
  });
});
