// One TCP connection: bytes in, requests through the session machine and the store, responses out.
// The stream does the queueing: a response is handed to it whole and in one piece of turn, so that
// two never interleave (defect D1 of reference A.10), and reading stops while the peer does not
// read (D3).
import type { Socket } from "node:net";

import { assertNever } from "#api/base/index.ts";
import type { Logger } from "#api/base/index.ts";
import type {
  OstResponse,
  ServerEffect,
  ServerInput,
  ServerLimits,
  ServerState,
} from "#workloads/core/ost/index.ts";
import {
  RequestDecoder,
  RESPONSE_BYTES,
  startServerSession,
  stepServer,
  writeResponseHead,
} from "#workloads/core/ost/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import type { OstMetrics } from "./metrics.ts";
import type { OstStore } from "./store.ts";

/** A connection and what serves it. */
export interface SessionOptions {
  readonly socket: Socket;
  readonly store: OstStore;
  readonly limits: ServerLimits;
  readonly metrics: OstMetrics;
  readonly logger: Logger;
  /** Called after every answer. */
  readonly answered: () => void;
}

/** Response bytes that a peer may leave unread before nothing more is started for it. */
const OUTPUT_BYTES_MAX = 16 << 20;

/** Lives as long as its socket; a bug in the store ends the process, not the session. */
export class Session {
  readonly #options: SessionOptions;
  readonly #decoder = new RequestDecoder();
  readonly #state: ServerState;
  #running = 0;
  #corked = false;
  #congested = false;
  #ending = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#state = startServerSession(options.limits, xxh3);
    const { socket, logger } = options;
    socket.on("data", (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on("drain", () => {
      if (!this.#congested) return;
      this.#congested = false;
      this.#step({ kind: "drained" });
    });
    socket.on("error", (error) => {
      logger.debug("connection failed", { error: error.message });
    });
  }

  /**
   * Takes no more requests; ends the connection once everything started is answered. What still
   * comes in is read and dropped: a paused socket would not see the peer's end.
   */
  end(): void {
    this.#ending = true;
    this.#options.socket.resume();
    this.#endIfIdle();
  }

  #receive(chunk: Buffer): void {
    if (this.#ending) return;
    const { frames, reject } = this.#decoder.push(chunk);
    for (const request of frames) this.#step({ kind: "request", request });
    if (reject === undefined) return;
    // As upstream: no answer. What was asked before in good form is not answered either.
    this.#options.logger.warn("connection is not Rawstor's protocol", { reject });
    this.#options.socket.destroy();
  }

  #step(input: ServerInput): void {
    for (const effect of stepServer(this.#state, input).effects) this.#perform(effect);
  }

  #perform(effect: ServerEffect): void {
    switch (effect.kind) {
      case "execute":
        this.#execute(effect);
        return;
      case "respond":
        this.#respond(effect.response);
        return;
      case "pause":
        if (!this.#ending) this.#options.socket.pause();
        return;
      case "resume":
        this.#options.socket.resume();
        return;
      default:
        assertNever(effect);
    }
  }

  #execute({ ticket, operation }: Extract<ServerEffect, { kind: "execute" }>): void {
    const outcome = this.#options.store.execute(operation);
    if (!(outcome instanceof Promise)) {
      this.#step({ kind: "finished", ticket, outcome });
      return;
    }
    this.#running += 1;
    // A rejection is a bug (the store turns failures into outcomes) and ends the process.
    void outcome.then((value) => {
      this.#running -= 1;
      this.#step({ kind: "finished", ticket, outcome: value });
      this.#endIfIdle();
    });
  }

  #respond(response: OstResponse): void {
    const { socket, metrics } = this.#options;
    metrics.answered(response.command, response.result);
    this.#options.answered();
    if (!socket.writable) return;
    this.#cork();
    const head = Buffer.allocUnsafe(RESPONSE_BYTES);
    writeResponseHead(head, 0, response);
    socket.write(head);
    if (response.payload !== undefined) socket.write(response.payload);
    if (this.#congested || socket.writableLength <= OUTPUT_BYTES_MAX) return;
    this.#congested = true;
    this.#step({ kind: "congested" });
  }

  /** All responses of a turn leave in one system call. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    const { socket } = this.#options;
    socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      socket.uncork();
    });
  }

  #endIfIdle(): void {
    if (this.#ending && this.#running === 0) this.#options.socket.end();
  }
}
