/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "unknownformats", singular: "unknownformat", scope: "Namespaced"}
 */
export interface UnknownFormat {
  readonly spec: UnknownFormatSpec;
}

/** What it is. */
export interface UnknownFormatSpec {
  /** Ignored. @format colour @maxLength 9 */
  readonly colour?: string;
  /** Known. @format ipv4 @maxLength 15 */
  readonly address?: string;
}
