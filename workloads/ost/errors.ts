// Failures of the target, and what the wire says about them.
import type { OstRefusal } from "#api/workload/ost.ts";
import { PlatformError } from "#api/base/index.ts";
import { errno } from "#workloads/core/ost/index.ts";
import { FilesError } from "#workloads/platform/files/index.ts";

/** The disk is not ours to serve; the process ends with the exit code of `reason`. */
export class DiskRefusedError extends PlatformError {
  override readonly name = "DiskRefusedError";
  override readonly code = "OST_DISK_REFUSED";
  readonly reason: OstRefusal;

  constructor(reason: OstRefusal, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/**
 * OST_CHECKSUM: bytes on the disk are not those that were written. OST_FAILED: an earlier sync
 * failed, so that what is on the disk is unknown. OST_RELEASED: the object is gone. OST_DAMAGED:
 * the object's header cannot be read.
 */
export type OstErrorCode = "OST_CHECKSUM" | "OST_FAILED" | "OST_RELEASED" | "OST_DAMAGED";

/** An operation of the store failed. */
export class OstError extends PlatformError {
  override readonly name = "OstError";
  override readonly code: OstErrorCode;

  constructor(code: OstErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

const errnoOf = {
  OST_CHECKSUM: errno.EIO,
  OST_FAILED: errno.EIO,
  OST_RELEASED: errno.ENOENT,
  OST_DAMAGED: errno.EIO,
  FILES_IO: errno.EIO,
  FILES_NO_SPACE: errno.ENOSPC,
  FILES_UNSUPPORTED: errno.ENOSYS,
} satisfies Record<OstErrorCode | FilesError["code"], number>;

/** Negated errno of a known failure; anything else is a bug and thrown again. */
export function resultOf(cause: unknown): number {
  if (cause instanceof OstError || cause instanceof FilesError) return -errnoOf[cause.code];
  throw cause;
}
