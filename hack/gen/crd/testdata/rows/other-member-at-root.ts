/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "othermemberatroots", singular: "othermemberatroot", scope: "Namespaced"}
 */
export interface OtherMemberAtRoot {
  readonly spec: OtherMemberAtRootSpec;
  readonly data?: "A";
}

/** What it is. */
export interface OtherMemberAtRootSpec {
  readonly a?: "A";
}
