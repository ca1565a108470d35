// One signal ends a whole run: what it has started is stopped, nothing more begins, and its exit
// code says which signal it was.
import { constants } from "node:os";

const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Listens until {@link close}. */
export class Signals {
  readonly #ended = new AbortController();
  #first: NodeJS.Signals | undefined;
  readonly #listen = (signal: NodeJS.Signals): void => {
    // A terminal and whoever started us may both tell; the first one counts.
    this.#first ??= signal;
    this.#ended.abort(new Error(`ended by ${this.#first}`));
  };

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#listen);
  }

  /** The signal that came, if one did. */
  get first(): NodeJS.Signals | undefined {
    return this.#first;
  }

  /** Aborted with the first signal. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#listen);
  }
}

/** What a program that this signal has ended exits with. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * Runs these steps one after the other until a signal comes; then the step that runs has to end by
 * itself, because its programs were stopped (see runNode). Returns the signal.
 */
export async function inSequence<T>(
  signals: Signals,
  steps: readonly T[],
  run: (step: T) => Promise<void>,
): Promise<NodeJS.Signals | undefined> {
  for (const step of steps) {
    if (signals.first !== undefined) break;
    await run(step);
  }
  return signals.first;
}
