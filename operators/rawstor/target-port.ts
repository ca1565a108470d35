// The OstTarget controller's port to the world: asks every target's program for its status, tells
// it whether to take new objects, and deletes pods. Polling stays between the operator and the
// pods; the API server hears only of changes.
import type { Clock, Logger } from "#api/base/index.ts";
import { errorMessage, PlatformError } from "#api/base/index.ts";
import type { OstStatus } from "#api/workload/ost.ts";
import { ostHealthPaths } from "#api/workload/ost.ts";
import type { CloseDisk, OpenDisk, OstSeen } from "#controllers/ost-target/plan/plan.ts";
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
/** By then a watch that tells nothing has been found dead, and the pods were listed again. */
const RESTARTED_MS = 120_000;

interface Polled {
  readonly url: string;
  seen: OstSeen;
  /** What was told last, and when. */
  told: OstSeen;
  toldAtMs: number;
  stopped: boolean;
  isAsking: boolean;
  /** What is being asked may be of the past already. */
  isAskedAgain: boolean;
  /** The next question. */
  cancel: CancelTimer;
}

/** The program did not do what it was told. */
class OstOrderError extends PlatformError {
  override readonly name = "OstOrderError";
  override readonly code = "OST_ORDER";
}

/** Where time and the programs' answers come from. */
export interface TargetWorld {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Asks a program for its status; never rejects. */
  readonly ask: (url: string) => Promise<OstSeen>;
  /** Has the program behind a status address do this; rejects if it did not. */
  readonly tell: (url: string, order: CloseDisk | OpenDisk) => Promise<void>;
}

const REAL_WORLD: TargetWorld = { clock: systemClock, timers: systemTimers, ask, tell };

/** See the head of this file. */
export class OperatorTargetPort implements TargetPort {
  readonly #client: Client;
  readonly #log: Logger;
  readonly #world: TargetWorld;
  readonly #polled = new Map<string, Polled>();
  /** Uids of deleted pods and when; a pod is away long before it leaves the list. */
  readonly #restarted = new Map<string, number>();
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
      isAsking: false,
      isAskedAgain: false,
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
    this.#forgetRestarts();
    return this.#restarted.has(podUid);
  }

  async restartPod(pod: ExactObject): Promise<void> {
    const outcome = await deleteExactly(this.#client, KINDS.Pod, pod);
    // After a conflict the pod may be there as before: nothing is to be remembered that is not so.
    if (outcome === "going") this.#restarted.set(pod.uid, this.#world.clock.monotonicMs());
  }

  async turnDisk(order: CloseDisk | OpenDisk): Promise<void> {
    const polled = this.#polled.get(order.target);
    if (polled === undefined) throw new OstOrderError(`${order.target} is not served`);
    await this.#world.tell(polled.url, order);
    if (polled.isAsking) {
      polled.isAskedAgain = true;
      return;
    }
    polled.cancel();
    void this.#poll(order.target, polled);
  }

  #forgetRestarts(): void {
    const sinceMs = this.#world.clock.monotonicMs() - RESTARTED_MS;
    for (const [uid, atMs] of this.#restarted) {
      if (atMs > sinceMs) return;
      this.#restarted.delete(uid);
    }
  }

  #forgetAll(): void {
    for (const polled of this.#polled.values()) stop(polled);
    this.#polled.clear();
  }

  async #poll(name: string, polled: Polled): Promise<void> {
    if (polled.stopped) return;
    const { clock, timers, ask } = this.#world;
    polled.isAsking = true;
    polled.seen = await ask(polled.url);
    polled.isAsking = false;
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
    const delayMs = polled.isAskedAgain ? 0 : POLL_MS;
    polled.isAskedAgain = false;
    polled.cancel = timers.schedule(delayMs, () => void this.#poll(name, polled));
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

async function tell(url: string, { kind, holder }: CloseDisk | OpenDisk): Promise<void> {
  const path = `${ostHealthPaths.closed}?for=${encodeURIComponent(holder)}`;
  const method = kind === "close-disk" ? "PUT" : "DELETE";
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  const response = await fetch(new URL(path, url), { method, signal });
  // A disk that was closed for somebody else meanwhile says so in its status.
  if (response.ok || (kind === "open-disk" && response.status === 409)) return;
  const said = (await response.text()).trim();
  // Programs from before this request answer so.
  const why = response.status === 405 ? "its image is too old to be told" : said;
  throw new OstOrderError(`${method} ${response.url}: HTTP ${response.status}: ${why}`);
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
