/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "floatinstatuss", singular: "floatinstatus", scope: "Namespaced"}
 */
export interface FloatInStatus {
  readonly spec: FloatInStatusSpec;
  readonly status?: FloatInStatusStatus;
}

/** What it is. */
export interface FloatInStatusSpec {
  readonly a?: "A";
}

/** What was seen. */
export interface FloatInStatusStatus {
  /** Measured. @format double */
  readonly load?: number;
}
