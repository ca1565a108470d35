/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "unknownbytags", singular: "unknownbytag", scope: "Namespaced"}
 */
export interface UnknownByTag {
  readonly spec: UnknownByTagSpec;
}

/** What it is. */
export interface UnknownByTagSpec {
  /** Anything. @x-kubernetes-preserve-unknown-fields */
  readonly values?: unknown;
}
