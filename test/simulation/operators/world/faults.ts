// Faults of the way to the API server: refused, lost and late requests, watches that break, stop,
// fall silent, wait, or must list again. Which and when comes from the dice.
import type { ApiRequest } from "#controllers/runtime/index.ts";
import type { FakeApiServer, Fault } from "#controllers/runtime/testing/fake-api-server.ts";
import type { FakeClock } from "#controllers/runtime/testing/fake-clock.ts";

import type { Dice } from "../../world/dice.ts";
import { OWN_KINDS } from "./kinds.ts";
import { isOwnWrite } from "./process.ts";

/** What was injected, by name. */
export type FaultCounts = Record<string, number>;

/** See the head of this file. */
export class FaultInjector {
  readonly counts: FaultCounts = {};
  /** Part of the requests that go wrong; 0 when all is well. */
  rate = 0;
  readonly #server: FakeApiServer;
  readonly #clock: FakeClock;
  readonly #dice: Dice;

  constructor(server: FakeApiServer, clock: FakeClock, dice: Dice) {
    this.#server = server;
    this.#clock = clock;
    this.#dice = dice;
    server.intercept = (request, isWatch) => this.#judge(request, isWatch);
  }

  /** Counts a fault of somebody else, such as a crash. */
  count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }

  /** Does something to the watches that are open now; says what. */
  disturbWatches(): string {
    const fault = this.#dice.pick([
      "break",
      "end",
      "silence",
      "hold",
      "hold-kind",
      "release",
      "expire",
      "unobserved",
    ] as const);
    this.count(`watch-${fault}`);
    const server = this.#server;
    switch (fault) {
      case "break":
        server.breakWatches();
        break;
      case "end":
        server.endWatches();
        break;
      case "silence":
        server.silenceWatches();
        break;
      case "hold":
        server.holdWatches();
        break;
      case "hold-kind":
        server.holdWatches(this.#dice.pick(OWN_KINDS));
        break;
      case "release":
        server.releaseWatches();
        break;
      case "expire":
        server.compact();
        server.breakWatches();
        break;
      case "unobserved":
        // What happens in the next seconds is never told: only its result is listed again.
        server.holdWatches();
        this.#clock.schedule(this.#dice.int(1_000, 10_000), () => {
          server.compact();
          server.breakWatches();
        });
        break;
    }
    return fault;
  }

  /** Everything works from now on. */
  end(): void {
    this.rate = 0;
    this.#server.releaseWatches();
  }

  #judge(request: ApiRequest, isWatch: boolean): Fault | undefined {
    if (!this.#dice.chance(this.rate)) return undefined;
    const fault = this.#draw(isOwnWrite(request), isWatch);
    this.count(fault.kind === "answer" ? `answer-${fault.status}` : fault.kind);
    return fault;
  }

  #draw(isWrite: boolean, isWatch: boolean): Fault {
    const kinds = ["429", "500", "503", "lost-request", "lost-answer", "delay"];
    const name = this.#dice.pick(isWrite ? [...kinds, "409", "delay"] : kinds);
    switch (name) {
      case "429":
        return { kind: "answer", status: 429, retryAfterMs: this.#dice.int(0, 3) * 1_000 };
      case "lost-request":
      case "lost-answer":
        return { kind: name };
      case "delay":
        return { kind: "delay", until: this.#wait(isWatch ? 500 : this.#dice.int(10, 4_000)) };
      default:
        return { kind: "answer", status: Number(name) };
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.schedule(delayMs, resolve);
    });
  }
}
