// YCSB's core workloads A to F: shares of operations, which keys, how long scans are.
import type { Draw, KeyChooser } from "./zipfian.ts";
import { latest, scattered } from "./zipfian.ts";

/** What is done to a record. `modify` reads it and then writes it. */
export type Kind = "read" | "update" | "insert" | "scan" | "modify";

/** The workloads by YCSB's letters. */
export type MixName = "A" | "B" | "C" | "D" | "E" | "F";

/** One operation. */
export interface Operation {
  readonly kind: Kind;
  /** The record; of an insert the new one. */
  readonly record: number;
  /** Most records that a scan answers; 0 for others. */
  readonly length: number;
}

/** Shares in percent; together 100. */
export const MIXES: Readonly<Record<MixName, readonly (readonly [Kind, number])[]>> = {
  A: [
    ["read", 50],
    ["update", 50],
  ],
  B: [
    ["read", 95],
    ["update", 5],
  ],
  C: [["read", 100]],
  D: [
    ["read", 95],
    ["insert", 5],
  ],
  E: [
    ["scan", 95],
    ["insert", 5],
  ],
  F: [
    ["read", 50],
    ["modify", 50],
  ],
};

/** YCSB's longest scan; lengths are uniform from 1. */
export const SCAN_LENGTH_MAX = 100;

/**
 * The operations of one run. Inserted records become known in order, once they and all before them
 * are acknowledged, as in YCSB; nothing else is asked for.
 */
export class Operations {
  readonly #shares: readonly (readonly [Kind, number])[];
  readonly #draw: Draw;
  readonly #keys: KeyChooser;
  /** Records that are known to exist: all below. */
  #known: number;
  #next: number;
  readonly #early = new Set<number>();

  /** `records` exist already, numbered from 0. */
  constructor(mix: MixName, options: { readonly records: number; readonly draw: Draw }) {
    this.#shares = MIXES[mix];
    this.#draw = options.draw;
    const { draw, records } = options;
    this.#keys = mix === "D" ? latest(draw, records) : scattered(draw);
    this.#known = options.records;
    this.#next = options.records;
  }

  /** Records that are known to exist. */
  get known(): number {
    return this.#known;
  }

  next(): Operation {
    const kind = this.#kind();
    if (kind === "insert") return { kind, record: this.#next++, length: 0 };
    const record = this.#keys.next(this.#known);
    const length = kind === "scan" ? 1 + Math.floor(this.#draw() * SCAN_LENGTH_MAX) : 0;
    return { kind, record, length };
  }

  /** The insert of this record was acknowledged. */
  inserted(record: number): void {
    this.#early.add(record);
    while (this.#early.delete(this.#known)) this.#known += 1;
  }

  #kind(): Kind {
    let left = this.#draw() * 100;
    for (const [kind, share] of this.#shares) {
      left -= share;
      if (left < 0) return kind;
    }
    return this.#shares[0]?.[0] ?? "read";
  }
}

/** The id of a record: in byte order as in number. */
export function recordId(record: number): string {
  return `user${String(record).padStart(12, "0")}`;
}
