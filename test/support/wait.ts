// Waiting in tests: poll a condition until it holds, with a deadline and a message that tells what
// was last seen. The one replacement for sleeping.
import { setTimeout as delay } from "node:timers/promises";

/** What is awaited, and for how long. */
export interface WaitOptions {
  /** Completes "waited 30 s for ...". */
  readonly what: string;
  readonly deadlineMs: number;
  /** Pause between two looks; 100 ms by default. */
  readonly intervalMs?: number;
}

/** The deadline passed. `cause` is what the condition threw last, if it threw. */
export class WaitTimeoutError extends Error {
  override readonly name = "WaitTimeoutError";
}

/** What a condition may answer for "not yet". */
type NotYet = false | null | undefined;

/**
 * The first answer of `condition` that is not false, null or undefined. A condition that throws is
 * "not yet" too, so that it may hold expectations; its last error is in the message. At least one
 * look is taken, and one that does not come back ends at the deadline as well. Throws
 * {@link WaitTimeoutError}.
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, NotYet>> {
  const startedMs = performance.now();
  for (;;) {
    const leftMs = options.deadlineMs - (performance.now() - startedMs);
    const seen = await look(condition, Math.max(leftMs, 1));
    if (seen.kind === "answer" && isAnswer(seen.answer)) return seen.answer;
    if (performance.now() - startedMs >= options.deadlineMs) throw timeoutError(seen, options);
    await delay(options.intervalMs ?? 100);
  }
}

type Seen<T> =
  | { readonly kind: "answer"; readonly answer: T }
  | { readonly kind: "error"; readonly cause: unknown }
  | { readonly kind: "silence" };

async function look<T>(condition: () => T | Promise<T>, leftMs: number): Promise<Seen<T>> {
  const abort = new AbortController();
  const silence = delay(leftMs, { kind: "silence" } as const, { signal: abort.signal });
  const answer = (async (): Promise<Seen<T>> => {
    try {
      return { kind: "answer", answer: await condition() };
    } catch (cause) {
      return { kind: "error", cause };
    }
  })();
  const seen = await Promise.race([answer, silence.catch(() => answer)]);
  abort.abort();
  return seen;
}

function isAnswer<T>(answer: T): answer is Exclude<T, NotYet> {
  return answer !== false && answer !== null && answer !== undefined;
}

function timeoutError<T>(seen: Seen<T>, { what, deadlineMs }: WaitOptions): WaitTimeoutError {
  const waited = `waited ${deadlineMs / 1000} s for ${what}`;
  switch (seen.kind) {
    case "answer":
      return new WaitTimeoutError(`${waited}; last answer: ${String(seen.answer)}`);
    case "silence":
      return new WaitTimeoutError(`${waited}; the last look did not come back`);
    case "error": {
      const { cause } = seen;
      const message = cause instanceof Error ? cause.message : String(cause);
      return new WaitTimeoutError(`${waited}; last error: ${message}`, { cause });
    }
  }
}
