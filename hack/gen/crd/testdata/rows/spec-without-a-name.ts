/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "specwithoutanames", singular: "specwithoutaname", scope: "Namespaced"}
 */
export interface SpecWithoutAName {
  readonly spec: { readonly a: "A" };
}
