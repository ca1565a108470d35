// A machine with one Mst shard: a disk and clocks that stay, processes that come and go. The store,
// the group commit and the shard are those that ship.
import type { Rng } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import { Committer } from "#workloads/odgm/committer.ts";
import { guardStore } from "#workloads/odgm/guard.ts";
import { MstShard } from "#workloads/odgm/shards/mst.ts";
import type { ReplicaGroup } from "#workloads/odgm/shards/shard.ts";
import { ENGINE_LIMITS, openEngine, storeCrc32 } from "#workloads/platform/kv/index.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";

import { Ground } from "./disk.ts";
import type { MachineClock } from "./loop.ts";
import { Loop } from "./loop.ts";
import type { Network } from "./network.ts";
import type { World } from "./world.ts";

/** What machines share. */
export interface MstSurroundings {
  readonly world: World;
  readonly network: Network;
  readonly rng: Rng;
  machine(node: string): MstMachine | undefined;
  trace(line: string): void;
  violation(text: string): void;
}

/** Who belongs to the group. */
export interface MstMembership {
  readonly generation: bigint;
  readonly members: readonly string[];
}

const LIMITS = {
  ...ENGINE_LIMITS,
  segmentBytes: 4 << 10,
  checkpointBytes: 8 << 10,
  logBytesMax: 32 << 10,
};
const NUMBER = 1;
const ANSWER_MS = 8_000;
const RESTART_MS = { from: 50, to: 3_000 };
const SETTINGS = { kinds: new Map(), casLocal: true, stalenessBoundMs: undefined };

/** See the top of the file. */
export class MstMachine {
  readonly node: string;
  readonly ground = new Ground();
  readonly clock: MachineClock;
  /** While a process runs. */
  shard: MstShard | undefined;
  loop: Loop | undefined;
  membership: MstMembership;
  /** It was taken out of the group. */
  isGone = false;
  private readonly around: MstSurroundings;

  constructor(
    node: string,
    around: MstSurroundings,
    options: { readonly clock: MachineClock; readonly membership: MstMembership },
  ) {
    this.node = node;
    this.around = around;
    this.clock = options.clock;
    this.membership = options.membership;
  }

  /** Starts a process, unless one runs. */
  start(): void {
    if (this.loop !== undefined || this.isGone) return;
    const { world, rng, trace } = this.around;
    const loop = new Loop(world, this.clock, rng);
    this.loop = loop;
    trace(`${this.node} starts`);
    world.isStirred = true;
    this.open(loop).catch((cause: unknown) => {
      if (loop.isOver) return;
      if (this.ground.power.isOff) this.end("power");
      else this.around.violation(`start: ${this.node}: ${errorMessage(cause)}`);
    });
  }

  private async open(loop: Loop): Promise<void> {
    const { rng } = this.around;
    const { disk, checkpoint } = this.ground.openedBy(loop, rng);
    const timers = loop.forStore;
    const freeSpace = (): Promise<boolean> => Promise.resolve(false);
    const ground = { disk, checkpoint, timers, crc32: storeCrc32, limits: LIMITS, freeSpace };
    const found = await openEngine(ground, () => rng.bytes(8));
    if (found.kind === "damaged") throw new Error(found.message);
    const failed = (): void => {
      if (!loop.isOver) this.end("power");
    };
    const store = guardStore(found.engine, failed, () => undefined);
    const observer = { committed: () => undefined };
    const committer = new Committer(store, { observer, log: silentLogger, timers });
    this.shard = new MstShard({
      partition: 0,
      number: NUMBER,
      store,
      committer,
      log: silentLogger,
      node: this.node,
      settings: SETTINGS,
      group: this.group(loop),
      time: { clock: loop, timers: loop },
    });
  }

  /** The process ends in the middle of what it does, and comes back. */
  end(how: "kill" | "power"): void {
    const { world, rng, trace } = this.around;
    if (this.loop !== undefined) {
      trace(`${this.node} ends: ${how}`);
      this.loop.isOver = true;
      this.loop = undefined;
      this.shard = undefined;
      world.after(RESTART_MS.from + rng.next() * (RESTART_MS.to - RESTART_MS.from), () =>
        this.start(),
      );
    }
    if (how === "power") this.ground.loseTail(rng);
  }

  /** Another generation is in force. */
  join(membership: MstMembership): void {
    this.membership = membership;
    if (this.loop !== undefined) this.shard?.configure(SETTINGS, this.group(this.loop));
  }

  private group(loop: Loop): ReplicaGroup {
    const { generation, members } = this.membership;
    return {
      generation,
      founded: 1n,
      members,
      send: (to, payload, answered) => this.send({ loop, to, payload }, answered),
    };
  }

  private send(
    {
      loop,
      to,
      payload,
    }: { readonly loop: Loop; readonly to: string; readonly payload: Uint8Array },
    answered: (payload: Uint8Array | undefined) => void,
  ): void {
    const { world, network } = this.around;
    let isOver = false;
    const end = (answer: Uint8Array | undefined): void => {
      if (isOver) return;
      isOver = true;
      answered(answer);
    };
    const stop = loop.after(ANSWER_MS, () => end(undefined));
    const back = (atMs: number, answer: Uint8Array | undefined): void =>
      network.carry({ from: to, to: this.node }, atMs, () =>
        loop.arrive(() => {
          stop();
          end(answer);
        }),
      );
    const bytes = payload.slice();
    network.carry({ from: this.node, to }, loop.atMs, () => {
      const peer = this.around.machine(to);
      const there = peer?.loop;
      if (there === undefined || peer?.shard === undefined) {
        back(world.nowMs, undefined);
        return;
      }
      there.arrive(() => {
        try {
          peer.shard?.receive(this.node, bytes.slice(), (reply) => back(there.atMs, reply.slice()));
        } catch {
          // A refusal; the other side hears of it as of any other.
          back(there.atMs, undefined);
        }
      });
    });
  }
}
