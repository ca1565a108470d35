/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "tuples", singular: "tuple", scope: "Namespaced"}
 */
export interface Tuple {
  readonly spec: TupleSpec;
}

/** What it is. */
export interface TupleSpec {
  /** Two. */
  readonly pair?: readonly ["A", "B"];
}
