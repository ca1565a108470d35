// TargetPort of one operator process: asks the simulated programs now and then, as operators/rawstor
// does by HTTP.
import type { OstSeen } from "#controllers/ost-target/plan/plan.ts";
import type { TargetPort } from "#controllers/ost-target/port.ts";
import type { Client } from "#controllers/runtime/index.ts";
import { ApiError, KINDS, sleep } from "#controllers/runtime/index.ts";
import type { Dice, Host, SimProcess } from "#controllers/runtime/testing/index.ts";

import type { Disks } from "./disks.ts";

const POLL_MS_MAX = 2_000;

/** See the head of this file. */
export class SimTargetPort implements TargetPort {
  readonly #client: Client;
  readonly #process: SimProcess;
  readonly #disks: Disks;
  readonly #dice: Dice;
  readonly #asked = new Map<string, { readonly url: string; seen: OstSeen }>();
  readonly #restarted = new Set<string>();
  #wake: (name: string) => void = () => undefined;

  constructor({ client, process, dice }: Host<unknown>, disks: Disks) {
    this.#client = client;
    this.#process = process;
    this.#disks = disks;
    this.#dice = dice;
    disks.subscribe(() => process.schedule(dice.int(0, POLL_MS_MAX), () => this.#poll()));
  }

  async seen(name: string, statusUrl: string | undefined): Promise<OstSeen> {
    const known = this.#asked.get(name);
    if (statusUrl !== undefined && known?.url === statusUrl) return known.seen;
    this.#asked.delete(name);
    if (statusUrl === undefined) return { kind: "absent" };
    await sleep(this.#process, this.#dice.int(1, 100));
    const seen = this.#ask(statusUrl);
    this.#asked.set(name, { url: statusUrl, seen });
    return seen;
  }

  start(wake: (name: string) => void): () => void {
    this.#wake = wake;
    return () => {
      this.#wake = () => undefined;
      this.#asked.clear();
    };
  }

  restarted(podUid: string): boolean {
    return this.#restarted.has(podUid);
  }

  async restartPod(pod: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  }): Promise<void> {
    const { namespace, name, uid } = pod;
    try {
      await this.#client.delete(KINDS.Pod, { namespace, name }, { uid });
      this.#restarted.add(uid);
    } catch (cause) {
      if (!(cause instanceof ApiError) || cause.status !== 409) throw cause;
    }
  }

  #poll(): void {
    for (const [name, asked] of this.#asked) {
      const now = this.#ask(asked.url);
      if (JSON.stringify(now) === JSON.stringify(asked.seen)) continue;
      asked.seen = now;
      this.#wake(name);
    }
  }

  #ask(url: string): OstSeen {
    const status = this.#disks.status(url);
    return status === undefined
      ? { kind: "unreachable", message: "connection refused" }
      : { kind: "known", status };
  }
}
