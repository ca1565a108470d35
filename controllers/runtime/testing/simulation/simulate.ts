// One run from one seed: a safety phase under faults, then a liveness phase without them in which
// everything must settle, stay at rest, and stay so for a process that begins with empty memory.
import { errorMessage } from "#api/base/index.ts";

import { behindOf } from "./behind.ts";
import { STANDARD_INVARIANTS } from "./invariants/index.ts";
import { isOwnWrite } from "./process.ts";
import { Trace } from "./trace.ts";
import { troublesOf } from "./troubles.ts";
import type { Simulation, SimulationReport } from "./types.ts";
import { SimWorld } from "./world.ts";

const STEPS = 8;
const PROCESSES = 2;
const SETTLE_STEP_MS = 10_000;
const SETTLE_MS_MAX = 600_000;
/** A watch that was silenced is found dead after this long. */
const SILENCE_MS = 80_000;
const REST_MS = 65_000;
const VIOLATIONS_MAX = 20;
/** A new draw of how much goes wrong after this many steps. */
const WEATHER_STEPS = 4;
/** At so many of the steps somebody takes a backup, and so many of the faults restore the last one. */
const BACKUP_SHARE = 0.3;
const RESTORE_SHARE = 0.15;
/** Of the restored servers so many give the same versions out again. */
const REWIND_SHARE = 0.35;
/** Until the hourly list of a cache that nothing else has told of it. */
const SETTLE_REWOUND_MS_MAX = 4_500_000;

/** Runs one seed. Throws only if the simulation itself is broken. */
export async function simulate<W = SimWorld>(simulation: Simulation<W>): Promise<SimulationReport> {
  const run = new Run(simulation);
  try {
    await run.safety();
    await run.liveness();
  } finally {
    run.end();
  }
  return run.report();
}

class Run<W> {
  readonly #simulation: Simulation<W>;
  readonly #sim: SimWorld;
  readonly #world: W;
  readonly #trace: Trace;
  readonly #violations: string[] = [];
  readonly #looks: (() => void)[] = [];
  #writes: string[] = [];
  #writeCount = 0;
  #isStopped = false;

  constructor(simulation: Simulation<W>) {
    this.#simulation = simulation;
    const { seed, kinds, sabotage = {}, lease = {}, setup, invariants = [] } = simulation;
    const sim = new SimWorld({ seed, kinds, sabotage, lease });
    this.#sim = sim;
    this.#trace = new Trace(() => sim.clock.monotonicMs(), simulation.traceAll);
    // Without a world of one's own the simulator's is the world.
    this.#world = setup?.(sim, sim.dice.fork()) ?? (sim as unknown as W);
    sim.runs((host) => simulation.controllers({ ...host, world: this.#world }));
    const { onlooker } = simulation;
    const watching = onlooker === undefined ? [] : [onlooker];
    for (const { name, begin } of [...STANDARD_INVARIANTS, ...watching]) {
      this.#begin(begin(sim, (what) => this.#violated(name, what)));
    }
    for (const invariant of invariants) {
      const { name } = invariant;
      this.#begin(invariant.begin(this.#world, (what) => this.#violated(name, what)));
    }
    sim.witnesses.push((process, request) => {
      const line = `${process.identity} ${request.method} ${request.path}`;
      this.#trace.detail(line);
      if (!isOwnWrite(request)) return;
      this.#writeCount += 1;
      this.#writes.push(line);
    });
    sim.server.storage.subscribe(({ version, type, kind, stored, actor }) => {
      this.#trace.detail(
        `${version} ${type} ${kind.plural} ${stored.object.metadata.name} by ${actor}`,
      );
    });
  }

  async safety(): Promise<void> {
    const { script, steps = STEPS, faults = true } = this.#simulation;
    this.#startMissing();
    await this.#sim.clock.advance(3_000);
    if (script !== undefined) {
      await script(this.#world, {
        drawWeather: () => this.#sim.faults.drawWeather(),
        strike: () => this.#note(this.#fault()),
        note: (what) => this.#note(what),
      });
      return;
    }
    const { dice, clock, server } = this.#sim;
    for (let step = 0; step < steps && !this.#isStopped; step += 1) {
      if (faults && step % WEATHER_STEPS === 0) this.#sim.faults.drawWeather();
      if (faults && dice.chance(BACKUP_SHARE)) this.#sim.backUp();
      this.#note(faults && dice.chance(0.4) ? this.#fault() : this.#deed());
      await clock.advance(dice.pick([0, 50, 400, 2_000, 8_000]));
      server.log.length = 0;
    }
  }

  async liveness(): Promise<void> {
    if (this.#isStopped) return;
    const sim = this.#sim;
    for (const process of sim.processes) process.thaw();
    sim.faults.end();
    this.#startMissing();
    this.#note("no more faults");
    if (!(await this.#settled())) return;
    for (const look of this.#looks) look();
    await this.#atRest("at rest");
    for (const process of sim.alive) process.kill();
    this.#startMissing();
    await sim.clock.advance(10_000);
    await this.#atRest("after a restart with empty memory");
    for (const { level, message, fields } of sim.lines) {
      // Of a process that was stopped, a timer fires before the answer that has long been there.
      const isOfFreeze = message.startsWith("pass does not end") && this.#wasFrozen;
      if (level !== "error" || isOfFreeze) continue;
      this.#violated("no-bugs", `${message} ${JSON.stringify(fields)}`);
    }
    for (const cause of sim.failures) this.#violated("no-exit", errorMessage(cause));
  }

  /** Nothing of this run goes on. */
  end(): void {
    this.#sim.end();
  }

  report(): SimulationReport {
    return {
      seed: this.#simulation.seed,
      violations: this.#violations,
      trace: this.#trace.lines,
      faults: this.#sim.faults.counts,
      writes: this.#writeCount,
      digest: this.#trace.digest,
    };
  }

  get #wasFrozen(): boolean {
    return (this.#sim.faults.counts["freeze"] ?? 0) > 0;
  }

  #begin(look: (() => void) | undefined): void {
    if (look !== undefined) this.#looks.push(look);
  }

  #note(what: string): void {
    this.#trace.note(what);
  }

  #violated(name: string, what: string): void {
    const text = `${name}: ${what}`;
    if (name === this.#simulation.stopAt) this.#isStopped = true;
    if (this.#violations.length >= VIOLATIONS_MAX || this.#violations.includes(text)) return;
    this.#note(`VIOLATED ${text}`);
    this.#violations.push(text);
  }

  #startMissing(): void {
    const { processes = PROCESSES } = this.#simulation;
    while (this.#sim.alive.length < processes) this.#sim.startProcess();
  }

  /** Something that people or machines do. */
  #deed(): string {
    const { dice } = this.#sim;
    const action = dice.weighted(this.#simulation.actions);
    const said = action.run(this.#world, dice);
    return said === undefined ? action.name : `${action.name}: ${said}`;
  }

  /** A fault of the network, or of a process. */
  #fault(): string {
    const { dice, faults, alive, clock } = this.#sim;
    const process = alive.length === 0 ? undefined : dice.pick(alive);
    if (dice.chance(RESTORE_SHARE)) {
      const rewinds = dice.chance(REWIND_SHARE);
      if (this.#sim.restore(dice.int(0, 5_000), { rewinds })) {
        const name = rewinds ? "restore-rewound" : "restore";
        faults.count(name);
        return `the API server is restored from a backup: ${name}`;
      }
    }
    if (process === undefined || dice.chance(0.5)) return `watches: ${faults.disturbWatches()}`;
    const delayMs = dice.int(0, 20_000);
    const name = dice.pick(["crash", "crash-at-write", "crash-at-write", "freeze"] as const);
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

  /** Lets time pass until everything is well, with people doing what is to be done. */
  async #settled(): Promise<boolean> {
    const { clock, faults, server } = this.#sim;
    const startedAtMs = clock.monotonicMs();
    let troubles: readonly string[] = [];
    this.#mend(0);
    await clock.advance((faults.counts["watch-silence"] ?? 0) > 0 ? SILENCE_MS : 5_000);
    const limitMs = this.#sim.isRewound ? SETTLE_REWOUND_MS_MAX : SETTLE_MS_MAX;
    for (let round = 1; clock.monotonicMs() - startedAtMs < limitMs; round += 1) {
      if (this.#isStopped) return false;
      this.#mend(round);
      await clock.advance(SETTLE_STEP_MS);
      server.log.length = 0;
      this.#startMissing();
      troubles = this.#troubles();
      if (troubles.length === 0) {
        await clock.advance(12_000);
        troubles = this.#troubles();
        if (troubles.length === 0) return true;
      }
    }
    for (const trouble of troubles) this.#violated("liveness", trouble);
    return false;
  }

  #mend(round: number): void {
    for (const done of this.#simulation.mend?.(this.#world, round) ?? []) this.#note(done);
  }

  #troubles(): readonly string[] {
    // Whoever takes over later may have something to write, and would not be at rest.
    const isLed = this.#sim.alive.some(({ manager }) => manager?.isLeading === true);
    if (!isLed) return ["nobody leads"];
    const troubles = this.#simulation.troubles?.(this.#world) ?? troublesOf(this.#sim);
    return troubles.length > 0 ? troubles : behindOf(this.#sim);
  }

  /** Nothing is written when nothing changes. */
  async #atRest(when: string): Promise<void> {
    this.#writes = [];
    await this.#sim.clock.advance(REST_MS);
    for (const write of this.#writes) {
      this.#violated("no-write-without-difference", `${when}: ${write}`);
    }
  }
}
