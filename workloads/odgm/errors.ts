// What can go wrong in odgm, as gRPC callers see it: one reason per cause, one status per reason.
import { status } from "@grpc/grpc-js";

import { errorMessage } from "#api/base/index.ts";
import type { FailureFields } from "#workloads/platform/index.ts";
import { GrpcFailure } from "#workloads/platform/index.ts";
import type { StoreErrorCode } from "#workloads/core/store/index.ts";
import { StoreError } from "#workloads/core/store/index.ts";

/** Machine-readable reasons, sent in the trailer `oaas-reason`. */
export const REASONS = {
  INVALID_REQUEST: status.INVALID_ARGUMENT,
  INVALID_OBJECT_ID: status.INVALID_ARGUMENT,
  INVALID_KEY: status.INVALID_ARGUMENT,
  INVALID_CURSOR: status.INVALID_ARGUMENT,
  INVALID_SPEC: status.INVALID_ARGUMENT,
  NO_CLASS: status.NOT_FOUND,
  NO_PARTITION: status.NOT_FOUND,
  NO_OBJECT: status.NOT_FOUND,
  NO_FUNCTION: status.NOT_FOUND,
  VERSION_MISMATCH: status.ABORTED,
  WRONG_PARTITION: status.FAILED_PRECONDITION,
  WRONG_MEMBER: status.FAILED_PRECONDITION,
  FUNCTION_DISABLED: status.FAILED_PRECONDITION,
  FUNCTION_URL: status.INTERNAL,
  CAS_NOT_LOCAL: status.FAILED_PRECONDITION,
  GENERATION_CONFLICT: status.FAILED_PRECONDITION,
  NOT_META_VOTER: status.FAILED_PRECONDITION,
  INCARNATION_MISMATCH: status.FAILED_PRECONDITION,
  STORE_FORMATTED: status.FAILED_PRECONDITION,
  UNSUPPORTED: status.UNIMPLEMENTED,
  CRDT_UNSUPPORTED: status.UNIMPLEMENTED,
  STRING_KEYS_DISABLED: status.UNIMPLEMENTED,
  STORAGE_FULL: status.RESOURCE_EXHAUSTED,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  STORE_EMPTY: status.UNAVAILABLE,
  STORE_FOREIGN: status.UNAVAILABLE,
  STORE_REFUSED: status.UNAVAILABLE,
  STORE_SUSPECT: status.UNAVAILABLE,
  STORE_DAMAGED: status.DATA_LOSS,
  NO_GENERATION: status.UNAVAILABLE,
  CLASS_DISABLED: status.UNAVAILABLE,
  SHARD_NOT_READY: status.UNAVAILABLE,
  STALE: status.UNAVAILABLE,
  CLOCK_SKEW: status.UNAVAILABLE,
  MEMBER_UNREACHABLE: status.UNAVAILABLE,
  SHUTTING_DOWN: status.UNAVAILABLE,
} as const satisfies Record<string, status> & Record<StoreErrorCode, status>;

/** One of {@link REASONS}. */
export type Reason = keyof typeof REASONS;

/** A failure with that reason and its status. */
export function refuse(reason: Reason, message: string, fields?: FailureFields): GrpcFailure {
  return new GrpcFailure(REASONS[reason], reason, message, fields);
}

/** Anything thrown while a call was answered, as its failure; a bug stays a bug and is INTERNAL. */
export function toFailure(cause: unknown): GrpcFailure {
  if (cause instanceof GrpcFailure) return cause;
  if (cause instanceof StoreError) return refuse(cause.code, cause.message, { cause });
  return new GrpcFailure(status.INTERNAL, "INTERNAL", errorMessage(cause), { cause });
}
