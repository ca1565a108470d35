/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "integerwithoutboundss", singular: "integerwithoutbounds", scope: "Namespaced"}
 */
export interface IntegerWithoutBounds {
  readonly spec: IntegerWithoutBoundsSpec;
}

/** What it is. */
export interface IntegerWithoutBoundsSpec {
  /** Formless. @asType integer */
  readonly formless?: number;
  /** Beyond. @asType integer @format int64 @minimum 0 @maximum 9007199254740993 */
  readonly beyond?: number;
}
