// Moves a frozen overlay into the checkpoint: transactions of at most 500 puts, one at a time.
// Until the last one the checkpoint says that it is complete up to where the previous one was, so
// that after a crash the log is replayed from there, over values that are already there.
import { assert } from "#api/base/index.ts";
import type { Checkpoint, Layer, Overlay, SealedWrite } from "#workloads/core/store/index.ts";
import { byteText, placeOfPosition, textBytes } from "#workloads/core/store/index.ts";

import type { CheckpointMeta } from "./checkpoint-meta.ts";
import { metaWrite } from "./checkpoint-meta.ts";
import type { EngineParts } from "./engine-parts.ts";

/** How long a checkpoint waits for an old reader before it looks again. */
const READER_RETRY_MS = 200;

/** See the top of the file. */
export class CheckpointWriter {
  readonly #parts: EngineParts;
  #meta: CheckpointMeta;
  #target: { readonly position: number; readonly sequence: number };
  #count = 0;
  #stepMsMax = 0;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#meta = parts.meta;
    this.#target = parts.meta;
  }

  /** The checkpoint is complete up to here. */
  get position(): number {
    return this.#meta.position;
  }

  get damage(): string | undefined {
    return this.#meta.damage;
  }

  /** Checkpoints made since the start. */
  get count(): number {
    return this.#count;
  }

  /** Most CPU time that a step has taken of the event loop. */
  get stepMsMax(): number {
    return this.#stepMsMax;
  }

  /** What is written next makes the checkpoint complete up to this (durable) end of the log. */
  aim(end: { readonly position: number; readonly sequence: number }): void {
    this.#target = end;
  }

  /** Durable when it resolves. Waits for old readers unless `isUrgent` says that it cannot. */
  async write(frozen: Overlay, isUrgent: () => boolean): Promise<void> {
    const isBehind = segmentOf(this.#target.position) > segmentOf(this.#meta.position);
    if (frozen.size === 0 && !isBehind) return;
    const { putsMax } = this.#parts.limits;
    for (let start: string | undefined = ""; start !== undefined;) {
      await this.#readersGone(isUrgent);
      const startedMs = this.#parts.timers.cpuMs();
      const slice: Slice = this.#slice(frozen, start, putsMax);
      const meta = slice.next === undefined ? this.#complete() : this.#meta;
      const writes = [...slice.writes, metaWrite(this.#parts.crc32, meta)];
      this.#step(startedMs);
      await this.#commit(writes);
      this.#meta = meta;
      start = slice.next;
    }
    this.#count += 1;
  }

  async clearDamage(): Promise<void> {
    const { damage, ...meta } = this.#meta;
    if (damage === undefined) return;
    await this.#parts.checkpoint.commit([metaWrite(this.#parts.crc32, meta)]);
    this.#meta = meta;
  }

  async #commit(writes: readonly SealedWrite[]): Promise<void> {
    const { log, checkpoint, timers } = this.#parts;
    await log.withSpace(() => checkpoint.room(writes));
    const startedMs = timers.cpuMs();
    const committed = checkpoint.commit(writes);
    this.#step(startedMs);
    await committed;
  }

  #complete(): CheckpointMeta {
    const { position, sequence } = this.#target;
    assert(position >= this.#meta.position, "a checkpoint goes forward");
    return { ...this.#meta, position, sequence, synced: position };
  }

  #slice(frozen: Overlay, start: string, putsMax: number): Slice {
    const { putBytesMax } = this.#parts.limits;
    const page = frozen.views({ start, end: undefined }, { reverse: false, limit: putsMax });
    let bytes = 0;
    let count = 0;
    for (const { key, sealed } of page) {
      if (count > 0 && bytes > putBytesMax) break;
      bytes += key.byteLength + (sealed?.byteLength ?? 0);
      count += 1;
    }
    const writes = page.slice(0, count);
    const last = writes.at(-1)?.text ?? "";
    const isLast = count === page.length && page.length < putsMax;
    return { writes, next: isLast ? undefined : `${last}\u0000` };
  }

  async #readersGone(isUrgent: () => boolean): Promise<void> {
    const { checkpoint, limits, timers } = this.#parts;
    while (checkpoint.readerAgeMs() > limits.readerAgeMaxMs && !isUrgent()) {
      await new Promise<void>((resolve) => {
        timers.later(READER_RETRY_MS, resolve);
      });
    }
  }

  #step(startedMs: number): void {
    const ms = this.#parts.timers.cpuMs() - startedMs;
    this.#stepMsMax = Math.max(this.#stepMsMax, ms);
  }
}

interface Slice {
  readonly writes: readonly SealedWrite[];
  /** Where the next one begins; undefined: this is the last. */
  readonly next: string | undefined;
}

/** The checkpoint as the oldest layer of a reading. */
export function checkpointLayer(checkpoint: Checkpoint): Layer {
  return {
    page: ({ start, end }, options) =>
      checkpoint
        .page({ start: textBytes(start), end: textBytes(end ?? AFTER_ALL) }, options)
        .map(({ key, sealed }) => ({ text: byteText(key), key, sealed })),
  };
}

function segmentOf(position: number): number {
  return placeOfPosition(position).number;
}

const AFTER_ALL = "\u00ff".repeat(1_600);
