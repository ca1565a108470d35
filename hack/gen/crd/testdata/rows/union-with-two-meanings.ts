/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "unionwithtwomeaningss", singular: "unionwithtwomeanings", scope: "Namespaced"}
 */
export interface UnionWithTwoMeanings {
  readonly spec: UnionWithTwoMeaningsSpec;
}

/** What it is. */
export interface UnionWithTwoMeaningsSpec {
  /** Either. */
  readonly shape?: Round | Square;
}

/** Round. */
export interface Round {
  readonly kind: "Round";
  /** Across. @maxLength 9 */
  readonly size: string;
}

/** Square. */
export interface Square {
  readonly kind: "Square";
  /** Along. @maxLength 5 */
  readonly size: string;
}
