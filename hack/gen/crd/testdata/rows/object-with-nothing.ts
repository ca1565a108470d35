/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "objectwithnothings", singular: "objectwithnothing", scope: "Namespaced"}
 */
export interface ObjectWithNothing {
  readonly spec: ObjectWithNothingSpec;
}

/** What it is. */
export interface ObjectWithNothingSpec {
  /** Nothing. */
  readonly nothing?: object;
  /** Nothing. */
  readonly empty?: {};
}
