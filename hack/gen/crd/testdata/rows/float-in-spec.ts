/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "floatinspecs", singular: "floatinspec", scope: "Namespaced"}
 */
export interface FloatInSpec {
  readonly spec: FloatInSpecSpec;
}

/** What it is. */
export interface FloatInSpecSpec {
  /** Not exact. */
  readonly ratio?: number;
}
