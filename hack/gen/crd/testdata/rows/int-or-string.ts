/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "intorstrings", singular: "intorstring", scope: "Namespaced"}
 */
export interface IntOrString {
  readonly spec: IntOrStringSpec;
}

/** What it is. */
export interface IntOrStringSpec {
  /** Either. @x-kubernetes-int-or-string @maxLength 9 */
  readonly either?: number | string;
}
