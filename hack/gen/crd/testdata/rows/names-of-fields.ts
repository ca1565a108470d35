/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "namesoffieldss", singular: "namesoffields", scope: "Namespaced"}
 */
export interface NamesOfFields {
  readonly spec: NamesOfFieldsSpec;
}

/** What it is. */
export interface NamesOfFieldsSpec {
  /** Not camelCase. */
  readonly snake_case?: "A";
  /** No string in YAML 1.1. */
  readonly on?: "A";
}
