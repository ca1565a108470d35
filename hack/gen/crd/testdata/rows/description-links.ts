/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "descriptionlinkss", singular: "descriptionlinks", scope: "Namespaced"}
 */
export interface DescriptionLinks {
  readonly spec: DescriptionLinksSpec;
}

/** What it is. */
export interface DescriptionLinksSpec {
  /** See {@link Small}, {@linkcode Small | the number} and more.
   *  On two lines. */
  readonly small?: Small;
}

/**
 * A small number.
 *
 * @asType integer
 * @format int32
 * @minimum 0
 * @maximum 9
 */
export type Small = number;
