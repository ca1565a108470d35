/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "jsdoconthelineofthebraces", singular: "jsdoconthelineofthebrace", scope: "Namespaced"}
 */
export interface JsdocOnTheLineOfTheBrace {
  readonly spec: JsdocOnTheLineOfTheBraceSpec;
}

/** What it is. */
export interface JsdocOnTheLineOfTheBraceSpec {
  /** Inner. */
  readonly inner?: Dropped;
}

/** Dropped. */
export interface Dropped { /** Vanishes. @minLength 1 @maxLength 9 */
  readonly name?: string;
}
