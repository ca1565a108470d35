// Exclusive calls wait for each other, one line per object, in the order in which they came.

/** Calls that wait for one object; beyond, further ones are refused. */
export const WAITING_MAX = 256;

/** Ends a turn; the next one begins. May be called again. */
export type EndTurn = () => void;

interface Waiting {
  begin(end: EndTurn): void;
}

/** Lines of waiting calls. */
export class Turns {
  readonly #waitingMax: number;
  /** Who waits, by object; an object without an entry is free. */
  readonly #lines = new Map<string, Waiting[]>();

  constructor(waitingMax = WAITING_MAX) {
    this.#waitingMax = waitingMax;
  }

  /**
   * Calls `begin` when it is this call's turn, at once if the object is free. Returns what gives
   * the place up while it waits, and does nothing after that; undefined if too many wait.
   */
  take(object: string, begin: (end: EndTurn) => void): (() => void) | undefined {
    const line = this.#lines.get(object);
    if (line === undefined) {
      this.#lines.set(object, []);
      this.#begin(object, { begin });
      return () => undefined;
    }
    if (line.length >= this.#waitingMax) return undefined;
    const waiting = { begin };
    line.push(waiting);
    return () => {
      const at = line.indexOf(waiting);
      if (at >= 0) line.splice(at, 1);
    };
  }

  #begin(object: string, waiting: Waiting): void {
    let isOver = false;
    waiting.begin(() => {
      if (isOver) return;
      isOver = true;
      this.#next(object);
    });
  }

  #next(object: string): void {
    const next = this.#lines.get(object)?.shift();
    if (next === undefined) this.#lines.delete(object);
    else this.#begin(object, next);
  }
}
