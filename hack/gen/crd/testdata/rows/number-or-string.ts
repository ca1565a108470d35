/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "numberorstrings", singular: "numberorstring", scope: "Namespaced"}
 */
export interface NumberOrString {
  readonly spec: NumberOrStringSpec;
}

/** What it is. */
export interface NumberOrStringSpec {
  /** Either. @maxLength 9 */
  readonly either?: number | string;
}
