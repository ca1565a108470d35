/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "uniqueitemss", singular: "uniqueitems", scope: "Namespaced"}
 */
export interface UniqueItems {
  readonly spec: UniqueItemsSpec;
}

/** What it is. */
export interface UniqueItemsSpec {
  /** All different. @maxItems 3 @uniqueItems true @x-kubernetes-list-type atomic */
  readonly words?: readonly ("A" | "B")[];
}
