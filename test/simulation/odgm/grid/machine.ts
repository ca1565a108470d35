// One simulated machine: a disk and clocks that stay, and processes that come and go on it. A disk
// that is lost is not used again; another machine takes its place.
import type { Rng } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { GroupLinks } from "#workloads/odgm/raft/ports.ts";
import type { MemberId } from "#workloads/core/raft/index.ts";
import { FEATURE_LEVEL } from "#workloads/core/raft/index.ts";

import { Ground } from "./disk.ts";
import type { MachineClock } from "./loop.ts";
import { Loop } from "./loop.ts";
import type { Network } from "./network.ts";
import type { Plan } from "./plan.ts";
import type { GroupTuning, ProcessObserver } from "./process.ts";
import { Process } from "./process.ts";
import type { World } from "./world.ts";

/** What machines share. */
export interface Surroundings {
  readonly world: World;
  readonly network: Network;
  readonly rng: Rng;
  readonly tuning: GroupTuning;
  machine(member: MemberId): Machine | undefined;
  trace(line: string): void;
  /** Something that must never happen. */
  violation(text: string): void;
}

/** How a process ends. */
export type Ending = "kill" | "power" | "lost";

const RESTART_MS = { from: 50, to: 2_500 };

/** See the top of the file. */
export class Machine {
  readonly member: MemberId;
  readonly observer: ProcessObserver;
  readonly ground = new Ground();
  readonly clock: MachineClock;
  /** Feature level of the release that runs here from the next start on. */
  supports: number;
  /** While it runs. */
  process: Process | undefined;
  loop: Loop | undefined;
  /** Its disk is gone, or not to be used. */
  isLost = false;
  /** What it acknowledged may be gone, until it has learned it anew. */
  isHurt = false;
  /** An operation of the disk fails or has failed: the process does not outlive the news. */
  isDoomed = false;
  /** Something that it holds has rotted and may not have been seen yet. */
  isRotten = false;
  /** It is started again by itself. */
  private restarts = true;
  private readonly around: Surroundings;
  private readonly firstPlan: () => Plan;

  constructor(
    member: MemberId,
    around: Surroundings & { readonly observer: ProcessObserver },
    options: { readonly clock: MachineClock; readonly supports: number; readonly plan: () => Plan },
  ) {
    this.member = member;
    this.around = around;
    this.observer = around.observer;
    this.clock = options.clock;
    this.supports = options.supports;
    this.firstPlan = options.plan;
  }

  /** Starts a process, unless one runs or the disk is lost. */
  start(): void {
    if (this.loop !== undefined || this.isLost) return;
    const { observer } = this;
    const { world, rng, tuning, trace } = this.around;
    const loop = new Loop(world, this.clock, rng);
    this.loop = loop;
    trace(`${this.member} starts`);
    const { member, ground, supports } = this;
    world.isStirred = true;
    const links = this.links(loop);
    const onStoreFailure = (cause: unknown): void => this.storeFailed(loop, cause);
    const options = { member, ground, loop, rng, links, tuning, supports, observer };
    Process.start({ ...options, onStoreFailure }, this.firstPlan()).then(
      (started) => {
        if (loop.isOver) return;
        if (started.kind === "ready") this.process = started.process;
        else this.refused(started.message);
      },
      (cause: unknown) => {
        if (loop.isOver) return;
        // As the program does: it ends and is started again.
        if (isNoSpace(cause) || ground.power.isOff) this.end(ground.power.isOff ? "power" : "kill");
        else this.around.violation(`start: ${member}: ${errorMessage(cause)}`);
      },
    );
  }

  private refused(message: string): void {
    if (this.ground.power.isOff) {
      this.end("power");
      return;
    }
    this.around.trace(`${this.member} is refused: ${message}`);
    if (!this.isHurt) this.around.violation(`refused: ${this.member}: ${message}`);
    this.end("lost");
  }

  private storeFailed(loop: Loop, cause: unknown): void {
    if (loop.isOver) return;
    this.around.trace(`${this.member}: ${errorMessage(cause)}`);
    this.end(this.ground.power.isOff ? "power" : "lost");
  }

  /** The process ends in the middle of what it does; it comes back unless the disk is lost. */
  end(how: Ending): void {
    const { world, rng, trace } = this.around;
    if (how === "lost") this.isLost = true;
    if (this.loop !== undefined) {
      trace(`${this.member} ends: ${how}`);
      this.loop.isOver = true;
      this.loop = undefined;
      this.isDoomed = false;
      this.process = undefined;
      world.after(RESTART_MS.from + rng.next() * (RESTART_MS.to - RESTART_MS.from), () => {
        if (this.restarts) this.start();
      });
    }
    if (how === "power") this.ground.loseTail(rng);
    this.ground.disown();
  }

  /** The newest release from the next start on, which is now if the old one cannot take part. */
  upgrade(): void {
    const isOld = this.supports < FEATURE_LEVEL;
    this.supports = FEATURE_LEVEL;
    if (isOld && this.process?.isUnwell !== false) this.end("kill");
  }

  /** Whole again, if it is. */
  look(): void {
    if (this.process === undefined || this.isRotten || this.isDoomed) return;
    if (!this.process.isUnwell) this.isHurt = false;
  }

  /** The store makes a checkpoint now. */
  checkpoint(): void {
    this.around.world.isStirred = true;
    this.process?.engine.checkpoint().catch((cause: unknown) => this.told(cause));
  }

  /** What an order to it came to, if it failed; one whose store has failed ends anyway. */
  told(cause: unknown): void {
    if (this.isLost || this.process === undefined || this.ground.power.isOff) return;
    this.around.violation(`order refused: ${this.member}: ${errorMessage(cause)}`);
  }

  /** It starts again only when it is told to. */
  keepDown(isDown: boolean): void {
    this.restarts = !isDown;
    if (!isDown) this.start();
  }

  private links(loop: Loop): GroupLinks {
    const { world, network } = this.around;
    return {
      send: (to, { payload, timeoutMs }, answered) => {
        let isOver = false;
        const end = (answer: Uint8Array | undefined): void => {
          if (isOver) return;
          isOver = true;
          world.isStirred = true;
          answered(answer);
        };
        const stop = loop.after(timeoutMs, () => end(undefined));
        const bytes = payload.slice();
        network.carry({ from: this.member, to }, loop.atMs, () => {
          const peer = this.around.machine(to);
          const there = peer?.loop;
          if (there === undefined || peer?.process === undefined) {
            // Nobody listens, or not yet: that is heard soon.
            network.carry({ from: to, to: this.member }, world.nowMs, () =>
              loop.arrive(() => end(undefined)),
            );
            return;
          }
          there.arrive(() => {
            world.isStirred = true;
            const answer = (reply: Uint8Array): void => {
              const copy = reply.slice();
              network.carry({ from: to, to: this.member }, there.atMs, () =>
                loop.arrive(() => {
                  stop();
                  end(copy);
                }),
              );
            };
            // As a link hands it in: a part of something larger. It is used again afterwards.
            const handed = Buffer.concat([PREFIX, bytes]);
            peer.process?.host.receive(this.member, handed.subarray(PREFIX.byteLength), answer);
            handed.fill(0xaa);
          });
        });
      },
    };
  }
}

function isNoSpace(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "FILES_NO_SPACE";
}

const PREFIX = Buffer.alloc(3);
