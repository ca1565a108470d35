// The links between simulated machines: messages take time, overtake each other, get lost, come
// twice, and links are cut in one direction or both.
import type { Rng } from "#api/base/index.ts";

import type { World } from "./world.ts";

/** What the network does to everything, until it is told otherwise. */
export interface Weather {
  lossShare: number;
  repeatShare: number;
  /** Added to every message, up to so much. */
  delayMs: number;
}

/** From whom to whom. */
export interface Way {
  readonly from: string;
  readonly to: string;
  /** False: it arrives once at most, whatever the weather. */
  readonly repeats?: boolean;
}

const LATENCY_MS = 0.4;
const JITTER_MS = 0.4;

/** See the top of the file. */
export class Network {
  readonly weather: Weather = { lossShare: 0, repeatShare: 0, delayMs: 0 };
  private readonly world: World;
  private readonly rng: Rng;
  private readonly cuts = new Set<string>();
  private readonly count: (fault: string) => void;

  constructor(world: World, rng: Rng, count: (fault: string) => void) {
    this.world = world;
    this.rng = rng;
    this.count = count;
  }

  /** Nothing arrives from `from` at `to`, or does again. */
  cut(from: string, to: string, isCut: boolean): void {
    const link = `${from}>${to}`;
    if (isCut) this.cuts.add(link);
    else this.cuts.delete(link);
  }

  /** Everything works again. */
  heal(): void {
    this.cuts.clear();
    Object.assign(this.weather, { lossShare: 0, repeatShare: 0, delayMs: 0 });
  }

  /** Carries something that is sent at `atMs`; it may never arrive, or more than once. */
  carry(way: Way, atMs: number, run: () => void): void {
    const { weather, rng } = this;
    const link = `${way.from}>${way.to}`;
    if (this.cuts.has(link)) return;
    if (weather.lossShare > 0 && rng.next() < weather.lossShare) {
      this.count("lose");
      return;
    }
    const mayRepeat = way.repeats !== false && weather.repeatShare > 0;
    const times = mayRepeat && rng.next() < weather.repeatShare ? 2 : 1;
    if (times === 2) this.count("repeat");
    for (let time = 0; time < times; time += 1) {
      const delayMs = weather.delayMs > 0 ? rng.next() * weather.delayMs : 0;
      this.world.at(atMs + LATENCY_MS + rng.next() * JITTER_MS + delayMs, () => {
        if (!this.cuts.has(link)) run();
      });
    }
  }
}
