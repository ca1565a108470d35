/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "defaultsthatareinvalids", singular: "defaultsthatareinvalid", scope: "Namespaced"}
 */
export interface DefaultsThatAreInvalid {
  readonly spec: DefaultsThatAreInvalidSpec;
}

/** What it is. */
export interface DefaultsThatAreInvalidSpec {
  /** Wrong type. @default 12 @maxLength 9 */
  readonly type?: string;
  /** Not in the enum. @default "C" */
  readonly word?: "A" | "B";
  /** Breaks the pattern. @default "y" @pattern ^x @maxLength 9 */
  readonly pattern?: string;
  /** Pruned. @default {"other": "z"} */
  readonly inner?: BadInner;
  /** Needless. @default "A" */
  readonly required: "A" | "B";
}

/** Inner. */
export interface BadInner {
  /** A name. @maxLength 9 */
  readonly name?: string;
}
