// The OstTarget controller's port to the world: asks every target's program for its status, and
// deletes pods. Polling stays between the operator and the pods; the API server hears only of
// changes.
import type { Clock, Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { OstStatus } from "#api/workload/ost.ts";
import type { OstSeen } from "#controllers/ost-target/plan/plan.ts";
import type { TargetPort } from "#controllers/ost-target/port.ts";
import type { CancelTimer, Client, ExactObject, Timers } from "#controllers/runtime/index.ts";
import {
  deleteExactly,
  KINDS,
  sleep,
  systemClock,
  systemTimers,
} from "#controllers/runtime/index.ts";

const POLL_MS = 2_000;
const REQUEST_TIMEOUT_MS = 3_000;
/** How long the first answer of a program is waited for. */
const FIRST_ANSWER_MS = 1_000;
/** Counts alone wake a target at most this often. */
const COUNTS_MS = 30_000;
const RESTARTED_MAX = 10_000;

interface Polled {
  readonly url: string;
  seen: OstSeen;
  /** What was told last, and when. */
  told: OstSeen;
  toldAtMs: number;
  stopped: boolean;
  /** The next question. */
  cancel: CancelTimer;
}

/** Where time and the programs' answers come from. */
export interface TargetWorld {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Asks a program for its status; never rejects. */
  readonly ask: (url: string) => Promise<OstSeen>;
}

const REAL_WORLD: TargetWorld = { clock: systemClock, timers: systemTimers, ask };

/** See the head of this file. */
export class OperatorTargetPort implements TargetPort {
  readonly #client: Client;
  readonly #log: Logger;
  readonly #world: TargetWorld;
  readonly #polled = new Map<string, Polled>();
  /** Uids of deleted pods, latest last; a pod is away long before it leaves the list. */
  readonly #restarted = new Set<string>();
  #wake: ((name: string) => void) | undefined;

  constructor(client: Client, log: Logger, world: TargetWorld = REAL_WORLD) {
    this.#client = client;
    this.#log = log;
    this.#world = world;
  }

  seen(name: string, statusUrl: string | undefined): OstSeen | Promise<OstSeen> {
    const present = this.#polled.get(name);
    if (present !== undefined && present.url === statusUrl) return present.seen;
    if (present !== undefined) stop(present);
    this.#polled.delete(name);
    if (statusUrl === undefined) return { kind: "absent" };
    const unknown: OstSeen = { kind: "unreachable", message: "not asked yet" };
    const fresh: Polled = {
      url: statusUrl,
      seen: unknown,
      told: unknown,
      toldAtMs: 0,
      stopped: false,
      cancel: () => undefined,
    };
    this.#polled.set(name, fresh);
    const first = this.#poll(name, fresh);
    return firstOf(this.#world.timers, first, FIRST_ANSWER_MS).then(() => fresh.seen);
  }

  start(wake: (name: string) => void): () => void {
    this.#forgetAll();
    this.#wake = wake;
    return () => {
      this.#wake = undefined;
      this.#forgetAll();
    };
  }

  restarted(podUid: string): boolean {
    return this.#restarted.has(podUid);
  }

  async restartPod(pod: ExactObject): Promise<void> {
    await deleteExactly(this.#client, KINDS.Pod, pod);
    this.#restarted.add(pod.uid);
    if (this.#restarted.size <= RESTARTED_MAX) return;
    const oldest = this.#restarted.keys().next();
    if (oldest.done !== true) this.#restarted.delete(oldest.value);
  }

  #forgetAll(): void {
    for (const polled of this.#polled.values()) stop(polled);
    this.#polled.clear();
  }

  async #poll(name: string, polled: Polled): Promise<void> {
    if (polled.stopped) return;
    const { clock, timers, ask } = this.#world;
    polled.seen = await ask(polled.url);
    if (polled.stopped) return;
    const nowMs = clock.monotonicMs();
    const word = changeBetween(polled.told, polled.seen);
    if (word === "much" || (word === "counts" && nowMs - polled.toldAtMs >= COUNTS_MS)) {
      polled.told = polled.seen;
      polled.toldAtMs = nowMs;
      this.#log.debug("target changed", { target: name, seen: polled.seen.kind });
      this.#wake?.(name);
    }
    // A pass of a term that is over may still ask; nobody hears the answers after that.
    if (this.#wake === undefined) return;
    polled.cancel = timers.schedule(POLL_MS, () => void this.#poll(name, polled));
  }
}

function stop(polled: Polled): void {
  polled.stopped = true;
  polled.cancel();
}

/** Resolves with the answer, or after this long without one. */
async function firstOf(timers: Timers, answer: Promise<void>, limitMs: number): Promise<void> {
  const limit = new AbortController();
  const { signal } = limit;
  const waited = sleep(timers, limitMs, signal);
  await Promise.race([answer, waited]);
  limit.abort();
}

async function ask(url: string): Promise<OstSeen> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    if (!response.ok) {
      return { kind: "unreachable", message: `${url}: HTTP ${response.status}` };
    }
    return { kind: "known", status: (await response.json()) as OstStatus };
  } catch (cause) {
    return { kind: "unreachable", message: `${url}: ${errorMessage(cause)}` };
  }
}

/** Free space below this share of the capacity is no news: others may use the file system too. */
const AVAILABLE_SHARE = 0.01;

/** `counts` if only figures that move with every write differ. */
export function changeBetween(before: OstSeen, after: OstSeen): "none" | "counts" | "much" {
  if (before.kind !== "known" || after.kind !== "known") {
    return JSON.stringify(before) === JSON.stringify(after) ? "none" : "much";
  }
  const bare = (status: OstStatus): string =>
    JSON.stringify({ ...status, usedBytes: 0, availableBytes: 0, objects: status.objects === 0 });
  if (bare(before.status) !== bare(after.status)) return "much";
  const { usedBytes, objects, availableBytes, capacityBytes } = after.status;
  const moved = Math.abs(availableBytes - before.status.availableBytes);
  const same = usedBytes === before.status.usedBytes && objects === before.status.objects;
  return same && moved < capacityBytes * AVAILABLE_SHARE ? "none" : "counts";
}
