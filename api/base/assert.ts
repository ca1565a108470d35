// Bugs, as opposed to outcomes and failures: an assertion that does not hold ends the process.

/** Thrown when the program itself is wrong. Never caught to go on; stays on in production. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Guarantees `condition` afterwards. Throws {@link AssertionError} with `message` otherwise. */
export function assert(condition: unknown, message: string): asserts condition {
  if (condition !== true && !condition) throw new AssertionError(message);
}

/** The end of an exhaustive switch; a value that gets here is a bug. */
export function assertNever(value: never): never {
  throw new AssertionError(`unexpected value: ${JSON.stringify(value)}`);
}
