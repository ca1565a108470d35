/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "stringliteralunions", singular: "stringliteralunion", scope: "Namespaced"}
 */
export interface StringLiteralUnion {
  readonly spec: StringLiteralUnionSpec;
}

/** What it is. */
export interface StringLiteralUnionSpec {
  /** One of. */
  readonly mode?: "One" | "Two" | Further;
}

export type Further = "ClusterIP" | "IPv4" | "64Mi";
