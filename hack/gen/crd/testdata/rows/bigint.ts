/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "bigints", singular: "bigint", scope: "Namespaced"}
 */
export interface Bigint {
  readonly spec: BigintSpec;
}

/** What it is. */
export interface BigintSpec {
  /** Big. */
  readonly big?: bigint;
}
