/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "nospecs", singular: "nospec", scope: "Namespaced"}
 */
export interface NoSpec {
  readonly data?: "A";
}
