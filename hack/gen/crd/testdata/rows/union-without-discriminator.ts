/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "unionwithoutdiscriminators", singular: "unionwithoutdiscriminator", scope: "Namespaced"}
 */
export interface UnionWithoutDiscriminator {
  readonly spec: UnionWithoutDiscriminatorSpec;
}

/** What it is. */
export interface UnionWithoutDiscriminatorSpec {
  /** Either. */
  readonly pet?: Cat | Dog;
}

/** Cat. */
export interface Cat {
  readonly name?: "A";
}

/** Dog. */
export interface Dog {
  readonly name?: "B";
}
