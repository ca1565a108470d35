/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "recursivetypes", singular: "recursivetype", scope: "Namespaced"}
 */
export interface RecursiveType {
  readonly spec: RecursiveTypeSpec;
}

/** What it is. */
export interface RecursiveTypeSpec {
  /** The tree. */
  readonly tree?: Branch;
}

/** A tree. */
export interface Branch {
  /** Below. @maxItems 3 @x-kubernetes-list-type atomic */
  readonly children?: readonly Branch[];
}
