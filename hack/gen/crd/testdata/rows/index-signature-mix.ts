/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "indexsignaturemixs", singular: "indexsignaturemix", scope: "Namespaced"}
 */
export interface IndexSignatureMix {
  readonly spec: IndexSignatureMixSpec;
}

/** What it is. */
export interface IndexSignatureMixSpec {
  /** Mixed. */
  readonly mixed?: Mix;
}

/** Mixed. */
export interface Mix {
  readonly named?: "A";
  readonly [key: string]: "A" | undefined;
}
