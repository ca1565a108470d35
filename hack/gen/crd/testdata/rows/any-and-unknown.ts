/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "anyandunknowns", singular: "anyandunknown", scope: "Namespaced"}
 */
export interface AnyAndUnknown {
  readonly spec: AnyAndUnknownSpec;
}

/** What it is. */
export interface AnyAndUnknownSpec {
  /** Anything. */
  readonly any?: any;
  /** Anything. */
  readonly unknown?: unknown;
}
