// What waits to be written to one stream: everything that is added in one event-loop turn leaves in
// one message, or in several of at most 256 KiB, and no faster than the peer reads.

/** Frames are cut here; a single larger item still travels alone. */
export const FRAME_BYTES_MAX = 256 * 1024;
const FRAME_ITEMS_MAX = 1024;
/** What an item costs beside its payload, roughly. */
const ITEM_OVERHEAD_BYTES = 32;

/** The writing half of a stream; `write` answers false when the peer is slow. */
export interface FrameSink {
  write(frame: Buffer): boolean;
  once(event: "drain", listener: () => void): unknown;
}

/** Collects items and writes them as frames. */
export class Outbox<Item> {
  readonly #encode: (items: readonly Item[]) => Buffer;
  readonly #sizeOf: (item: Item) => number;
  readonly #onDrain: () => void;
  #sink: FrameSink | undefined;
  #items: Item[] = [];
  #bytes = 0;
  #scheduled = false;
  #blocked = false;

  constructor(options: {
    readonly encode: (items: readonly Item[]) => Buffer;
    /** Payload bytes of an item. */
    readonly sizeOf: (item: Item) => number;
    /** Called whenever everything has been handed to the sink. */
    readonly onDrain?: () => void;
  }) {
    this.#encode = options.encode;
    this.#sizeOf = options.sizeOf;
    this.#onDrain = options.onDrain ?? (() => undefined);
  }

  /** Payload bytes that have not been handed to the sink. */
  get queuedBytes(): number {
    return this.#bytes;
  }

  /** From now on frames go here; undefined = nowhere, items wait. */
  attach(sink: FrameSink | undefined): void {
    this.#sink = sink;
    this.#blocked = false;
    if (sink !== undefined && this.#items.length > 0) this.#schedule();
  }

  /** Adds an item; it leaves at the end of this turn of the event loop at the earliest. */
  add(item: Item): void {
    this.#items.push(item);
    this.#bytes += this.#sizeOf(item) + ITEM_OVERHEAD_BYTES;
    this.#schedule();
  }

  /** Takes back everything that was not written. */
  takeAll(): readonly Item[] {
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    return items;
  }

  #schedule(): void {
    if (this.#scheduled || this.#blocked || this.#sink === undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    let start = 0;
    while (start < this.#items.length && this.#sink !== undefined && !this.#blocked) {
      const end = this.#frameEnd(start);
      const sink = this.#sink;
      const items =
        start === 0 && end === this.#items.length ? this.#items : this.#items.slice(start, end);
      const more = sink.write(this.#encode(items));
      start = end;
      if (more) continue;
      this.#blocked = true;
      sink.once("drain", () => {
        if (this.#sink !== sink) return;
        this.#blocked = false;
        if (this.#items.length > 0) this.#schedule();
        else this.#onDrain();
      });
    }
    this.#drop(start);
    if (this.#items.length === 0 && !this.#blocked) this.#onDrain();
  }

  #frameEnd(start: number): number {
    let bytes = 0;
    let end = start;
    while (end < this.#items.length && end - start < FRAME_ITEMS_MAX) {
      const item = this.#items[end];
      if (item === undefined) break;
      bytes += this.#sizeOf(item) + ITEM_OVERHEAD_BYTES;
      if (bytes > FRAME_BYTES_MAX && end > start) break;
      end += 1;
    }
    return end;
  }

  #drop(count: number): void {
    if (count === 0) return;
    const rest = this.#items.slice(count);
    this.#items = rest;
    this.#bytes = rest.reduce((sum, item) => sum + this.#sizeOf(item) + ITEM_OVERHEAD_BYTES, 0);
  }
}
