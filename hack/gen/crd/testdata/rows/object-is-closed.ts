/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "objectiscloseds", singular: "objectisclosed", scope: "Namespaced"}
 */
export interface ObjectIsClosed {
  readonly spec: ObjectIsClosedSpec;
}

/** What it is. */
export interface ObjectIsClosedSpec {
  /** Nothing says additionalProperties: false. */
  readonly inner?: { /* a plain comment is fine */ readonly name?: "A" };
}
