import type { Word as OtherWord } from "../other.ts";

/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "twotypesofonenames", singular: "twotypesofonename", scope: "Namespaced"}
 */
export interface TwoTypesOfOneName {
  readonly spec: TwoTypesOfOneNameSpec;
}

/** What it is. */
export interface TwoTypesOfOneNameSpec {
  /** One. */
  readonly one?: Word;
  /** Other. */
  readonly other?: OtherWord;
}

/** A word. @maxLength 9 */
export type Word = string;
