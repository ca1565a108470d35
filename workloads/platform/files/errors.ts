// Failures of the file layer.
import { errorMessage, PlatformError } from "#api/base/index.ts";

/** FILES_IO: the system refused, see the message. FILES_NO_SPACE: the disk is full. */
export type FilesErrorCode = "FILES_IO" | "FILES_NO_SPACE" | "FILES_UNSUPPORTED";

/** A file operation failed. Never retried: what is on the disk is unknown after it. */
export class FilesError extends PlatformError {
  override readonly name = "FilesError";
  override readonly code: FilesErrorCode;

  constructor(code: FilesErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** The given error as a {@link FilesError}; ENOSPC and EDQUOT become FILES_NO_SPACE. */
export function toFilesError(what: string, cause: unknown): FilesError {
  if (cause instanceof FilesError) return cause;
  const code = hasCode(cause) ? String(cause.code) : "";
  const message = errorMessage(cause);
  const full = code === "ENOSPC" || code === "EDQUOT";
  return new FilesError(full ? "FILES_NO_SPACE" : "FILES_IO", `${what}: ${message}`, cause);
}

/** True of a file operation that failed because there is no such file. */
export function isNoSuchFile(cause: unknown): boolean {
  return hasCode(cause) && cause.code === "ENOENT";
}

/** Does it name its kind, as errors of Node do? Not `instanceof`: they may be of another realm. */
function hasCode(cause: unknown): cause is { readonly code: unknown } {
  return typeof cause === "object" && cause !== null && "code" in cause;
}
