// The lines that are printed: one JSON object per figure, with what it was measured on.

/** One figure. */
export interface Line {
  /** Which figure, as `odgm.<part>.<figure>`. */
  readonly bench: string;
  /** What it is of: shard, replicas, bytes of a value, and so on. */
  readonly of?: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly unit: string;
  /** Median of ours by the reference, over the pairs. */
  readonly ratio?: number;
  /** The smallest and the largest of them. */
  readonly ratioSpread?: readonly [number, number];
  readonly target?: string;
  /** Only with a target. */
  readonly ok?: boolean;
  readonly versions: Readonly<Record<string, string>>;
}

/** What a figure has to be. */
export interface Target {
  readonly text: string;
  ok(figure: { readonly value: number; readonly ratio?: number }): boolean;
}

/** Below so much, in the unit of the figure. */
export function below(limit: number, unit: string): Target {
  return { text: `< ${limit} ${unit}`, ok: ({ value }) => value < limit };
}

/** At least so many times the reference. */
export function atLeastTimes(factor: number): Target {
  const ok = ({ ratio }: { readonly ratio?: number }): boolean =>
    ratio !== undefined && ratio >= factor;
  return { text: `>= ${factor.toFixed(1)}x`, ok };
}

/** Exactly so much. */
export function exactly(wanted: number): Target {
  return { text: `= ${wanted}`, ok: ({ value }) => value === wanted };
}

/** Prints lines, and knows afterwards whether every target was met. */
export class Reporter {
  readonly #write: (text: string) => void;
  readonly #versions: Readonly<Record<string, string>>;
  #missed = 0;

  constructor(options: {
    readonly write: (text: string) => void;
    readonly versions: Readonly<Record<string, string>>;
  }) {
    this.#write = options.write;
    this.#versions = options.versions;
  }

  /** Targets that were missed so far. */
  get missed(): number {
    return this.#missed;
  }

  /** One figure; a value that is no number misses any target. */
  tell(
    figure: Pick<Line, "bench" | "of" | "value" | "unit"> & {
      /** Of neighbouring runs: ours by the reference. */
      readonly ratios?: readonly number[];
      readonly target?: Target | undefined;
    },
  ): void {
    const { ratios = [], target, value, of } = figure;
    const ratio = ratios.length === 0 ? undefined : median(ratios);
    const ok = target?.ok({ value, ...(ratio === undefined ? {} : { ratio }) });
    if (ok === false) this.#missed += 1;
    const line: Line = {
      bench: `odgm.${figure.bench}`,
      ...(of === undefined ? {} : { of }),
      value: rounded(value),
      unit: figure.unit,
      ...(ratio === undefined
        ? {}
        : {
            ratio: rounded(ratio),
            ratioSpread: [rounded(Math.min(...ratios)), rounded(Math.max(...ratios))],
          }),
      ...(target === undefined || ok === undefined ? {} : { target: target.text, ok }),
      versions: this.#versions,
    };
    this.#write(JSON.stringify(line));
  }
}

/** The middle of a list, NaN if it is empty. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? Number.NaN)) / 2;
}

/**
 * The longest time without an acknowledged write that ends after the leader was killed, in the unit
 * of its arguments; undefined while nothing has been acknowledged since. It begins with the last
 * acknowledgement before, so it is never shorter than from the kill to the next one.
 */
export function outage(acknowledgedAt: readonly number[], killedAt: number): number | undefined {
  let longest: number | undefined;
  for (const [at, time] of acknowledgedAt.entries()) {
    if (time <= killedAt) continue;
    const gap = time - (acknowledgedAt[at - 1] ?? killedAt);
    if (longest === undefined || gap > longest) longest = gap;
  }
  return longest;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
