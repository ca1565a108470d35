// Failures that cross a unit's edge. Outcomes that a caller must branch on are unions in return
// types instead, and bugs are assertions.

/** Whether and when the same call may be tried again. */
export type Retry =
  | { readonly kind: "never" }
  | { readonly kind: "backoff" }
  | { readonly kind: "after"; readonly delayMs: number };

/** Base of every failure. `code` is stable and machine-readable; each unit has its closed union. */
export abstract class PlatformError extends Error {
  abstract override readonly name: string;
  abstract readonly code: string;
  readonly retry: Retry;

  constructor(message: string, options?: { readonly retry?: Retry; readonly cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.retry = options?.retry ?? { kind: "never" };
  }
}

/** The message of anything that was thrown, for logs and conditions. */
export function errorMessage(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
