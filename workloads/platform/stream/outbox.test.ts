import { describe, expect, it } from "@jest/globals";

import { FRAME_BYTES_MAX, Outbox } from "./outbox.ts";

/** Takes frames; `slow` makes it ask for a pause. */
class Sink {
  readonly frames: string[] = [];
  slow = false;
  #drain: (() => void) | undefined;

  write(frame: Buffer): boolean {
    this.frames.push(frame.toString());
    return !this.slow;
  }

  once(_event: "drain", listener: () => void): void {
    this.#drain = listener;
  }

  drain(): void {
    this.slow = false;
    this.#drain?.();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function make(size = 1) {
  const drained: number[] = [];
  const outbox = new Outbox<string>({
    encode: (items) => Buffer.from(items.join("+")),
    sizeOf: () => size,
    onDrain: () => drained.push(outbox.queuedBytes),
  });
  return { outbox, drained, sink: new Sink() };
}

describe("outbox", () => {
  it("sends what one turn adds as one frame", async () => {
    const { outbox, sink } = make();
    outbox.attach(sink);
    for (const item of ["a", "b", "c"]) outbox.add(item);
    expect(sink.frames).toEqual([]);
    await turn();
    outbox.add("d");
    await turn();
    expect(sink.frames).toEqual(["a+b+c", "d"]);
    expect(outbox.queuedBytes).toBe(0);
  });

  it("cuts frames by size, and a larger item travels alone", async () => {
    const { outbox, sink } = make(FRAME_BYTES_MAX * 0.4);
    outbox.attach(sink);
    for (const item of ["a", "b", "c"]) outbox.add(item);
    await turn();
    expect(sink.frames).toEqual(["a+b", "c"]);
    const large = make(FRAME_BYTES_MAX * 3);
    large.outbox.attach(large.sink);
    for (const item of ["a", "b"]) large.outbox.add(item);
    await turn();
    expect(large.sink.frames).toEqual(["a", "b"]);
  });

  it("waits while the peer is slow, and tells when all is handed over", async () => {
    const { outbox, sink, drained } = make(FRAME_BYTES_MAX);
    sink.slow = true;
    outbox.attach(sink);
    for (const item of ["a", "b"]) outbox.add(item);
    await turn();
    expect(sink.frames).toEqual(["a"]);
    expect(drained).toEqual([]);
    expect(outbox.queuedBytes).toBeGreaterThan(FRAME_BYTES_MAX);
    sink.drain();
    await turn();
    expect(sink.frames).toEqual(["a", "b"]);
    expect(drained).toEqual([0]);
  });

  it("keeps what has nowhere to go, and gives it back", async () => {
    const { outbox, sink } = make();
    outbox.add("a");
    await turn();
    outbox.attach(sink);
    await turn();
    expect(sink.frames).toEqual(["a"]);
    outbox.attach(undefined);
    outbox.add("b");
    expect(outbox.takeAll()).toEqual(["b"]);
    expect(outbox.queuedBytes).toBe(0);
  });
});
