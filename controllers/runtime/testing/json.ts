// JSON values that never change: every part is frozen, and a new state shares what it has in common
// with the old one. So a stored object is handed out without a copy, and most comparisons end at the
// first identity.

/** Plain JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** Everything that {@link frozen} has made; shallowly frozen objects of others are not in it. */
const known = new WeakSet();

/** A frozen copy of what JSON would carry of `value`; parts that came from here are shared. */
export function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || known.has(value)) return value;
  const copy = Array.isArray(value) ? value.map(element) : fields(value);
  known.add(copy);
  return Object.freeze(copy) as T;
}

function element(value: unknown): unknown {
  return value === undefined ? null : frozen(value);
}

function fields(value: object): object {
  const { toJSON } = value as { readonly toJSON?: () => unknown };
  if (toJSON !== undefined) return frozen(toJSON.call(value)) as object;
  const copy: Record<string, unknown> = {};
  for (const key in value) {
    const part = (value as Json)[key];
    if (part !== undefined) copy[key] = frozen(part);
  }
  return copy;
}

/** True if both are the same JSON; the order of fields does not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, at) => sameJson(item, b[at]));
  }
  if (Array.isArray(b)) return false;
  const left = a as Json;
  const right = b as Json;
  let count = 0;
  for (const key in left) {
    if (!(key in right) || !sameJson(left[key], right[key])) return false;
    count += 1;
  }
  for (const _key in right) count -= 1;
  return count === 0;
}

/** True for an object that is no list. */
export function isMap(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** RFC 7396. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return frozen(patch);
  const merged: Record<string, unknown> = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return frozen(merged);
}

/** What RFC 6902 leads to; undefined if a test fails or a path is not there. */
export function jsonPatch(target: Json, operations: readonly Json[]): Json | undefined {
  let result: unknown = target;
  for (const operation of operations) {
    const next = operated(result, operation);
    if (next === undefined) return undefined;
    result = next.value;
  }
  return frozen(result) as Json;
}

/** The document after one operation; undefined if it cannot be done. */
function operated(document: unknown, operation: Json): { readonly value: unknown } | undefined {
  const path = stepsOf(operation["path"]);
  const { op } = operation;
  if (op !== "move" && op !== "copy") {
    const change = changeOf(operation);
    return change === undefined ? undefined : changeAt(document, path, change);
  }
  const from = stepsOf(operation["from"]);
  const moved = valueAt(document, from);
  if (moved === undefined) return undefined;
  const left = op === "move" ? changeAt(document, from, REMOVE) : { value: document };
  return left === undefined ? undefined : changeAt(left.value, path, add(moved));
}

function stepsOf(path: unknown): readonly string[] {
  return String(path)
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function valueAt(document: unknown, path: readonly string[]): unknown {
  return path.reduce(
    (holder, step) =>
      Array.isArray(holder)
        ? (holder as readonly unknown[])[Number(step)]
        : isMap(holder)
          ? holder[step]
          : undefined,
    document,
  );
}

/** The new value at a place; `value: undefined` removes it. */
type PlaceChange = (
  old: unknown,
  there: boolean,
) => { readonly value: unknown; readonly insert?: boolean } | undefined;

const REMOVE: PlaceChange = (_old, there) => (there ? { value: undefined } : undefined);

function add(value: unknown): PlaceChange {
  return () => ({ value, insert: true });
}

function changeOf(operation: Json): PlaceChange | undefined {
  const value = operation["value"];
  switch (operation["op"]) {
    case "test":
      // The server takes what is not there for null.
      return (old, there) => (sameJson(there ? old : null, value) ? { value: old } : undefined);
    case "remove":
      return REMOVE;
    case "replace":
      return (_old, there) => (there ? { value } : undefined);
    case "add":
      return add(value);
    default:
      return undefined;
  }
}

function changeAt(
  holder: unknown,
  path: readonly string[],
  change: PlaceChange,
): { readonly value: unknown } | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return change(holder, true);
  if (Array.isArray(holder)) return changeList(holder, step, rest, change);
  if (!isMap(holder)) return undefined;
  const next =
    rest.length === 0 ? change(holder[step], step in holder) : changeAt(holder[step], rest, change);
  if (next === undefined) return undefined;
  if (next.value === holder[step] && step in holder) return { value: holder };
  const { [step]: _old, ...others } = holder;
  return { value: next.value === undefined ? others : { ...holder, [step]: next.value } };
}

function changeList(
  list: readonly unknown[],
  step: string,
  rest: readonly string[],
  change: PlaceChange,
): { readonly value: unknown } | undefined {
  const at = step === "-" ? list.length : Number(step);
  if (!Number.isInteger(at) || at < 0 || at > list.length) return undefined;
  const there = at < list.length;
  if (rest.length > 0) {
    const next = changeAt(list[at], rest, change);
    return next === undefined ? undefined : { value: list.with(at, next.value) };
  }
  const next = change(list[at], there);
  if (next === undefined) return undefined;
  if (next.value === undefined) return { value: list.toSpliced(at, 1) };
  return {
    value: next.insert === true ? list.toSpliced(at, 0, next.value) : list.with(at, next.value),
  };
}
