// Keeps a connection to a target: opens it when needed, binds the object if there is one, tries
// again with backoff when it breaks. A refusal (-EBUSY apart) is an answer and not tried again.
import type { Clock, Rng } from "#api/base/index.ts";
import type { ObjectId, OstCall, OstResponse } from "#workloads/core/ost/index.ts";
import { errno } from "#workloads/core/ost/index.ts";

import type { CallOutcome, ConnectionTimeouts, TargetAddress } from "./connection.ts";
import { Connection } from "./connection.ts";
import { errorOfResult, RawstorError } from "./errors.ts";
import type { RetryPolicy } from "./retry.ts";
import { delayMs, pause } from "./retry.ts";

/** Whom to stay connected to, and how. */
export interface KeeperOptions {
  readonly address: TargetAddress;
  readonly timeouts: ConnectionTimeouts;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Bound on every new connection. */
  readonly object?: ObjectId;
  /** A connection that had been used broke; what was not synced on it may be lost. */
  readonly onBroken?: () => void;
}

/** At most one connection at a time; calls share it. */
export class SessionKeeper {
  readonly #options: KeeperOptions;
  #connection: Connection | undefined;
  #opening: Promise<Connection | RawstorError> | undefined;
  #closed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /**
   * The answer to `call`, which must be safe to repeat: after a broken connection nobody knows
   * whether the target did it. Throws {@link RawstorError}.
   */
  async call(call: OstCall): Promise<OstResponse> {
    const { retry, rng } = this.#options;
    let trouble: RawstorError | undefined;
    for (let attempt = 0; attempt < retry.attempts; attempt++) {
      if (attempt > 0) await pause(delayMs(retry, attempt, rng));
      if (this.#closed) throw closedError();
      const connection = await this.#connected();
      if (connection instanceof RawstorError) {
        trouble = connection;
        if (connection.retry.kind === "never") throw connection;
        continue;
      }
      const answer = this.#judge(call, await connection.call(call));
      if (!(answer instanceof RawstorError)) return answer;
      trouble = answer;
    }
    throw trouble ?? closedError();
  }

  /** Connects and binds if that is not done; tries as often, and throws, as a call does. */
  async ensureConnected(): Promise<void> {
    const { retry, rng } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const connection = await this.#connected();
      if (!(connection instanceof RawstorError)) return;
      if (connection.retry.kind === "never" || attempt >= retry.attempts) throw connection;
      await pause(delayMs(retry, attempt, rng));
    }
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
  }

  /** The answer, or why there is none that ends the matter. */
  #judge(call: OstCall, outcome: CallOutcome): OstResponse | RawstorError {
    const retry = { kind: "backoff" } as const;
    if (outcome.kind === "response") {
      const { response } = outcome;
      if (response.result !== -errno.EBUSY) return response;
      return new RawstorError("RAWSTOR_BUSY", `${call.command} at ${this.#where}: EBUSY`, {
        retry,
      });
    }
    const code = failureCodes[outcome.failure];
    const message = `${call.command} at ${this.#where}: ${outcome.failure}`;
    return new RawstorError(code, message, { retry });
  }

  get #where(): string {
    const { host, port } = this.#options.address;
    return `${host}:${String(port)}`;
  }

  async #connected(): Promise<Connection | RawstorError> {
    if (this.#connection?.broken === false) return this.#connection;
    this.#opening ??= this.#reopen();
    return this.#opening;
  }

  async #reopen(): Promise<Connection | RawstorError> {
    if (this.#connection !== undefined) this.#options.onBroken?.();
    this.#connection = undefined;
    const opened = await this.#open();
    this.#opening = undefined;
    if (opened instanceof Connection) this.#connection = opened;
    return opened;
  }

  async #open(): Promise<Connection | RawstorError> {
    const { address, timeouts, clock, object } = this.#options;
    const connection = await Connection.open(address, clock, timeouts);
    if (connection === undefined) {
      const retry = { kind: "backoff" } as const;
      return new RawstorError("RAWSTOR_UNREACHABLE", `cannot connect to ${this.#where}`, { retry });
    }
    const answer = object === undefined ? undefined : await this.#bind(connection, object);
    if (answer === undefined && !this.#closed) return connection;
    connection.close();
    return answer ?? closedError();
  }

  async #bind(connection: Connection, id: ObjectId): Promise<RawstorError | undefined> {
    const call: OstCall = { command: "set-object", id };
    const answer = this.#judge(call, await connection.call(call));
    if (answer instanceof RawstorError) return answer;
    return answer.result === 0 ? undefined : errorOfResult(`open ${id}`, answer.result);
  }
}

const failureCodes = {
  timeout: "RAWSTOR_TIMEOUT",
  checksum: "RAWSTOR_PROTOCOL",
  protocol: "RAWSTOR_PROTOCOL",
  lost: "RAWSTOR_UNREACHABLE",
  full: "RAWSTOR_BUSY",
} as const satisfies Record<Extract<CallOutcome, { kind: "failed" }>["failure"], string>;

function closedError(): RawstorError {
  return new RawstorError("RAWSTOR_CLOSED", "the client is closed");
}
