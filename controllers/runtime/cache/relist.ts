// Why a cache has to be listed anew.
import { ApiError } from "../client/errors.ts";

/** Why a full list was made. */
export type RelistReason = "initial" | "expired" | "rejected" | "stuck" | "rewound" | "periodic";

/** Thrown by who follows a watch: its resume point is of no use any more. */
export class RelistNeeded extends Error {
  override readonly name = "RelistNeeded";
  readonly reason: RelistReason;

  constructor(reason: RelistReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What a failed watch says about its resume point; undefined if it may go on from there. */
export function relistReasonOf(cause: unknown): RelistReason | undefined {
  if (cause instanceof RelistNeeded) return cause.reason;
  if (!(cause instanceof ApiError)) return undefined;
  if (cause.status === 410) return "expired";
  // A version that the server has not reached: its data went back, or another server lags behind.
  const tooLarge = cause.causes.some((one) => one.reason === "ResourceVersionTooLarge");
  return tooLarge || cause.status === 400 || cause.status === 422 ? "rejected" : undefined;
}
