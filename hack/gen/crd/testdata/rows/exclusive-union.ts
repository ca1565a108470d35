/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "exclusiveunions", singular: "exclusiveunion", scope: "Namespaced"}
 */
export interface ExclusiveUnion {
  readonly spec: ExclusiveUnionSpec;
}

/** What it is. */
export interface ExclusiveUnionSpec {
  /** Where it comes from. */
  readonly volume: Volume;
}

/** One of some. */
export type Volume = FromMap | FromSecret;

/** From a map. */
export interface FromMap {
  /** Its name. @maxLength 63 */
  readonly mapName: string;
  /** Whether it must be there. */
  readonly optional?: boolean;
}

/** From a secret. */
export interface FromSecret {
  /** Its name. @maxLength 63 */
  readonly secretName: string;
}
