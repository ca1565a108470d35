// What can go wrong in odgm, as gRPC callers see it: one reason per cause, one status per reason
// (api/workload/reasons.ts).
import { status } from "@grpc/grpc-js";

import { errorMessage } from "#api/base/index.ts";
import type { Reason } from "#api/workload/reasons.ts";
import { REASON_ROWS } from "#api/workload/reasons.ts";
import type { FailureFields } from "#workloads/platform/index.ts";
import { GrpcFailure } from "#workloads/platform/index.ts";
import { StoreError } from "#workloads/core/store/index.ts";

export type { Reason };

/** A failure with that reason and its status. */
export function refuse(reason: Reason, message: string, fields?: FailureFields): GrpcFailure {
  return new GrpcFailure(REASON_ROWS[reason].code, reason, message, fields);
}

/** Anything thrown while a call was answered, as its failure; a bug stays a bug and is INTERNAL. */
export function toFailure(cause: unknown): GrpcFailure {
  if (cause instanceof GrpcFailure) return cause;
  if (cause instanceof StoreError) return refuse(cause.code, cause.message, { cause });
  return new GrpcFailure(status.INTERNAL, "INTERNAL", errorMessage(cause), { cause });
}
