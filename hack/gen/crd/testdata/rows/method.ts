/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "methods", singular: "method", scope: "Namespaced"}
 */
export interface Method {
  readonly spec: MethodSpec;
}

/** What it is. */
export interface MethodSpec {
  /** Does something. */
  readonly run?: () => void;
}
