/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "integerss", singular: "integers", scope: "Namespaced"}
 */
export interface Integers {
  readonly spec: IntegersSpec;
}

/** What it is. */
export interface IntegersSpec {
  /** Bounded. @asType integer @format int64 @minimum 0 @maximum 9007199254740991 */
  readonly bytes?: number;
}
