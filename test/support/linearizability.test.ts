import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { CasInput, CasOutput, Operation } from "./linearizability.ts";
import { casModel, checkLinearizable, registerModel, tellViolation } from "./linearizability.ts";

type Op = Operation<CasInput, CasOutput>;

const read: CasInput = { kind: "read" };
const write = (value: string): CasInput => ({ kind: "write", value });
const cas = (expect: string, value: string): CasInput => ({ kind: "cas", expect, value });

/** [client, input, call, return, output]; without the last two the outcome is unknown. */
type Row = readonly [string, CasInput, number, number?, CasOutput?];

function history(rows: readonly Row[], key = "x"): readonly Op[] {
  return rows.map(([client, input, callAt, at, output]) => ({
    client,
    key,
    input,
    callAt,
    told: at === undefined || output === undefined ? undefined : { at, output },
  }));
}

const verdict = (rows: readonly Row[]): string => checkLinearizable(history(rows), casModel()).kind;

const GOOD: readonly { readonly name: string; readonly rows: readonly Row[] }[] = [
  { name: "nothing at all", rows: [] },
  {
    name: "one after the other",
    rows: [
      ["a", write("1"), 1, 2, ""],
      ["b", read, 3, 4, "1"],
    ],
  },
  {
    name: "a read beside a write sees the old value, a later one the new",
    rows: [
      ["a", write("1"), 1, 10, ""],
      ["b", read, 2, 3, ""],
      ["b", read, 4, 5, "1"],
    ],
  },
  {
    name: "an unknown write that shows late",
    rows: [
      ["a", write("1"), 1],
      ["b", write("2"), 2, 3, ""],
      ["b", read, 4, 5, "2"],
      ["b", read, 6, 7, "1"],
    ],
  },
  {
    name: "an unknown write that never shows",
    rows: [
      ["a", write("1"), 1],
      ["b", read, 2, 3, ""],
    ],
  },
  {
    name: "of two concurrent compare-and-sets one wins",
    rows: [
      ["a", cas("", "1"), 1, 4, true],
      ["b", cas("", "2"), 2, 3, false],
      ["c", read, 5, 6, "1"],
    ],
  },
  {
    name: "an unknown compare-and-set that won",
    rows: [
      ["a", cas("", "1"), 1],
      ["b", cas("", "2"), 2, 3, false],
      ["b", cas("1", "3"), 4, 5, true],
    ],
  },
  {
    name: "an order that is not that of the calls",
    rows: [
      ["a", write("1"), 1, 9, ""],
      ["b", write("2"), 2, 8, ""],
      ["c", write("3"), 3, 7, ""],
      ["d", read, 4, 5, "3"],
      ["d", read, 6, 10, "1"],
      ["e", read, 11, 12, "1"],
    ],
  },
];

const BAD: readonly { readonly name: string; readonly rows: readonly Row[] }[] = [
  {
    name: "a stale read",
    rows: [
      ["a", write("1"), 1, 2, ""],
      ["b", read, 3, 4, ""],
    ],
  },
  {
    name: "a read that goes back",
    rows: [
      ["a", write("1"), 1, 10, ""],
      ["b", read, 2, 3, "1"],
      ["b", read, 4, 5, ""],
    ],
  },
  {
    name: "a lost update",
    rows: [
      ["a", write("1"), 1, 2, ""],
      ["b", cas("1", "2"), 3, 4, true],
      ["c", read, 5, 6, "1"],
    ],
  },
  {
    name: "a write that happened twice",
    rows: [
      ["a", write("1"), 1, 2, ""],
      ["b", write("2"), 3, 4, ""],
      ["b", read, 5, 6, "2"],
      ["b", read, 7, 8, "1"],
    ],
  },
  {
    name: "two concurrent compare-and-sets that both win",
    rows: [
      ["a", cas("", "1"), 1, 4, true],
      ["b", cas("", "2"), 2, 3, true],
    ],
  },
  {
    name: "an unknown write that comes, goes and comes again",
    rows: [
      ["a", write("1"), 1],
      ["b", write("2"), 2, 3, ""],
      ["b", read, 4, 5, "1"],
      ["b", write("3"), 6, 7, ""],
      ["b", read, 8, 9, "1"],
    ],
  },
  {
    name: "an unknown write seen before its call",
    rows: [
      ["b", read, 1, 2, "1"],
      ["a", write("1"), 3],
    ],
  },
  {
    name: "a value that nobody wrote",
    rows: [["b", read, 1, 2, "7"]],
  },
];

describe("a history", () => {
  it.each(GOOD)("with $name is linearizable", ({ rows }) => {
    expect(verdict(rows)).toBe("linearizable");
  });

  it.each(BAD)("with $name is not", ({ rows }) => {
    expect(verdict(rows)).toBe("violation");
  });

  it("is checked key by key", () => {
    const good = history([["a", write("1"), 1, 2, ""]], "x");
    const stale = history(
      [
        ["a", write("1"), 3, 4, ""],
        ["b", read, 5, 6, ""],
      ],
      "y",
    );
    const found = checkLinearizable([...good, ...stale], casModel());
    expect(found).toMatchObject({ kind: "violation", key: "y" });
    expect(checkLinearizable([...good, ...stale.slice(0, 1)], casModel()).kind).toBe(
      "linearizable",
    );
  });

  it("begins with what the register holds", () => {
    const seen = (output: string): string =>
      checkLinearizable(
        [{ client: "a", key: "x", input: { kind: "read" }, callAt: 1, told: { output, at: 2 } }],
        registerModel("0"),
      ).kind;
    expect([seen("0"), seen("")]).toEqual(["linearizable", "violation"]);
  });

  it("with too many orders is left undecided, and says so", () => {
    const rows: Row[] = Array.from({ length: 12 }, (_, at) => ["a", write(`${at}`), at + 1]);
    rows.push(["b", read, 20, 21, "nobody"]);
    const found = checkLinearizable(history(rows), casModel(), { stepsMax: 1_000 });
    expect(found).toEqual({ kind: "undecided", key: "x" });
  });

  it("that has no order is told with the best one and what has no place in it", () => {
    const rows: readonly Row[] = [
      ["a", write("1"), 1, 2, ""],
      ["b", read, 3, 4, ""],
    ];
    const found = checkLinearizable(history(rows), casModel());
    expect(found.kind === "violation" ? tellViolation(found) : []).toEqual([
      "no order of the operations on x; the best one:",
      '  1..2 a: {"kind":"write","value":"1"} -> ""',
      "what cannot follow:",
      '  3..4 b: {"kind":"read"} -> ""',
    ]);
  });
});

/** Tries every order. */
function isLinearizableByForce(operations: readonly Op[], state: string): boolean {
  if (operations.every(({ told }) => told === undefined)) return true;
  const model = casModel();
  const soonest = Math.min(...operations.map(({ told }) => told?.at ?? Number.POSITIVE_INFINITY));
  return operations.some((operation) => {
    if (operation.callAt > soonest) return false;
    const after = model.step(state, operation.input);
    if (operation.told !== undefined && operation.told.output !== after.output) return false;
    return isLinearizableByForce(
      operations.filter((other) => other !== operation),
      after.state,
    );
  });
}

describe("the search", () => {
  it("finds what trying every order finds", () => {
    const value = fc.constantFrom("", "1", "2");
    const input = fc.oneof(
      fc.constant(read),
      value.map(write),
      fc.tuple(value, value).map(([one, two]) => cas(one, two)),
    );
    const operation = fc.record({
      client: fc.constant("c"),
      key: fc.constant("x"),
      input,
      callAt: fc.integer({ min: 0, max: 8 }),
      lasts: fc.integer({ min: 1, max: 8 }),
      isTold: fc.boolean(),
      seen: value,
      isSet: fc.boolean(),
    });
    const outcomes = new Map<boolean, number>();
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 6 }), (list) => {
        const operations = list.map(({ lasts, isTold, seen, isSet, ...rest }, at): Op => {
          const output = { read: seen, write: "", cas: isSet }[rest.input.kind];
          // Times are all different: the position breaks ties.
          const callAt = rest.callAt + at / 100;
          const told = { at: callAt + lasts + 0.001, output };
          return { ...rest, callAt, told: isTold || at % 2 === 0 ? told : undefined };
        });
        const want = isLinearizableByForce(operations, "");
        outcomes.set(want, (outcomes.get(want) ?? 0) + 1);
        expect(checkLinearizable(operations, casModel()).kind === "linearizable").toBe(want);
      }),
      { numRuns: 2_000 },
    );
    for (const isGood of [true, false]) expect(outcomes.get(isGood) ?? 0).toBeGreaterThan(100);
  });
});
