/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "defaultss", singular: "defaults", scope: "Namespaced"}
 */
export interface Defaults {
  readonly spec: DefaultsSpec;
}

/** What it is. */
export interface DefaultsSpec {
  /** A word. @default "B" */
  readonly word?: "A" | "B";
  /** A name. @default "x-1" @pattern ^x-[0-9]$ @maxLength 9 */
  readonly name?: string;
  /** An object. @default {"name": "y"} */
  readonly inner?: DefaultInner;
}

/** Inner. */
export interface DefaultInner {
  /** A name. @maxLength 9 */
  readonly name: string;
}
