/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "enumofforeignwordss", singular: "enumofforeignwords", scope: "Namespaced"}
 */
export interface EnumOfForeignWords {
  readonly spec: EnumOfForeignWordsSpec;
}

/** What it is. */
export interface EnumOfForeignWordsSpec {
  /** As Go writes it. @anyCase */
  readonly arch?: "amd64" | "arm64";
  /** As IANA writes it. @anyCase */
  readonly protocol?: "TCP" | "UDP";
}
