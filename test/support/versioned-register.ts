// An object with one value and a version, as the REST surface shows it: a write adds one to the
// version whatever was there, a conditional one only if the version is still the named one. Since
// every effect shows in the version, a write that was carried out twice has no place in a history.
import type { Model } from "./linearizability.ts";

/** What can be asked of the object. */
export type VersionedInput =
  | { readonly kind: "read" }
  | { readonly kind: "put"; readonly value: string }
  | { readonly kind: "cas"; readonly version: number; readonly value: string };

/** Of a read `version:value`, of a put "", of a conditional write whether it was carried out. */
export type VersionedOutput = string | boolean;

/** What the object is; version 0 before it exists. */
export interface Versioned {
  readonly version: number;
  readonly value: string;
}

/** The result of a read that found this. */
export function readOutput({ version, value }: Versioned): string {
  return `${version}:${value}`;
}

/** An object that does not exist at first. */
export const versionedModel: Model<Versioned, VersionedInput, VersionedOutput> = {
  initial: { version: 0, value: "" },
  step(state, input) {
    switch (input.kind) {
      case "read":
        return { state, output: readOutput(state) };
      case "put":
        return { state: { version: state.version + 1, value: input.value }, output: "" };
      case "cas": {
        if (state.version !== input.version) return { state, output: false };
        return { state: { version: state.version + 1, value: input.value }, output: true };
      }
    }
  },
  keyOf: readOutput,
  isEqual: (one, two) => one === two,
};
