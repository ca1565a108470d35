/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "nullunions", singular: "nullunion", scope: "Namespaced"}
 */
export interface NullUnion {
  readonly spec: NullUnionSpec;
}

/** What it is. */
export interface NullUnionSpec {
  /** Or null. @maxLength 9 */
  readonly text?: string | null;
  /** Or null. */
  readonly inner?: NullInner | null;
  /** Or null. */
  readonly word?: "A" | null;
}

/** Inner. */
export interface NullInner {
  readonly a?: "A";
}
