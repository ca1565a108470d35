// A kind with one of everything that is turned into something.

/**
 * A size.
 *
 * @x-kubernetes-int-or-string
 * @maxLength 32
 */
export type Size = string | number;

/**
 * @asType integer
 * @format int32
 * @minimum 0
 * @maximum 100
 */
export type Percent = number;

/**
 * A thing.
 *
 * @crd {group: "t.io", version: "v1", plural: "goods", singular: "good", shortNames: ["gd"], categories: ["t"], scope: "Namespaced"}
 * @printcolumns [{name: "Ready", condition: "Ready"}, {name: "Why", condition: "Ready", field: "reason", priority: 1}]
 * @scale {specReplicasPath: ".spec.count", statusReplicasPath: ".status.count"}
 * @selectable [".spec.kind"]
 */
export interface Good {
  readonly spec: GoodSpec;
  readonly status?: GoodStatus;
}

/**
 * What it is.
 *
 * @immutable [{field: "kind", default: "A", mend: "make another"}, {field: "inner.size", or: ["size"], default: "1Gi", mend: "make another"}]
 * @growonly [{field: "size", default: "1Gi", mend: "copy it"}]
 */
export interface GoodSpec {
  /** Site wins over {@link Percent}. @maximum 50 */
  readonly count?: Percent;
  /** One letter. */
  readonly kind?: Letter;
  /** Both unions. */
  readonly both?: Letter | "Z";
  /** How big. */
  readonly size?: Size;
  /** Inner. @x-kubernetes-validations [{rule: "self.name != 'b'", message: "not b"}] */
  readonly inner?: Inner;
  /** By name. @maxItems 3 @x-kubernetes-list-type map @x-kubernetes-list-map-keys ["name"] */
  readonly list?: readonly Inner[];
  /** Labels. @maxProperties 3 */
  readonly labels?: { readonly [key: string]: string };
  /** Whatever. @x-kubernetes-preserve-unknown-fields */
  readonly blob?: unknown;
}

export type Letter = "A" | "B";

/**
 * Inner thing.
 *
 * @x-kubernetes-validations [{rule: "self.name != 'a'", message: "not a"}]
 */
export interface Inner {
  /** Name. @maxLength 5 */
  readonly name: string;
  /** Size. */
  readonly size?: Size;
}

/** What was seen. */
export interface GoodStatus {
  /** Count. */
  readonly count?: Percent;
}
