// A gRPC status as a failure, with the machine-readable reason that our programs add in the trailer
// `oaas-reason`.
import type { ServiceError, StatusObject } from "@grpc/grpc-js";
import { Metadata, status } from "@grpc/grpc-js";

import { errorMessage, PlatformError } from "#api/base/index.ts";

/** Trailer with the machine-readable reason, such as WRONG_PARTITION. */
export const REASON_TRAILER = "oaas-reason";
/** Trailer that goes with WRONG_PARTITION: the partition that owns the id. */
export const RIGHT_PARTITION_TRAILER = "oaas-right-partition";
/** Trailer with the generation that a failure speaks of. */
export const GENERATION_TRAILER = "oaas-generation";

/** What goes with a failed call besides code and text. */
export interface FailureFields {
  readonly rightPartition?: number;
  readonly generation?: bigint;
  /** With NOT_LEADER. Goes over links only: other callers are handed on. */
  readonly leader?: { readonly member: bigint; readonly address: string } | undefined;
  readonly cause?: unknown;
}

/** A call that ended with a status other than OK. `code` is the reason, `status` gRPC's number. */
export class GrpcFailure extends PlatformError {
  override readonly name = "GrpcFailure";
  override readonly code: string;
  readonly status: status;
  readonly rightPartition: number | undefined;
  readonly generation: bigint | undefined;
  readonly leader: { readonly member: bigint; readonly address: string } | undefined;

  constructor(code: status, reason: string, message: string, fields?: FailureFields) {
    const retry = code === status.UNAVAILABLE ? { kind: "backoff" as const } : undefined;
    super(message, {
      ...(retry === undefined ? {} : { retry }),
      ...(fields?.cause === undefined ? {} : { cause: fields.cause }),
    });
    this.status = code;
    this.code = reason;
    this.rightPartition = fields?.rightPartition;
    this.generation = fields?.generation;
    this.leader = fields?.leader;
  }
}

/** What a server sends for anything that was thrown; not a {@link GrpcFailure} = INTERNAL. */
export function toStatus(cause: unknown): StatusObject {
  const metadata = new Metadata();
  if (!(cause instanceof GrpcFailure)) {
    metadata.set(REASON_TRAILER, "INTERNAL");
    return { code: status.INTERNAL, details: errorMessage(cause), metadata };
  }
  metadata.set(REASON_TRAILER, cause.code);
  if (cause.rightPartition !== undefined) {
    metadata.set(RIGHT_PARTITION_TRAILER, String(cause.rightPartition));
  }
  if (cause.generation !== undefined) metadata.set(GENERATION_TRAILER, String(cause.generation));
  return { code: cause.status, details: cause.message, metadata };
}

/** The failure that a client saw. The reason falls back to the status' own name. */
export function fromServiceError(error: ServiceError): GrpcFailure {
  const trailer = (name: string): string | undefined => {
    const value = error.metadata?.get(name)[0];
    return typeof value === "string" ? value : undefined;
  };
  const right = trailer(RIGHT_PARTITION_TRAILER);
  const generation = trailer(GENERATION_TRAILER);
  return new GrpcFailure(error.code, trailer(REASON_TRAILER) ?? status[error.code], error.details, {
    ...(right !== undefined && /^\d+$/.test(right) ? { rightPartition: Number(right) } : {}),
    ...(generation !== undefined && /^\d+$/.test(generation)
      ? { generation: BigInt(generation) }
      : {}),
    cause: error,
  });
}
