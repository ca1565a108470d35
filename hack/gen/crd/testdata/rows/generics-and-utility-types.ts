/**
 * A kind.
 *
 * @crd {group: "rows.example.com", version: "v1", plural: "genericsandutilitytypess", singular: "genericsandutilitytypes", scope: "Namespaced"}
 */
export interface GenericsAndUtilityTypes {
  readonly spec: GenericsAndUtilityTypesSpec;
}

/** What it is. */
export interface GenericsAndUtilityTypesSpec extends Base {
  /** A box of words. */
  readonly box?: Box<Word>;
  /** Nothing is required. */
  readonly partial?: Partial<Pair>;
  /** One of two. */
  readonly picked?: Pick<Pair, "left">;
  /** By name. @maxProperties 3 */
  readonly record?: Record<string, Word>;
  /** Both at once. */
  readonly both?: Pair & Base;
}

/** Inherited. */
export interface Base {
  /** From the base. @maxLength 7 */
  readonly base?: string;
}

/** A box. */
export interface Box<T> {
  /** What is in it. */
  readonly value: T;
}

/** A pair. */
export interface Pair {
  /** Left. @maxLength 9 */
  readonly left: string;
  /** Right. @maxLength 9 */
  readonly right: string;
}

/** A word. @maxLength 5 */
export type Word = string;
