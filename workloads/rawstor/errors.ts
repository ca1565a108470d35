// Failures of the Rawstor client.
import type { Retry } from "#api/base/index.ts";
import { PlatformError } from "#api/base/index.ts";
import { errno } from "#workloads/core/ost/index.ts";

/**
 * - RAWSTOR_UNREACHABLE: no connection, or it broke, and the attempts are used up.
 * - RAWSTOR_TIMEOUT: no answer in time, and the attempts are used up.
 * - RAWSTOR_PROTOCOL: the peer does not speak the protocol.
 * - RAWSTOR_BUSY: the target answered EBUSY until the attempts were used up.
 * - RAWSTOR_IO: the target's disk failed, or a block does not match its checksum (EIO).
 * - RAWSTOR_NO_SPACE: beyond the end of the object, or the target is full.
 * - RAWSTOR_NOT_FOUND: the object is gone.
 * - RAWSTOR_REFUSED: any other errno; see the message.
 * - RAWSTOR_IN_DOUBT: a connection broke after unsynced writes, which the target may have lost; the
 *   next flush fails once with this, as fsync does. Write them again.
 * - RAWSTOR_CLOSED: the caller closed the client or object.
 */
export type RawstorErrorCode =
  | "RAWSTOR_UNREACHABLE"
  | "RAWSTOR_TIMEOUT"
  | "RAWSTOR_PROTOCOL"
  | "RAWSTOR_BUSY"
  | "RAWSTOR_IO"
  | "RAWSTOR_NO_SPACE"
  | "RAWSTOR_NOT_FOUND"
  | "RAWSTOR_REFUSED"
  | "RAWSTOR_IN_DOUBT"
  | "RAWSTOR_CLOSED";

/** An operation on a target failed for good: what can be retried has been. */
export class RawstorError extends PlatformError {
  override readonly name = "RawstorError";
  override readonly code: RawstorErrorCode;

  constructor(
    code: RawstorErrorCode,
    message: string,
    options?: { readonly retry?: Retry; readonly cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
  }
}

const codes: Readonly<Record<number, RawstorErrorCode>> = {
  [errno.EIO]: "RAWSTOR_IO",
  [errno.ENOSPC]: "RAWSTOR_NO_SPACE",
  [errno.ENOENT]: "RAWSTOR_NOT_FOUND",
  [errno.EBUSY]: "RAWSTOR_BUSY",
};

/** The failure that a negative `result` of `what` stands for. */
export function errorOfResult(what: string, result: number): RawstorError {
  const name = Object.entries(errno).find(([, value]) => value === -result)?.[0];
  const code = codes[-result] ?? "RAWSTOR_REFUSED";
  return new RawstorError(code, `${what}: ${name ?? `errno ${String(-result)}`}`);
}
