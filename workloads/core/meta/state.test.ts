import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { MetaCommand, MetaState } from "./index.ts";
import {
  applyMeta,
  decodeCommand,
  decodeOutcome,
  decodeState,
  EMPTY_META_STATE,
  encodeCommand,
  encodeOutcome,
  encodeState,
  isBootstrapped,
} from "./index.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

function next(expected: bigint, content = `after ${expected}`): MetaCommand {
  return { kind: "next", expected, generation: expected + 1n, content: bytes(content) };
}

function after(...commands: readonly MetaCommand[]): MetaState {
  return commands.reduce((state, command) => applyMeta(state, command).state, EMPTY_META_STATE);
}

describe("a meta group", () => {
  it("is bootstrapped by its first generation, and not before", () => {
    expect(isBootstrapped(EMPTY_META_STATE)).toBe(false);
    expect(isBootstrapped(after(next(0n)))).toBe(true);
  });

  it("takes a generation that follows the current one", () => {
    const { state, outcome } = applyMeta(after(next(0n)), next(1n));
    expect(outcome).toEqual({ kind: "committed", generation: 2n });
    expect(state).toEqual({ generation: 2n, content: bytes("after 1") });
  });

  it.each([
    ["of the past", 1n],
    ["of a future that nobody made", 7n],
  ])("refuses one that was judged against a generation %s, and keeps what it has", (_name, at) => {
    const before = after(next(0n), next(1n));
    const { state, outcome } = applyMeta(before, next(at));
    expect(outcome).toEqual({ kind: "conflict", current: 2n });
    expect(state).toBe(before);
  });

  it("of two proposals for one number takes the first", () => {
    const state = after(next(0n), next(1n, "first"), next(1n, "second"));
    expect(state).toEqual({ generation: 2n, content: bytes("first") });
  });

  it("goes on from what members serve only while it holds nothing", () => {
    const served: MetaCommand = {
      kind: "adopt",
      expected: 0n,
      generation: 7n,
      content: bytes("served"),
    };
    const adopted = after(served);
    expect(adopted.generation).toBe(7n);
    expect(applyMeta(adopted, next(7n)).outcome).toEqual({ kind: "committed", generation: 8n });
    expect(applyMeta(after(next(0n)), served).outcome).toEqual({ kind: "conflict", current: 1n });
  });

  it("never counts down, whatever is asked of it", () => {
    const commands = fc.array(
      fc.record({
        kind: fc.constantFrom("next" as const, "adopt" as const),
        expected: fc.bigInt({ min: 0n, max: 5n }),
        generation: fc.bigInt({ min: 0n, max: 6n }),
        content: fc.uint8Array({ maxLength: 3 }),
      }),
    );
    fc.assert(
      fc.property(commands, (list) => {
        let state = EMPTY_META_STATE;
        for (const command of list) {
          const result = applyMeta(state, command);
          if (result.state.generation < state.generation) return false;
          const isNew = result.outcome.kind === "committed";
          if (isNew !== result.state.generation > state.generation) return false;
          state = result.state;
        }
        return true;
      }),
    );
  });
});

describe("durable forms", () => {
  it("of a command, a state and an outcome read back as they were", () => {
    const command = next(41n, "content");
    expect(decodeCommand(encodeCommand(command))).toEqual(command);
    const state = { generation: 2n ** 60n, content: bytes("x") };
    expect(decodeState(encodeState(state))).toEqual(state);
    for (const outcome of [
      { kind: "committed", generation: 3n },
      { kind: "conflict", current: 9n },
    ] as const) {
      expect(decodeOutcome(encodeOutcome(outcome))).toEqual(outcome);
    }
  });

  it.each([
    ["a later release", Uint8Array.of(2, 1, ...new Uint8Array(16))],
    ["nobody", bytes("?")],
    ["a kind that does not exist", Uint8Array.of(1, 9, ...new Uint8Array(16))],
  ])("of %s are refused", (_name, written) => {
    expect(decodeCommand(written)).toBeUndefined();
    if (written[0] !== 1) expect(decodeState(written)).toBeUndefined();
  });
});
