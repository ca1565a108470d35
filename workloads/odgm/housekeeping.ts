// What a store needs from time to time: expired values are swept away, and every checksum at rest
// is looked at once a day, slowly, so that rot is known before its value is needed.
import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { KvEngine } from "#workloads/core/store/index.ts";

const SWEEP_MS = 10_000;
const SCRUB_MS = 24 * 60 * 60 * 1000;
/** Between two steps of a scrub, each of 256 values: a million take seven minutes. */
const SCRUB_PAUSE_MS = 100;

/** Runs until it is closed. */
export class Housekeeping {
  readonly #store: KvEngine;
  readonly #log: Logger;
  readonly #timers: readonly NodeJS.Timeout[];

  constructor(store: KvEngine, log: Logger) {
    this.#store = store;
    this.#log = log;
    this.#timers = [
      setInterval(() => this.#run("sweep", () => this.#sweep()), SWEEP_MS).unref(),
      setInterval(() => this.#run("scrub", () => this.#scrub()), SCRUB_MS).unref(),
    ];
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  async #sweep(): Promise<void> {
    const swept = await this.#store.sweep();
    if (swept > 0) this.#log.debug("expired values removed", { swept });
  }

  async #scrub(): Promise<void> {
    const { checked, damaged } = await this.#store.scrub(SCRUB_PAUSE_MS);
    if (damaged > 0) this.#log.error("values are damaged", { checked, damaged });
    else this.#log.info("every checksum holds", { checked });
  }

  /** A store that has failed says so by itself. */
  #run(what: string, work: () => Promise<void>): void {
    work().catch((cause: unknown) => {
      this.#log.warn(`${what} failed`, { error: errorMessage(cause) });
    });
  }
}
