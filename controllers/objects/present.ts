// Under server-side apply an absent field and a field that is undefined are different things
// (absent = not ours), and the compiler keeps them apart. This is the one way from "maybe there" to
// "absent".

/** `T` without the keys that may be undefined; those become optional. */
export type Present<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** A shallow copy of `value` without the keys whose value is undefined, in the same order. */
export function present<T extends object>(value: T): Present<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined),
  ) as Present<T>; // the filter is what the type says
}

/** `list`, or undefined if it is empty or not there: an empty list is a claim on the field. */
export function nonEmpty<T>(list: readonly T[] | undefined): T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : [...list];
}

/** `map` with its keys sorted, or undefined if it is empty or not there. */
export function nonEmptyMap(
  map: Readonly<Record<string, string>> | undefined,
): Record<string, string> | undefined {
  if (map === undefined) return undefined;
  const keys = Object.keys(map).sort(compareText);
  return keys.length === 0 ? undefined : Object.fromEntries(keys.map((k) => [k, map[k] ?? ""]));
}

/** Order of UTF-16 code units: the same on every machine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
