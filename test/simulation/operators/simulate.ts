// One run from one seed: a safety phase under faults, then a liveness phase without them in which
// everything must settle, stay at rest, and stay so for a process that begins with empty memory.
import { createHash } from "node:crypto";

import { errorMessage } from "#api/base/index.ts";

import type { Kind } from "#controllers/runtime/index.ts";
import { KINDS } from "#controllers/runtime/index.ts";

import { INVARIANTS } from "./invariants/index.ts";
import type { FaultCounts } from "./world/faults.ts";
import { COLLECTIONS, ENVIRONMENTS, PACKAGES, RUNTIMES } from "./world/kinds.ts";
import { isOwnWrite } from "./world/process.ts";
import { conditionsOf } from "./world/users.ts";
import type { Sabotage } from "./world/world.ts";
import { World } from "./world/world.ts";
import { all } from "./world/look.ts";

/** What to run. */
export interface SimulationOptions {
  readonly seed: number;
  /** Steps of the safety phase: a deed of a person, a fault, or time that passes. */
  readonly steps: number;
  /** False: nothing fails; true if not given. */
  readonly faults?: boolean;
  readonly sabotage?: Sabotage;
  /** Ends the run once this invariant is violated. */
  readonly stopAt?: string;
  /** Instead of the drawn steps: exactly this, for named scenarios. */
  readonly script?: (world: World) => Promise<void>;
}

/** How it went. */
export interface SimulationReport {
  readonly seed: number;
  /** `<invariant>: <what>`, in order; empty if all is well. */
  readonly violations: readonly string[];
  /** What was done, with virtual seconds. */
  readonly trace: readonly string[];
  readonly faults: FaultCounts;
  /** Writes of operators, leases and Events apart. */
  readonly writes: number;
  /** Of every change of every object and every request: equal for equal seeds. */
  readonly digest: string;
}

const SETTLE_STEP_MS = 10_000;
const SETTLE_MS_MAX = 600_000;
const REST_MS = 65_000;
const VIOLATIONS_MAX = 20;

/** Runs one seed. Throws only if the simulation itself is broken. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const world = new World(options.seed, options.sabotage);
  const run = new Run(world, options.stopAt);
  world.server.userApply(ENVIRONMENTS, {
    apiVersion: "oaas.io/v1alpha1",
    kind: "Environment",
    metadata: { name: "default" },
    ...{ spec: { tier: "Cloud" } },
  });
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" } };
  world.server.userApply(KINDS.Node, node);
  const status = { conditions: [{ type: "Ready", status: "True" }], allocatable: { cpu: "4" } };
  world.server.userPatch(KINDS.Node, { namespace: "", name: "node-1" }, { status }, "status");
  world.startProcess();
  world.startProcess();
  await world.clock.advance(3_000);
  if (options.script === undefined) await run.safety(options.steps, options.faults ?? true);
  else await options.script(world);
  await run.liveness();
  return run.report(options.seed);
}

class Run {
  readonly #world: World;
  readonly #violations: string[] = [];
  readonly #trace: string[] = [];
  readonly #digest = createHash("sha256");
  readonly #looks: (() => void)[] = [];
  #writes: string[] = [];
  #writeCount = 0;
  readonly #stopAt: string | undefined;

  constructor(world: World, stopAt?: string) {
    this.#world = world;
    this.#stopAt = stopAt;
    for (const invariant of INVARIANTS) {
      const violated = (what: string): void => this.#violated(invariant.name, what);
      const look = invariant.begin(world, violated);
      if (look !== undefined) this.#looks.push(look);
    }
    world.witnesses.push((process, request) => {
      const line = `${process.identity} ${request.method} ${request.path}`;
      this.#digest.update(`${world.clock.monotonicMs()} ${line}\n`);
      if (!isOwnWrite(request)) return;
      this.#writeCount += 1;
      this.#writes.push(line);
    });
    world.server.storage.subscribe(({ version, type, kind, stored }) => {
      this.#digest.update(`${version} ${type} ${kind.plural} ${stored.object.metadata.name}\n`);
    });
  }

  async safety(steps: number, faults: boolean): Promise<void> {
    const { world } = this.#here;
    const { dice } = world;
    for (let step = 0; step < steps && !this.#stopped; step += 1) {
      if (faults && step % 10 === 0) {
        world.faults.rate = dice.pick([0, 0.02, 0.1, 0.3]);
        world.network.loss = dice.pick([0, 0, 0.2]);
      }
      const what = faults && dice.chance(0.35) ? this.#fault() : world.users.step();
      this.#note(what);
      await world.clock.advance(dice.pick([0, 50, 400, 2_000, 8_000]));
      world.server.log.length = 0;
    }
  }

  async liveness(): Promise<void> {
    if (this.#stopped) return;
    const { world } = this.#here;
    for (const process of world.processes) process.thaw();
    world.faults.end();
    world.network.loss = 0;
    world.fleet.unreachable.clear();
    this.#startMissing();
    world.users.mend();
    this.#note("mend everything, no more faults");
    if (!(await this.#settled())) return;
    for (const look of this.#looks) look();
    await this.#atRest("at rest");
    for (const process of world.alive) process.kill();
    this.#startMissing();
    await world.clock.advance(10_000);
    await this.#atRest("after a restart with empty memory");
    const { lines } = world;
    for (const { level, message, fields } of lines) {
      if (level === "error") this.#violated("no-bugs", `${message} ${JSON.stringify(fields)}`);
    }
    for (const cause of world.failures) this.#violated("no-exit", errorMessage(cause));
  }

  report(seed: number): SimulationReport {
    return {
      seed,
      violations: this.#violations,
      trace: this.#trace,
      faults: this.#world.faults.counts,
      writes: this.#writeCount,
      digest: this.#digest.digest("hex").slice(0, 16),
    };
  }

  get #here(): { readonly world: World } {
    return { world: this.#world };
  }

  get #stopped(): boolean {
    const { length } = this.#violations.filter((text) => text.startsWith(`${this.#stopAt}: `));
    return length > 0;
  }

  #note(what: string): void {
    this.#trace.push(`${(this.#world.clock.monotonicMs() / 1_000).toFixed(2)} s  ${what}`);
  }

  #violated(name: string, what: string): void {
    const text = `${name}: ${what}`;
    if (this.#violations.length >= VIOLATIONS_MAX || this.#violations.includes(text)) return;
    this.#note(`VIOLATED ${text}`);
    this.#violations.push(text);
  }

  #startMissing(): void {
    while (this.#world.alive.length < 2) this.#world.startProcess();
  }

  /** A fault of the network, or of a process. */
  #fault(): string {
    const { dice, faults, alive, clock } = this.#world;
    const process = alive.length === 0 ? undefined : dice.pick(alive);
    if (process === undefined || dice.chance(0.5)) return `watches: ${faults.disturbWatches()}`;
    const delayMs = dice.int(0, 20_000);
    const name = dice.pick(["crash", "crash-at-write", "freeze"] as const);
    faults.count(name);
    switch (name) {
      case "crash":
        process.kill();
        clock.schedule(delayMs, () => this.#startMissing());
        break;
      case "crash-at-write":
        process.killAtWrite(dice.int(1, 8), dice.pick(["before", "after"]));
        clock.schedule(delayMs, () => this.#startMissing());
        break;
      case "freeze":
        process.freeze();
        clock.schedule(delayMs + 1, () => process.thaw());
        break;
    }
    return `${name} ${process.identity}`;
  }

  /** Lets time pass until everything is well, doing what messages ask for. */
  async #settled(): Promise<boolean> {
    const { world } = this.#here;
    const startedAtMs = world.clock.monotonicMs();
    let troubles: readonly string[] = [];
    // A watch that was silenced is found dead after 75 s.
    await world.clock.advance((world.faults.counts["watch-silence"] ?? 0) > 0 ? 80_000 : 5_000);
    while (world.clock.monotonicMs() - startedAtMs < SETTLE_MS_MAX && !this.#stopped) {
      for (const advice of world.users.followAdvice()) this.#note(`advice: ${advice}`);
      await world.clock.advance(SETTLE_STEP_MS);
      world.server.log.length = 0;
      this.#startMissing();
      troubles = this.#troubles();
      if (troubles.length === 0) {
        await world.clock.advance(12_000);
        troubles = this.#troubles();
        if (troubles.length === 0) return true;
      }
    }
    for (const trouble of troubles) this.#violated("liveness", trouble);
    return false;
  }

  /** Objects of ours that are not Ready as of their newest generation. */
  #troubles(): readonly string[] {
    const { server } = this.#world;
    const kinds: readonly Kind[] = [PACKAGES, RUNTIMES, COLLECTIONS, ENVIRONMENTS];
    return kinds.flatMap((kind) =>
      all(server, kind).flatMap((live) => {
        const { name, generation, deletionTimestamp } = live.metadata;
        const ready = conditionsOf(live).find((one) => one.type === "Ready");
        const { status } = live as { readonly status?: { readonly observedGeneration?: number } };
        const current = status?.observedGeneration === generation;
        if (current && ready?.status === "True" && deletionTimestamp === undefined) return [];
        const why = current ? (ready?.message ?? "no Ready") : "its status is of the past";
        return [`${kind.kind} ${name} does not settle: ${why}`];
      }),
    );
  }

  /** Nothing is written when nothing changes. */
  async #atRest(when: string): Promise<void> {
    this.#writes = [];
    await this.#world.clock.advance(REST_MS);
    for (const write of this.#writes)
      this.#violated("no-write-without-difference", `${when}: ${write}`);
  }
}
