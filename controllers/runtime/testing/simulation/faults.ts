// Faults of the way to the API server: refused, lost and late requests, watches that break, stop,
// fall silent, wait, are late each in its own way, tell things twice, or must list again. Which and
// when comes from the dice.
import type { ApiRequest } from "../../client/transport.ts";
import type { FakeApiServer, Fault } from "../fake-api-server.ts";
import type { FakeClock } from "../fake-clock.ts";
import type { Dice } from "./dice.ts";
import { isOwnWrite } from "./process.ts";

const WATCH_FAULTS = [
  "break",
  "end",
  "silence",
  "hold",
  "hold-one",
  "release",
  "expire",
  "unobserved",
  "replay",
] as const;

/** See the head of this file. */
export class FaultInjector {
  readonly counts: Record<string, number> = {};
  /** Part of the requests that go wrong; 0 when all is well. */
  rate = 0;
  /** Events of watches take up to this long, each watch by itself: kinds overtake each other. */
  lagMsMax = 0;
  /** Lists take this long and more: per object where they are streamed, else as a whole. */
  listMsMax = 0;
  /** The garbage collector takes up to this long to look. */
  collectorMsMax = 0;
  #downUntilMs = 0;
  readonly #server: FakeApiServer;
  readonly #clock: FakeClock;
  readonly #dice: Dice;

  constructor(server: FakeApiServer, clock: FakeClock, dice: Dice) {
    this.#server = server;
    this.#clock = clock;
    this.#dice = dice;
    server.intercept = (request, isWatch) => this.#judge(request, isWatch);
    server.lag = () => this.#lag();
    server.listLag = () => this.#listLag();
  }

  /** Counts a fault of somebody else, such as a crash. */
  count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }

  /** Does something to the watches that are open now; says what. */
  disturbWatches(): string {
    const fault = this.#dice.pick(WATCH_FAULTS);
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
      case "hold-one": {
        const kinds = server.watchedKinds;
        if (kinds.length > 0) server.holdWatches(this.#dice.pick(kinds));
        break;
      }
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
      case "replay":
        server.replayWatches();
        break;
    }
    return fault;
  }

  /** A new draw of how much goes wrong. */
  drawWeather(): void {
    const dice = this.#dice;
    this.rate = dice.pick([0, 0.05, 0.15, 0.35]);
    this.lagMsMax = dice.pick([0, 0, 500, 5_000]);
    this.listMsMax = dice.pick([0, 0, 0, 3_000]);
    this.collectorMsMax = dice.pick([0, 0, 2_000, 20_000]);
  }

  /** How long the garbage collector waits this time. */
  collectorMs(): number {
    if (this.collectorMsMax === 0) return 0;
    this.count("late-collection");
    return this.#dice.int(0, this.collectorMsMax);
  }

  /** The server answers nobody for so long. */
  outage(forMs: number): void {
    this.#downUntilMs = this.#clock.monotonicMs() + forMs;
  }

  /** Everything works from now on. */
  end(): void {
    this.rate = 0;
    this.lagMsMax = 0;
    this.listMsMax = 0;
    this.collectorMsMax = 0;
    this.#downUntilMs = 0;
    this.#server.collectGarbage();
    this.#server.releaseWatches();
  }

  #lag(): number {
    if (this.lagMsMax === 0) return 0;
    this.count("late-event");
    return this.#dice.int(0, this.lagMsMax);
  }

  #listLag(): number {
    if (this.listMsMax === 0) return 0;
    this.count("slow-list");
    return this.#dice.int(0, this.listMsMax);
  }

  #judge(request: ApiRequest, isWatch: boolean): Fault | undefined {
    if (this.#clock.monotonicMs() < this.#downUntilMs) {
      this.count("outage");
      return { kind: "lost-request" };
    }
    if (!isWatch && this.listMsMax > 0 && request.query?.["limit"] !== undefined) {
      this.count("slow-list");
      return { kind: "late-answer", until: this.#wait(this.#dice.int(1, 3) * this.listMsMax) };
    }
    if (this.rate === 0 || !this.#dice.chance(this.rate)) return undefined;
    const fault = this.#draw(request, isWatch);
    this.count(fault.kind === "answer" ? `answer-${fault.status}` : fault.kind);
    return fault;
  }

  #draw(request: ApiRequest, isWatch: boolean): Fault {
    const kinds = ["429", "500", "503", "lost-request", "lost-answer", "delay"];
    const writes = [...kinds, "409", "delay"];
    const reads = isWatch || request.query?.["limit"] !== undefined ? [...kinds, "410"] : kinds;
    const name = this.#dice.pick(isOwnWrite(request) ? writes : reads);
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
