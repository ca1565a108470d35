/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "liststhatarewrongs", singular: "liststhatarewrong", scope: "Namespaced"}
 */
export interface ListsThatAreWrong {
  readonly spec: ListsThatAreWrongSpec;
}

/** What it is. */
export interface ListsThatAreWrongSpec {
  /** No type. @maxItems 3 */
  readonly none?: readonly "A"[];
  /** Objects. @maxItems 3 @x-kubernetes-list-type set */
  readonly set?: readonly Thing[];
  /** No keys. @maxItems 3 @x-kubernetes-list-type map */
  readonly keyless?: readonly Thing[];
  /** Not required. @maxItems 3 @x-kubernetes-list-type map @x-kubernetes-list-map-keys ["name"] */
  readonly optional?: readonly Thing[];
  /** Unknown. @maxItems 3 @x-kubernetes-list-type map @x-kubernetes-list-map-keys ["other"] */
  readonly unknown?: readonly Thing[];
}

/** A thing. */
export interface Thing {
  /** Key. @maxLength 9 */
  readonly name?: string;
}
