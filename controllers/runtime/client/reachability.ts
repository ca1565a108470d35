// Whether the API server answers, as all requests of one cluster see it. What waits out a long
// pause after failures is told when the first request of anybody gets through again. One kind that
// keeps failing while others are served is no outage, and is told nothing.

import { ApiError, TransportError } from "./errors.ts";

/** So long without an answer to anybody is an outage; above the period of a leader's renewals. */
const OUTAGE_MS = 3_000;

/** See the head of this file. */
export class Reachability {
  readonly #listeners = new Set<() => void>();
  readonly #monotonicMs: () => number;
  #troubled = false;
  #answeredAtMs: number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#answeredAtMs = monotonicMs();
  }

  /** A request ended with this status: overload and errors of the server are trouble, too. */
  answered(status: number): void {
    if (status >= 500 || status === 429) {
      this.#troubled = true;
      return;
    }
    const nowMs = this.#monotonicMs();
    const isOver = this.#troubled && nowMs - this.#answeredAtMs >= OUTAGE_MS;
    this.#troubled = false;
    this.#answeredAtMs = nowMs;
    if (isOver) for (const listener of [...this.#listeners]) listener();
  }

  /** A request ended without an answer. A caller that gave up says nothing. */
  failed(cause: unknown): void {
    if (cause instanceof TransportError && cause.aborted) return;
    this.#troubled = true;
  }

  /** Called after each outage with the first answer; returns how to stop. */
  onRecovery(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** True for failures that end when the server is there again, unless it said when to come back. */
export function isOutage(cause: unknown): boolean {
  if (cause instanceof TransportError) return true;
  return cause instanceof ApiError && cause.status >= 500 && cause.retry.kind !== "after";
}
