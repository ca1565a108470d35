// Writers that know what was acknowledged: each request sets two entries to one number, counts the
// version, sometimes deletes the object whole.
import { GrpcFailure } from "#workloads/platform/index.ts";

import type { DataClient } from "./data-client.ts";

/** One write that was sent, in order of sending. */
export interface SentWrite {
  /** What both entries hold afterwards; undefined = the object was deleted. */
  readonly value: string | undefined;
  readonly version: bigint;
  /** Milliseconds since the epoch, rounded up; Infinity = no answer was seen. */
  ackedAtMs: number;
}

/** Id -> its writes. */
export type History = Map<string, SentWrite[]>;

/** Pads values, so that some objects outgrow their record. */
const FILLER = "#".repeat(700);

/** Writers over one client. */
export class Load {
  readonly history: History = new Map();
  readonly #client: DataClient;
  readonly #prefix: string;
  readonly #workers: number;
  #acked = 0;
  #stopped = false;
  #waiting: { count: number; resolve: () => void } | undefined;

  constructor(client: DataClient, options: { readonly prefix: string; readonly workers: number }) {
    this.#client = client;
    this.#prefix = options.prefix;
    this.#workers = options.workers;
  }

  /** Writes until {@link stop} or until the program is gone. */
  async run(): Promise<void> {
    const workers = Array.from({ length: this.#workers }, (_, worker) => this.#work(worker));
    await Promise.all(workers);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Resolves once so many writes have been acknowledged. */
  reached(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { count, resolve };
    });
  }

  async #work(worker: number): Promise<void> {
    for (let n = 1; !this.#stopped; n += 1) {
      const id = `${this.#prefix}-${worker}-${n % 5}`;
      const writes = this.history.get(id) ?? [];
      this.history.set(id, writes);
      const value = n % 13 === 0 && writes.length > 0 ? undefined : `${n}`;
      const before = writes.at(-1)?.version ?? 0n;
      const deletesNothing = value === undefined && writes.at(-1)?.value === undefined;
      const version = deletesNothing ? before : before + 1n;
      const sent: SentWrite = { value, version, ackedAtMs: Number.POSITIVE_INFINITY };
      writes.push(sent);
      try {
        await this.#send(id, value);
      } catch (cause: unknown) {
        if (cause instanceof GrpcFailure) return;
        throw cause;
      }
      sent.ackedAtMs = Date.now() + 1;
      this.#acked += 1;
      if (this.#waiting !== undefined && this.#acked >= this.#waiting.count)
        this.#waiting.resolve();
    }
  }

  async #send(id: string, value: string | undefined): Promise<void> {
    if (value === undefined) await this.#client.delete(id);
    else await this.#client.batch(id, entriesOf(id, value));
  }
}

function entriesOf(id: string, value: string): Record<string, string> {
  const large = id.endsWith("-1") ? { f1: FILLER, f2: FILLER, f3: FILLER } : {};
  return { a: value, b: value, ...large };
}

/**
 * Everything that is wrong with the store behind this client as of `cutAtMs`, in words: an
 * acknowledged write that is gone, a state that no prefix of the writes leads to.
 */
export async function problemsOf(
  client: DataClient,
  history: History,
  cutAtMs: number,
): Promise<readonly string[]> {
  return problemsIn(history, cutAtMs, async (id) => {
    const { version } = await client.value(id, "a");
    return { value: await client.get(id), version: version ?? 0n };
  });
}

/** An object as it was found; `version` is that of its tombstone if it was deleted. */
export interface FoundState {
  readonly value: Readonly<Record<string, string>> | undefined;
  readonly version: bigint;
}

/** As {@link problemsOf}, of whatever `read` finds. */
export async function problemsIn(
  history: History,
  cutAtMs: number,
  read: (id: string) => FoundState | Promise<FoundState>,
): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [id, writes] of history) {
    const acked = writes.findLastIndex((write) => write.ackedAtMs <= cutAtMs);
    // What was sent after the last acknowledged one may or may not have got there.
    const possible = writes.slice(Math.max(acked, 0));
    if (acked === -1) possible.unshift({ value: undefined, version: 0n, ackedAtMs: 0 });
    const found = await read(id);
    const fits = possible.some((write) => isState(id, write, found));
    if (!fits)
      problems.push(`${id}: ${JSON.stringify(found, replacer)} is none of ${show(possible)}`);
  }
  return problems;
}

function isState(id: string, write: SentWrite, found: FoundState): boolean {
  if (found.version !== write.version) return false;
  if (write.value === undefined) return found.value === undefined;
  const want = entriesOf(id, write.value);
  const names = Object.keys(found.value ?? {}).sort();
  if (names.join() !== Object.keys(want).sort().join()) return false;
  return names.every((name) => found.value?.[name] === want[name]);
}

function show(writes: readonly SentWrite[]): string {
  return writes.map((write) => `${write.value ?? "deleted"}@${write.version}`).join(", ");
}

function replacer(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
