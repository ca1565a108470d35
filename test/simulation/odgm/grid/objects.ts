// What one object of a partition is when nothing happens at the same time: a value and a version
// that counts its changes, deletions included. The version in every answer leaves little room: a
// write that was lost, or done twice, is seen by the next one.
import type { Model } from "../../../support/linearizability.ts";

/** What clients do to an object. */
export type ObjectInput =
  | { readonly kind: "read" }
  | { readonly kind: "write"; readonly value: string }
  | { readonly kind: "cas"; readonly expected: number; readonly value: string }
  | { readonly kind: "delete" };

/** The object; a deleted one keeps its version. */
export interface ObjectState {
  readonly version: number;
  /** Undefined: it does not exist. */
  readonly value: string | undefined;
}

/** What is told: of a write the version after it, of a refused check the actual one. */
export type ObjectOutput = string;

/** What a read tells. */
export function readOutput(version: number, value: string | undefined): ObjectOutput {
  return `${version} ${value ?? "-"}`;
}

/** What a write tells. */
export function writtenOutput(version: number): ObjectOutput {
  return `v${version}`;
}

/** What a check that does not hold tells. */
export function mismatchOutput(actual: number): ObjectOutput {
  return `is ${actual}`;
}

/** See the top of the file. */
export const OBJECT_MODEL: Model<ObjectState, ObjectInput, ObjectOutput> = {
  initial: { version: 0, value: undefined },
  step(state, input) {
    const { version, value } = state;
    switch (input.kind) {
      case "read":
        return { state, output: readOutput(version, value) };
      case "write":
        return written(version + 1, input.value);
      case "cas": {
        const actual = value === undefined ? 0 : version;
        if (actual !== input.expected) return { state, output: mismatchOutput(actual) };
        return written(version + 1, input.value);
      }
      case "delete":
        if (value === undefined) return { state, output: writtenOutput(0) };
        return written(version + 1, undefined);
    }
  },
  keyOf: ({ version, value }) => `${version} ${value ?? "-"}`,
  isEqual: (one, two) => one === two,
};

function written(version: number, value: string | undefined) {
  return { state: { version, value }, output: writtenOutput(version) };
}
