/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "enumcasings", singular: "enumcasing", scope: "Namespaced"}
 */
export interface EnumCasing {
  readonly spec: EnumCasingSpec;
}

/** What it is. */
export interface EnumCasingSpec {
  /** Not ours. */
  readonly lower?: "lower" | "Upper";
  /** Not ours. */
  readonly shouted?: "NOT_OURS";
  /** Not quoted. */
  readonly quoted?: "Off" | "Always";
  /** A number. */
  readonly numeric?: 1 | 2;
}
