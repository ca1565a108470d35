/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "unknowntags", singular: "unknowntag", scope: "Namespaced"}
 */
export interface UnknownTag {
  readonly spec: UnknownTagSpec;
}

/** What it is. */
export interface UnknownTagSpec {
  /**
   * Misspelt.
   *
   * @maxlength 9
   */
  readonly name?: string;
}
