/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "typeerrors", singular: "typeerror", scope: "Namespaced"}
 */
export interface TypeError {
  readonly spec: TypeErrorSpec;
}

/** What it is. */
export interface TypeErrorSpec {
  readonly a?: Missing;
}
