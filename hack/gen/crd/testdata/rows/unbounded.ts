/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "unboundeds", singular: "unbounded", scope: "Namespaced"}
 */
export interface Unbounded {
  readonly spec: UnboundedSpec;
}

/** What it is. */
export interface UnboundedSpec {
  /** Any length. */
  readonly text?: string;
  /** Any length. @x-kubernetes-list-type atomic */
  readonly list?: readonly "A"[];
  /** Any length. */
  readonly map?: { readonly [key: string]: "A" };
}
