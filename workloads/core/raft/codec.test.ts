// Frames and records: whatever is written is read again, and nothing else is.
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import {
  decodeConfigChange,
  decodeDigest,
  decodeLevel,
  encodeConfigChange,
  encodeDigest,
  encodeLevel,
} from "./entry-data.ts";
import type { DurableRecord, Entry, Frame, GroupId, MemberId, Message } from "./index.ts";
import { decodeFrame, decodeRecord, encodeFrame, encodeRecord } from "./index.ts";
import type { LogBase, SnapshotHandle } from "./types.ts";

const from = "env/0/1" as MemberId;
const to = "env/1/7" as MemberId;

const number = fc.maxSafeNat();
const term = fc.nat(1_000_000);
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
const member = text.map((id) => id as MemberId);
const members = fc.uniqueArray(member, { maxLength: 4 }).map((list) => [...list].sort());
const data = fc.uint8Array({ maxLength: 40 });
const handle = text.map((id) => id as SnapshotHandle);
const change = fc.record({
  transition: fc.constantFrom("auto" as const, "joint" as const, "joint-explicit" as const),
  changes: fc.array(
    fc.record({
      kind: fc.constantFrom("add-voter" as const, "add-learner" as const, "remove" as const),
      member,
    }),
    { maxLength: 4 },
  ),
});
const payload = fc.oneof(
  data.map((bytes) => ({ kind: "command" as const, data: bytes })),
  fc.constant({ kind: "empty" as const, data: new Uint8Array(0) }),
  change.map((each) => ({ kind: "config" as const, data: encodeConfigChange(each) })),
  fc
    .integer({ min: 1, max: 9 })
    .map((level) => ({ kind: "level" as const, data: encodeLevel(level) })),
  fc.record({ index: number, digest: data }).map((each) => ({
    kind: "digest" as const,
    data: encodeDigest(each),
  })),
);
const base: fc.Arbitrary<LogBase> = fc.record({
  index: number,
  term,
  level: fc.nat(9),
  config: fc.record({
    voters: members,
    outgoing: members,
    learners: members,
    learnersNext: members,
    autoLeave: fc.boolean(),
  }),
});
const standing = { logEpoch: number, suspect: fc.boolean(), supports: fc.nat(9) };
const known = { commitIndex: number, commitTerm: number };
const refetch = fc.option(fc.record({ epoch: fc.integer({ min: 1, max: 99 }), target: number }), {
  nil: undefined,
});
const kind = <K extends string>(name: K): fc.Arbitrary<K> => fc.constant(name);

/** Entries behind (prevIndex, prevTerm), their terms never falling. */
function entriesAfter(
  prevIndex: number,
  prevTerm: number,
  last: number,
): fc.Arbitrary<readonly Entry[]> {
  const one = fc.record({ payload, term: fc.integer({ min: prevTerm, max: last }) });
  return fc.array(one, { maxLength: 4 }).map((list) => {
    const terms = list.map((each) => each.term).sort((a, b) => a - b);
    return list.map((each, at) => ({
      index: prevIndex + 1 + at,
      term: terms[at] ?? 0,
      ...each.payload,
    }));
  });
}

const append = fc
  .record({ prevIndex: fc.nat(2 ** 40), prevTerm: term, more: fc.nat(5), commit: number, refetch })
  .chain(({ more, ...head }) =>
    entriesAfter(head.prevIndex, head.prevTerm, head.prevTerm + more).map((entries) => ({
      ...{ kind: "append" as const, from, to, term: head.prevTerm + more },
      ...head,
      entries,
    })),
  );
const bodies = fc.oneof(
  fc.record({ kind: kind("append-ack"), index: number, ...standing }),
  fc.record({
    kind: kind("append-reject"),
    prevIndex: number,
    hintIndex: number,
    hintTerm: number,
    ...standing,
  }),
  fc.record({ kind: kind("heartbeat"), commit: number, round: number, refetch }),
  fc.record({ kind: kind("heartbeat-ack"), round: number, ...standing }),
  fc.record({ kind: kind("pre-vote"), lastIndex: number, lastTerm: number }),
  fc.record({ kind: kind("pre-vote-reply"), granted: fc.boolean(), ...known }),
  fc.record({ kind: kind("vote"), lastIndex: number, lastTerm: number, transfer: fc.boolean() }),
  fc.record({ kind: kind("vote-reply"), granted: fc.boolean(), ...known }),
  fc.record({ kind: kind("snapshot"), base, handle }),
  fc.record({ kind: kind("timeout-now") }),
  fc.record({ kind: kind("transfer"), target: member }),
  fc.record({ kind: kind("newer-term") }),
  fc.record({
    kind: kind("propose"),
    run: number,
    settledBelow: number,
    proposals: fc.array(
      payload.chain((each) => number.map((id) => ({ id, ...each }))),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    kind: kind("propose-reply"),
    outcomes: fc.array(
      fc.record({
        id: number,
        index: number,
        refused: fc.constantFrom(undefined, "overloaded" as const, "change-invalid" as const),
      }),
      { maxLength: 3 },
    ),
  }),
  fc.record({ kind: kind("read"), batch: number }),
  fc.record({ kind: kind("read-reply"), batch: number, index: number }),
  fc.record({ kind: kind("quiesce"), commit: number }),
);
const message: fc.Arbitrary<Message> = fc.oneof(
  { weight: 1, arbitrary: append },
  {
    weight: 4,
    arbitrary: fc.tuple(bodies, term).map(([body, at]) => ({ from, to, term: at, ...body })),
  },
);
const group = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((id) => id as GroupId);
const frame: fc.Arbitrary<Frame> = fc
  .array(fc.record({ group, message }), { maxLength: 5 })
  .map((messages) => ({ from, to, messages }));

const record: fc.Arbitrary<DurableRecord> = fc.record({
  group,
  hard: fc.option(
    fc.record({
      term,
      vote: fc.option(member, { nil: undefined }),
      commit: number,
      logEpoch: number,
      suspect: fc.boolean(),
    }),
    { nil: undefined },
  ),
  entries: entriesAfter(7, 1, 9),
  snapshot: fc.option(fc.record({ base, handle }), { nil: undefined }),
  base: fc.option(base, { nil: undefined }),
});

function encode(from: DurableRecord): Uint8Array {
  return encodeRecord(from.group, { ...from, sync: true });
}

describe("frames", () => {
  it("are read as they were written", () => {
    fc.assert(
      fc.property(frame, (each) => {
        expect(decodeFrame(encodeFrame(each))).toEqual({ kind: "decoded", value: each });
      }),
    );
  });

  it("are rejected if anything is missing or added", () => {
    fc.assert(
      fc.property(frame, fc.nat(), (each, at) => {
        const bytes = encodeFrame(each);
        const cut = bytes.subarray(0, at % bytes.byteLength);
        expect(decodeFrame(cut).kind).toBe("reject");
        expect(decodeFrame(Uint8Array.of(...bytes, 0)).kind).toBe("reject");
      }),
    );
  });

  it("never throw, whatever the bytes, and what is read can be written", () => {
    const damaged = fc.tuple(frame, fc.nat(), fc.nat(255)).map(([each, at, byte]) => {
      const bytes = encodeFrame(each);
      bytes[at % bytes.byteLength] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 80 })), (bytes) => {
        const decoded = decodeFrame(bytes);
        if (decoded.kind === "decoded") {
          expect(decodeFrame(encodeFrame(decoded.value))).toEqual(decoded);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("of another version are rejected as such", () => {
    const bytes = encodeFrame({ from, to, messages: [] });
    bytes[0] = 2;
    expect(decodeFrame(bytes)).toEqual({ kind: "reject", reason: "version" });
  });

  it("have heartbeats of about eight bytes", () => {
    const heartbeat: Message = {
      ...{ kind: "heartbeat", from, to, term: 12, commit: 100_000, round: 3000 },
      refetch: undefined,
    };
    const count = 1000;
    const messages = Array.from({ length: count }, (_, id) => ({
      group: id as GroupId,
      message: heartbeat,
    }));
    expect(encodeFrame({ from, to, messages }).byteLength / count).toBeLessThan(11);
  });

  it.each([
    { name: "terms that fall", terms: [3, 2] },
    { name: "a term beyond the sender's", terms: [3, 9] },
  ])("with $name are rejected", ({ terms }) => {
    const entries = terms.map((at, index) => ({
      ...{ index: 5 + index, term: at, kind: "command" as const },
      data: new Uint8Array(1),
    }));
    const head = { prevIndex: 4, prevTerm: 1, commit: 1, refetch: undefined };
    const broken: Message = { kind: "append", from, to, term: 5, ...head, entries };
    const bytes = encodeFrame({ from, to, messages: [{ group: 1 as GroupId, message: broken }] });
    expect(decodeFrame(bytes).kind).toBe("reject");
  });
});

describe("records", () => {
  it("are read as they were written", () => {
    fc.assert(
      fc.property(record, (each) => {
        expect(decodeRecord(encode(each))).toEqual({ kind: "decoded", value: each });
      }),
    );
  });

  it("are rejected if anything is missing, and never throw", () => {
    fc.assert(
      fc.property(record, fc.nat(), fc.nat(255), (each, at, byte) => {
        const bytes = encode(each);
        expect(decodeRecord(bytes.subarray(0, at % bytes.byteLength)).kind).toBe("reject");
        bytes[at % bytes.byteLength] = byte;
        expect(["decoded", "reject"]).toContain(decodeRecord(bytes).kind);
      }),
    );
  });
});

describe("the core's own entries", () => {
  it("are read as they were written, and nothing else is", () => {
    fc.assert(
      fc.property(change, data, (each, noise) => {
        expect(decodeConfigChange(encodeConfigChange(each))).toEqual(each);
        const longer = Uint8Array.of(...encodeConfigChange(each), 1);
        expect(decodeConfigChange(longer)).toBeUndefined();
        for (const decode of [decodeConfigChange, decodeLevel, decodeDigest]) {
          expect(() => decode(noise)).not.toThrow();
        }
      }),
    );
    expect(decodeLevel(Uint8Array.of(0))).toBeUndefined();
    // Not the shortest form of 1.
    expect(decodeLevel(Uint8Array.of(0x81, 0))).toBeUndefined();
  });
});
