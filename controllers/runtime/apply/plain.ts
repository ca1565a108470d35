// What the API server will be sent is JSON, and so must be what is compared with its answers.

/**
 * What JSON would carry of `value`: no undefined members, no prototypes. Shares everything with it
 * where it carries all of it, as nearly always; a copy otherwise. Never change the result.
 */
export function plain<T extends object>(value: T): T {
  return isPlain(value) ? value : (JSON.parse(JSON.stringify(value)) as T);
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      return value === null || (Array.isArray(value) ? isPlainList(value) : isPlainMap(value));
    default:
      return false;
  }
}

function isPlainList(value: readonly unknown[]): boolean {
  // Not `every`, which does not see holes.
  for (const item of value) if (!isPlain(item)) return false;
  return true;
}

function isPlainMap(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key of Object.keys(value)) {
    if (key === "toJSON" || !isPlain((value as Record<string, unknown>)[key])) return false;
  }
  return true;
}
