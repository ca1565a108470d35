// The state machine of a Raft partition: what it does once, what it remembers, and that a replica
// which restarts or learns its state anew goes on as the others do.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { utf8Encode } from "#api/base/index.ts";
import type { RequestIdentity } from "#workloads/core/raft/index.ts";
import { DEFAULT_SESSION_SETTINGS } from "#workloads/core/raft/index.ts";
import type { ObjectWrite } from "#workloads/core/store/index.ts";

import { MemoryState } from "../raft/testing/memory-state.ts";
import { readObject } from "./objects.ts";
import type { PartitionCommand, PartitionOutcome } from "./raft-commands.ts";
import { decodeCommand, decodeOutcome, encodeCommand, encodeOutcome } from "./raft-commands.ts";
import { RaftMachine } from "./raft-machine.ts";

const SETTINGS = {
  ...DEFAULT_SESSION_SETTINGS,
  ...{ sessionTtlMs: 1_000, keyTtlMs: 2_000, sessionsMax: 3, windowMax: 4, keysMax: 3 },
};

/** One replica. */
class Replica {
  readonly state: MemoryState;
  machine = new RaftMachine(SETTINGS);
  private index = 0;

  constructor(number = 5) {
    this.state = new MemoryState(number);
    this.machine.load(this.state, new Uint8Array(0));
  }

  do(command: PartitionCommand, at: { timeMs?: number; term?: number } = {}): PartitionOutcome {
    this.index += 1;
    const { timeMs = 0, term = 1 } = at;
    const data = encodeCommand(command);
    const entry = { index: this.index, term, position: 0, timeMs, data };
    const answer = this.machine.apply(entry, this.state);
    return answer.byteLength === 0
      ? { kind: "done", version: 0, repeated: false }
      : decodeOutcome(answer);
  }

  /** As after a restart: all it has is what it wrote and sealed. */
  restart(): void {
    const sealed = this.machine.seal();
    this.machine = new RaftMachine(SETTINGS);
    this.machine.load(this.state, sealed);
  }
}

const set = (id: string, text: string, more: Partial<ObjectWrite> = {}): ObjectWrite => ({
  kind: "mutate",
  id,
  sets: [{ key: "k", value: utf8Encode(text) }],
  deletes: [],
  create: true,
  ...(more as object),
});

const write = (
  what: ObjectWrite,
  more: Partial<Extract<PartitionCommand, { kind: "write" }>> = {},
): PartitionCommand => ({
  kind: "write",
  write: what,
  identity: undefined,
  token: undefined,
  ...more,
});

const inSession = (sequence: number, settledBelow = 1): RequestIdentity => ({
  kind: "session",
  session: "s",
  sequence,
  settledBelow,
});

describe("a write", () => {
  it("is decided when it is applied, and counts objects", () => {
    const replica = new Replica();
    expect(replica.do(write(set("a", "1")))).toMatchObject({ kind: "done", version: 1 });
    const stale = write(set("a", "2", { expectedVersion: 7 }));
    expect(replica.do(stale)).toEqual({ kind: "version-mismatch", expected: 7, actual: 1 });
    expect(replica.machine.objects).toBe(1);
    replica.do(write({ kind: "delete", id: "a" }));
    expect([replica.machine.objects, readObject(replica.state, "a")]).toEqual([0, undefined]);
  });

  it("of a session that was never opened, or has expired, does nothing", () => {
    const replica = new Replica();
    const once = write(set("a", "1"), { identity: inSession(1) });
    expect(replica.do(once).kind).toBe("session-expired");
    replica.do({ kind: "open-session", session: "s" }, { timeMs: 10 });
    expect(replica.do(once, { timeMs: 20 }).kind).toBe("done");
    expect(replica.do(once, { timeMs: 1_020 }).kind).toBe("session-expired");
    expect(readObject(replica.state, "a")?.version).toBe(1);
  });

  it("of a session runs once, over a restart too, and is forgotten when it is settled", () => {
    const replica = new Replica();
    replica.do({ kind: "open-session", session: "s" });
    const once = write(set("a", "1"), { identity: inSession(1) });
    expect(replica.do(once)).toMatchObject({ kind: "done", version: 1, repeated: false });
    replica.restart();
    expect(replica.do(once)).toMatchObject({ kind: "done", version: 1, repeated: true });
    expect(replica.do(write(set("a", "2"), { identity: inSession(2, 2) }))).toMatchObject({
      version: 2,
      repeated: false,
    });
    replica.restart();
    expect(replica.do(once).kind).toBe("request-settled");
    replica.do({ kind: "close-session", session: "s" });
    replica.restart();
    expect(replica.do(once).kind).toBe("session-expired");
  });

  it("with a key runs once; the key of another request is refused", () => {
    const replica = new Replica();
    const identity = { kind: "key", key: "k", fingerprint: "f", slot: 3 } as const;
    const mismatch = write(set("a", "1", { expectedVersion: 9 }), { identity });
    expect(replica.do(mismatch).kind).toBe("version-mismatch");
    replica.restart();
    // It was decided then; that it could be done now does not count.
    expect(replica.do(write(set("a", "1"), { identity })).kind).toBe("version-mismatch");
    const other = write(set("a", "1"), { identity: { ...identity, fingerprint: "g" } });
    expect(replica.do(other).kind).toBe("key-reused");
    for (const key of ["l", "m"]) {
      replica.do(write(set(key, "1"), { identity: { ...identity, key } }));
    }
    const fourth = write(set("n", "1"), { identity: { ...identity, key: "n" } });
    expect(replica.do(fourth).kind).toBe("window-full");
  });

  it("of an exclusive call that is not the newest one is refused, also by the next leader", () => {
    const replica = new Replica();
    const first = replica.do({ kind: "token", id: "a" });
    const second = replica.do({ kind: "token", id: "a" });
    const third = replica.do({ kind: "token", id: "a" }, { term: 4 });
    expect([first, second, third]).toEqual([
      { kind: "token", token: { term: 1, sequence: 1 } },
      { kind: "token", token: { term: 1, sequence: 2 } },
      { kind: "token", token: { term: 4, sequence: 1 } },
    ]);
    replica.restart();
    const late = write(set("a", "1"), { token: { term: 1, sequence: 2 } });
    expect(replica.do(late).kind).toBe("token-stale");
    expect(replica.do(write(set("a", "1"), { token: { term: 4, sequence: 1 } })).kind).toBe("done");
    expect(replica.do(write(set("b", "1"), { token: { term: 1, sequence: 1 } })).kind).toBe("done");
  });
});

const names = fc.constantFrom("a", "b", "c");
const bytes = fc.uint8Array({ maxLength: 40 });
const versions = fc.option(fc.nat(4), { nil: undefined });
const writes: fc.Arbitrary<ObjectWrite> = fc.oneof(
  fc
    .record({
      id: names,
      sets: fc.array(fc.record({ key: names, value: bytes }), { maxLength: 3 }),
      deletes: fc.array(names, { maxLength: 2 }),
      create: fc.boolean(),
      event: fc.option(bytes, { nil: undefined }),
      refuseCrdtMerge: fc.boolean(),
      expectedVersion: versions,
    })
    .map(({ event, expectedVersion, refuseCrdtMerge, ...rest }) => ({
      kind: "mutate" as const,
      ...rest,
      ...(refuseCrdtMerge ? { refuseCrdtMerge } : {}),
      ...(event === undefined ? {} : { event }),
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
    })),
  fc.record({ id: names, expectedVersion: versions }).map(({ id, expectedVersion }) => ({
    kind: "delete" as const,
    id,
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
  })),
);
const identities: fc.Arbitrary<RequestIdentity | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.record({
    kind: fc.constant("session" as const),
    session: fc.constantFrom("s", "t", "u", "v"),
    sequence: fc.integer({ min: 1, max: 6 }),
    settledBelow: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({
    kind: fc.constant("key" as const),
    key: names,
    fingerprint: fc.constantFrom("", "f"),
    slot: fc.nat(4095),
  }),
);
const tokens = fc.option(fc.record({ term: fc.integer({ min: 1, max: 3 }), sequence: fc.nat(2) }), {
  nil: undefined,
});
const commands: fc.Arbitrary<PartitionCommand> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ write: writes, identity: identities, token: tokens })
      .map((parts) => ({ kind: "write" as const, ...parts })),
  },
  fc.record({
    kind: fc.constantFrom("open-session" as const, "close-session" as const),
    session: fc.constantFrom("s", "t", "u", "v"),
  }),
  fc.record({ kind: fc.constant("token" as const), id: names }),
);

describe("replicas", () => {
  it("answer alike and hold the same, whenever one of them restarts", () => {
    const steps = fc.array(
      fc.record({
        command: commands,
        afterMs: fc.constantFrom(0, 1, 300, 900),
        restarts: fc.boolean(),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const steady = new Replica(5);
        const other = new Replica(5);
        let timeMs = 0;
        for (const { command, afterMs, restarts } of all) {
          timeMs += afterMs;
          if (restarts) other.restart();
          expect(other.do(command, { timeMs })).toEqual(steady.do(command, { timeMs }));
          expect(other.state.values).toEqual(steady.state.values);
          expect(other.machine.seal()).toEqual(steady.machine.seal());
        }
      }),
    );
  });
});

describe("forms", () => {
  it("of commands come back as they were", () => {
    fc.assert(
      fc.property(commands, (command) => {
        expect(decodeCommand(encodeCommand(command))).toEqual(command);
      }),
    );
  });

  it.each<PartitionOutcome>([
    { kind: "done", version: 2 ** 50, repeated: true },
    { kind: "version-mismatch", expected: 0, actual: 9 },
    { kind: "crdt-merge", key: "schlüssel" },
    { kind: "token", token: { term: 7, sequence: 8 } },
    { kind: "session-expired" },
    { kind: "request-settled" },
    { kind: "key-reused" },
    { kind: "window-full" },
    { kind: "token-stale" },
  ])("of the outcome $kind come back as they were", (outcome) => {
    expect(decodeOutcome(encodeOutcome(outcome))).toEqual(outcome);
  });
});
