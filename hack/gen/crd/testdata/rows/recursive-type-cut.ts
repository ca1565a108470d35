/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "recursivetypecuts", singular: "recursivetypecut", scope: "Namespaced"}
 */
export interface RecursiveTypeCut {
  readonly spec: RecursiveTypeCutSpec;
}

/** What it is. */
export interface RecursiveTypeCutSpec {
  /** The tree. */
  readonly tree?: CutBranch;
}

/** A tree. @recursionDepth 2 */
export interface CutBranch {
  /** Below. @maxItems 3 @x-kubernetes-list-type atomic */
  readonly children?: readonly CutBranch[];
}
