/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "referencesareinlineds", singular: "referencesareinlined", scope: "Namespaced"}
 */
export interface ReferencesAreInlined {
  readonly spec: ReferencesAreInlinedSpec;
}

/** What it is. */
export interface ReferencesAreInlinedSpec {
  /** Told at the place of use. @default {"name": "x"} */
  readonly told?: Named;
  readonly untold?: Named;
}

/** Told at the type. */
export interface Named {
  /** Its name. @maxLength 9 */
  readonly name?: string;
}
