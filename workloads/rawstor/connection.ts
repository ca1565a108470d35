// One TCP connection to a target around the client session machine. It lives once: after it broke,
// every call on it fails and the owner opens another.
import { connect } from "node:net";
import type { Socket } from "node:net";

import { assert, assertNever } from "#api/base/index.ts";
import type { Clock } from "#api/base/index.ts";
import type {
  CallFailure,
  CallToken,
  ClientEffect,
  ClientInput,
  ClientState,
  OstCall,
  OstResponse,
} from "#workloads/core/ost/index.ts";
import {
  encodeRequest,
  ResponseDecoder,
  startClientSession,
  stepClient,
} from "#workloads/core/ost/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

/** Where a target listens. Host names and IPv6 are fine, unlike upstream. */
export interface TargetAddress {
  readonly host: string;
  readonly port: number;
}

/** Deadlines of one connection. */
export interface ConnectionTimeouts {
  readonly connectMs: number;
  /** From the call to its answer. */
  readonly requestMs: number;
}

/** A response, or why there is none. The peer may or may not have done what was asked. */
export type CallOutcome =
  | { readonly kind: "response"; readonly response: OstResponse }
  | { readonly kind: "failed"; readonly failure: CallFailure };

/** How often deadlines are looked at; they are late by this at most. */
const TICK_MS = 50;

/** Opened with {@link Connection.open}; useless once `broken`. */
export class Connection {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #timeouts: ConnectionTimeouts;
  readonly #decoder = new ResponseDecoder();
  readonly #state: ClientState = startClientSession(xxh3);
  readonly #waiting = new Map<CallToken, (outcome: CallOutcome) => void>();
  readonly #ticker: NodeJS.Timeout;
  #nextToken: CallToken = 0;
  #corked = false;
  #broken = false;

  private constructor(socket: Socket, clock: Clock, timeouts: ConnectionTimeouts) {
    this.#socket = socket;
    this.#clock = clock;
    this.#timeouts = timeouts;
    socket.on("data", (chunk: Buffer) => {
      const { frames, reject } = this.#decoder.push(chunk);
      for (const response of frames) this.#step({ kind: "response", response });
      if (reject !== undefined) this.#step({ kind: "reject" });
    });
    socket.on("error", () => undefined); // "close" follows and tells every call.
    socket.on("close", () => {
      this.#step({ kind: "lost" });
    });
    this.#ticker = setInterval(() => {
      this.#step({ kind: "tick", nowMs: clock.monotonicMs() });
    }, TICK_MS).unref();
  }

  /** Connects, or undefined if that fails or takes too long. */
  static async open(
    address: TargetAddress,
    clock: Clock,
    timeouts: ConnectionTimeouts,
  ): Promise<Connection | undefined> {
    const socket = connect({ ...address, noDelay: true });
    const connected = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => {
        resolve(false);
      }, timeouts.connectMs);
      socket.once("connect", () => {
        clearTimeout(timer);
        resolve(true);
      });
      socket.once("error", () => {
        clearTimeout(timer);
        resolve(false);
      });
    });
    if (connected) return new Connection(socket, clock, timeouts);
    socket.on("error", () => undefined);
    socket.destroy();
    return undefined;
  }

  /** Whether every further call fails. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Asks and waits for the answer. Calls run side by side. Never rejects. */
  call(call: OstCall): Promise<CallOutcome> {
    const token = this.#nextToken;
    this.#nextToken += 1;
    const deadlineAtMs = this.#clock.monotonicMs() + this.#timeouts.requestMs;
    return new Promise((resolve) => {
      this.#waiting.set(token, resolve);
      this.#step({ kind: "call", token, call, deadlineAtMs });
    });
  }

  /** Ends the connection; calls still running fail as `lost`. */
  close(): void {
    this.#step({ kind: "lost" });
  }

  #step(input: ClientInput): void {
    for (const effect of stepClient(this.#state, input).effects) this.#perform(effect);
  }

  #perform(effect: ClientEffect): void {
    switch (effect.kind) {
      case "send": {
        const { head, payload } = encodeRequest(effect.request);
        this.#cork();
        this.#socket.write(head);
        if (payload !== undefined) this.#socket.write(payload);
        return;
      }
      case "complete":
        this.#settle(effect.token, { kind: "response", response: effect.response });
        return;
      case "fail":
        this.#settle(effect.token, { kind: "failed", failure: effect.failure });
        return;
      case "end":
        this.#broken = true;
        clearInterval(this.#ticker);
        this.#socket.destroy();
        return;
      default:
        assertNever(effect);
    }
  }

  #settle(token: CallToken, outcome: CallOutcome): void {
    const resolve = this.#waiting.get(token);
    assert(resolve !== undefined, "a call is settled once");
    this.#waiting.delete(token);
    resolve(outcome);
  }

  /** All requests of a turn leave in one system call. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }
}
