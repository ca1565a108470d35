/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "constbecomesenums", singular: "constbecomesenum", scope: "Namespaced"}
 */
export interface ConstBecomesEnum {
  readonly spec: ConstBecomesEnumSpec;
}

/** What it is. */
export interface ConstBecomesEnumSpec {
  /** Always the same. */
  readonly mode?: "Only";
}
