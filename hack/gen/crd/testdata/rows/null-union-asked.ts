/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "nullunionaskeds", singular: "nullunionasked", scope: "Namespaced"}
 */
export interface NullUnionAsked {
  readonly spec: NullUnionAskedSpec;
}

/** What it is. */
export interface NullUnionAskedSpec {
  /** Or null. @maxLength 9 @nullable */
  readonly text?: string | null;
  /** Or null. @nullable */
  readonly inner?: AskedInner | null;
  /** Or null. @nullable */
  readonly word?: "A" | null;
}

/** Inner. */
export interface AskedInner {
  readonly a?: "A";
}
