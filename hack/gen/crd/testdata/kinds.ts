// One kind per construct that a CRD cannot have. The test compares line numbers: keep the order.

/** D. @asType integer @format int32 @minimum 0 @maximum 9 */
export type Small = number;

/** D. @crd {group: "t.io", version: "v1", plural: "bads", singular: "bad", shortNames: [], categories: [], scope: "Cluster"} */
export interface Bad {
  readonly spec: BadSpec;
  readonly status?: BadStatus;
}

/** D. */
export interface Node {
  /** D. @maxItems 3 @x-kubernetes-list-type atomic */
  readonly children?: readonly Node[];
}

/** D. */
export interface BadSpec {
  /** D. */
  readonly recursive?: Node;
  /** D. @maxLength 5 */
  readonly nullable?: string | null;
  /** D. @maxLength 5 */
  readonly numberOrString?: number | string;
  /** D. */
  readonly float?: number;
  /** D. */
  readonly big?: bigint;
  /** D. @asType integer @format int64 @minimum 0 @maximum 9007199254740993 */
  readonly beyond?: number;
  /** D. @asType integer */
  readonly formless?: number;
  /** D. */
  readonly tuple?: readonly [string, string];
  /** D. */
  readonly anything?: unknown;
  /** D. */
  readonly nothing?: {};
  /** D. */
  readonly mixed?: Mixed;
  /** D. */
  readonly union?: Cat | Dog;
  /** D. @maxItems 3 @uniqueItems @x-kubernetes-list-type atomic */
  readonly unique?: readonly Small[];
  /** D. @format colour @maxLength 5 */
  readonly format?: string;
  /** D. */
  readonly unbounded?: string;
  /** D. @x-kubernetes-list-type atomic */
  readonly long?: readonly Small[];
  /** D. @maxItems 3 */
  readonly listless?: readonly Small[];
  /** D. @maxItems 3 @x-kubernetes-list-type set */
  readonly set?: readonly Cat[];
  /** D. @maxItems 3 @x-kubernetes-list-type map @x-kubernetes-list-map-keys ["kind"] */
  readonly map?: readonly Keyed[];
  /** D. */
  readonly wide?: { readonly [key: string]: Small };
  /** D. */
  readonly lower?: "lower" | "Upper";
  /** D. */
  readonly upper?: "READ_YOUR_WRITE" | "NORMAL";
  /** D. */
  readonly mode?: "Off" | "Observe";
  /** D. */
  readonly snake_case?: Small;
  /** D. */
  readonly on?: Small;
  readonly undescribed?: boolean;
  /** D. @default 12 @maxLength 5 */
  readonly wrongDefault?: string;
  /** D. @maxItems 3 @x-kubernetes-list-type atomic */
  readonly transition?: readonly Held[];
  /** D. @maxLength 5 @x-kubernetes-validations [{rule: "true"}] */
  readonly mute?: string;
}

/** D. */
export interface BadStatus {}

/** D. */
export interface Mixed {
  /** D. */
  readonly named?: Small;
  readonly [key: string]: Small | undefined;
}

/** D. */
export interface Cat {
  readonly kind: "Cat";
}

/** D. */
export interface Dog {
  readonly kind: "Cat";
}

/** D. */
export interface Keyed {
  /** D. */
  readonly kind?: Small;
}

/** D. @x-kubernetes-validations [{rule: "self == oldSelf", message: "m"}] */
export interface Held {
  /** D. */
  readonly value: Small;
}
