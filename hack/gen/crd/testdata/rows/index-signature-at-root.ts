/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "indexsignatureatroots", singular: "indexsignatureatroot", scope: "Namespaced"}
 */
export interface IndexSignatureAtRoot {
  readonly spec: IndexSignatureAtRootSpec;
  readonly [key: string]: unknown;
}

/** What it is. */
export interface IndexSignatureAtRootSpec {
  readonly a?: "A";
}
