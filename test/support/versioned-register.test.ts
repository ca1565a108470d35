import { describe, expect, it } from "@jest/globals";

import type { Operation } from "./linearizability.ts";
import { checkLinearizable } from "./linearizability.ts";
import type { VersionedInput, VersionedOutput } from "./versioned-register.ts";
import { versionedModel } from "./versioned-register.ts";

type Step = readonly [VersionedInput, VersionedOutput | undefined];

const put = (value: string): VersionedInput => ({ kind: "put", value });
const cas = (version: number, value: string): VersionedInput => ({ kind: "cas", version, value });
const read: VersionedInput = { kind: "read" };

/** One after the other, but those of unknown outcome, which may still be carried out at any time. */
function verdictOf(steps: readonly Step[]): string {
  const history = steps.map(
    ([input, output], index): Operation<VersionedInput, VersionedOutput> => ({
      client: "c",
      key: "k",
      input,
      callAt: 2 * index,
      told: output === undefined ? undefined : { output, at: 2 * index + 1 },
    }),
  );
  return checkLinearizable(history, versionedModel).kind;
}

describe("a history of an object with a version", () => {
  it.each<{ readonly what: string; readonly steps: readonly Step[] }>([
    {
      what: "nothing, then what was put",
      steps: [
        [read, "0:"],
        [put("a"), ""],
        [read, "1:a"],
      ],
    },
    {
      what: "a condition that holds and one that does not any more",
      steps: [
        [put("a"), ""],
        [cas(1, "b"), true],
        [cas(1, "c"), false],
        [read, "2:b"],
      ],
    },
    {
      what: "an unknown write that was carried out, and one that was not",
      steps: [
        [put("a"), undefined],
        [put("b"), undefined],
        [read, "1:b"],
      ],
    },
    {
      what: "an unknown write that is carried out late",
      steps: [
        [put("a"), undefined],
        [read, "0:"],
        [put("b"), ""],
        [read, "2:a"],
      ],
    },
  ])("is right with $what", ({ steps }) => {
    expect(verdictOf(steps)).toBe("linearizable");
  });

  it.each<{ readonly what: string; readonly steps: readonly Step[] }>([
    {
      what: "an acknowledged write that is lost",
      steps: [
        [put("a"), ""],
        [read, "0:"],
      ],
    },
    {
      what: "a write that was carried out twice",
      steps: [
        [put("a"), ""],
        [read, "2:a"],
      ],
    },
    {
      what: "an unknown write that was carried out twice",
      steps: [
        [put("a"), undefined],
        [read, "2:a"],
      ],
    },
    {
      what: "a read from the past",
      steps: [
        [put("a"), ""],
        [put("b"), ""],
        [read, "1:a"],
      ],
    },
    {
      what: "two conditional writes on one version",
      steps: [
        [put("a"), ""],
        [cas(1, "b"), true],
        [cas(1, "c"), true],
      ],
    },
    {
      what: "a conditional write that was carried out and is told as refused",
      steps: [
        [put("a"), ""],
        [cas(1, "b"), false],
        [read, "2:b"],
      ],
    },
  ])("is wrong with $what", ({ steps }) => {
    expect(verdictOf(steps)).toBe("violation");
  });
});
