/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "metadataatroots", singular: "metadataatroot", scope: "Namespaced"}
 * @x-kubernetes-validations [{rule: "self.metadata.name.size() <= 63", message: "metadata.name has at most 63 characters"}]
 */
export interface MetadataAtRoot {
  readonly apiVersion: string;
  readonly kind: string;
  /** Whatever the types say about it, the API server knows better. */
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> };
  readonly spec?: MetadataAtRootSpec;
}

/** What it is. */
export interface MetadataAtRootSpec {
  readonly a?: "A";
}
