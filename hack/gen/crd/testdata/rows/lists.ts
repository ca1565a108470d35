/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "listss", singular: "lists", scope: "Namespaced"}
 */
export interface Lists {
  readonly spec: ListsSpec;
}

/** What it is. */
export interface ListsSpec {
  /** Replaced as a whole. @maxItems 3 @x-kubernetes-list-type atomic */
  readonly whole?: readonly "A"[];
  /** Each once. @maxItems 3 @x-kubernetes-list-type set */
  readonly set?: readonly Word[];
  /** By name. @maxItems 3 @x-kubernetes-list-type map @x-kubernetes-list-map-keys ["name", "port"] */
  readonly map?: readonly Port[];
}

/** @maxLength 9 */
export type Word = string;

/** A port. */
export interface Port {
  /** Key. @maxLength 9 */
  readonly name: string;
  /** Key. @default "Http" */
  readonly port?: "Http" | "Grpc";
}
