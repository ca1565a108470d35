// Virtual time of one simulated grid: what is going to happen, in order. An event runs to its end
// before the next one, with the promises that it resolves.

/** Promises that follow from one event are fewer than this; the longest chain is a log's rotation. */
const SETTLE_TURNS = 24;

/** More than the largest simulation needs. */
const EVENTS_MAX = 3_000_000;

interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** See the top of the file. */
export class World {
  nowMs = 0;
  private readonly heap: Event[] = [];
  private order = 0;
  private events = 0;
  /** Something that may resolve promises has happened. */
  isStirred = false;
  /** Called with what an event throws; the world goes on. */
  onError: (cause: unknown) => void = (cause) => {
    throw cause;
  };

  /** Runs at that time, or next if it is past. Returns what cancels it. */
  at(atMs: number, run: () => void): () => void {
    this.order += 1;
    const event: Event = { atMs: Math.max(atMs, this.nowMs), order: this.order, run };
    this.push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** Runs after so long. */
  after(ms: number, run: () => void): () => void {
    return this.at(this.nowMs + ms, run);
  }

  /** Lets so much time pass, or less if `isDone` says so before. */
  async pass(ms: number, isDone: () => boolean = () => false): Promise<void> {
    const endMs = this.nowMs + ms;
    while (!isDone()) {
      const next = this.heap[0];
      if (next === undefined || next.atMs > endMs) {
        this.nowMs = endMs;
        return;
      }
      await this.step();
    }
  }

  private async step(): Promise<void> {
    const event = this.pop();
    const run = event?.run;
    if (event === undefined || run === undefined) return;
    this.nowMs = event.atMs;
    this.events += 1;
    if (this.events > EVENTS_MAX) throw new Error("something goes on without end");
    try {
      run();
    } catch (cause: unknown) {
      this.onError(cause);
    }
    if (!this.isStirred) return;
    this.isStirred = false;
    for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await Promise.resolve();
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  private pop(): Event | undefined {
    const { heap } = this;
    const [top] = heap;
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const [one, two] = [heap[left], heap[left + 1]];
      if (one === undefined) break;
      const isRight = two !== undefined && isBefore(two, one);
      const child = isRight ? two : one;
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = isRight ? left + 1 : left;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(one: Event, two: Event): boolean {
  return one.atMs === two.atMs ? one.order < two.order : one.atMs < two.atMs;
}
