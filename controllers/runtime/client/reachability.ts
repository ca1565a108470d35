// Whether the API server answers, as all requests of one cluster see it. What waits out a long
// pause after failures is told when the first request of anybody gets through again.

import { TransportError } from "./errors.ts";

/** See the head of this file. */
export class Reachability {
  readonly #listeners = new Set<() => void>();
  #troubled = false;

  /** A request ended with this status: overload and errors of the server are trouble, too. */
  answered(status: number): void {
    if (status >= 500 || status === 429) {
      this.#troubled = true;
      return;
    }
    if (!this.#troubled) return;
    this.#troubled = false;
    for (const listener of [...this.#listeners]) listener();
  }

  /** A request ended without an answer. A caller that gave up says nothing. */
  failed(cause: unknown): void {
    if (cause instanceof TransportError && cause.aborted) return;
    this.#troubled = true;
  }

  /** Called after each trouble with the first answer; returns how to stop. */
  onRecovery(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
