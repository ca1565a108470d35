// What can go wrong in a function, and how it reaches the caller.
import { PlatformError } from "#api/base/index.ts";

/** Codes of {@link FunctionError}; each is a ResponseStatus of the wire. */
export type FunctionErrorCode = "INVALID_REQUEST" | "APP_ERROR" | "SYSTEM_ERROR";

/**
 * Thrown by a handler to answer with that status and `message` as payload: INVALID_REQUEST is the
 * caller's fault (400), APP_ERROR a refusal of the function (422), SYSTEM_ERROR trouble (502).
 */
export class FunctionError extends PlatformError {
  override readonly name = "FunctionError";
  override readonly code: FunctionErrorCode;

  constructor(code: FunctionErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Codes of {@link ObjectError}. */
export type ObjectErrorCode =
  | "VERSION_MISMATCH"
  | "NOT_FOUND"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "UNAVAILABLE"
  | "RESOURCE_EXHAUSTED"
  | "WRONG_PARTITION"
  | "FAILED";

/**
 * A call of the data service that failed. `retry` says whether the same call may be tried again.
 */
export class ObjectError extends PlatformError {
  override readonly name = "ObjectError";
  override readonly code: ObjectErrorCode;

  constructor(
    code: ObjectErrorCode,
    message: string,
    options: ConstructorParameters<typeof PlatformError>[1],
  ) {
    super(message, options);
    this.code = code;
  }
}
