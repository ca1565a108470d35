// The oracle of Sieve (OSDI'22): a run with faults ends as the run without them, and does nothing on
// the way that the other would never have done. People want the same things in the same order in
// both; the run without faults has time to do each of them.
import type { KindId } from "#api/meta/index.ts";

import { kindId } from "../../kinds/kind.ts";
import { Dice } from "./dice.ts";
import { finalState, placeOf } from "./final-state.ts";
import { simulate } from "./simulate.ts";
import type { Action, Hand, Invariant, Simulation, SimulationReport } from "./types.ts";
import type { SimWorld } from "./world.ts";

/** Something that people want from now on. */
export interface Intent<W> {
  readonly name: string;
  run(world: W): void;
}

/** What is done in both runs, and what in one. */
export interface SievePlan<W> {
  /** In order. Must not look at what is there but for whether it is there. */
  readonly intents: readonly Intent<W>[];
  /** What may happen besides the kit's own faults, and must not matter in the end. */
  readonly disturbances: readonly Action<W>[];
  /** Kinds of which a controller may delete objects more often because of faults. */
  readonly restless: readonly KindId[];
  /** Text in objects that is another one in each run, such as addresses. */
  readonly volatile: readonly RegExp[];
}

/** Until one intent is done where nothing goes wrong. */
const CALM_MS = 40_000;
const PAUSES_MS = [0, 50, 400, 2_000, 8_000];
const STRIKES_MAX = 2;

interface Observed {
  readonly report: SimulationReport;
  /** By place; undefined if the run did not settle. */
  readonly end: ReadonlyMap<string, string> | undefined;
  readonly made: ReadonlySet<string>;
  readonly deleted: ReadonlySet<string>;
}

/** Both runs of one seed; the report is that of the run with faults, with what sets them apart. */
export async function sieve<W>(
  simulation: Simulation<W>,
  plan: SievePlan<W>,
): Promise<SimulationReport> {
  const calm = await observe({ ...simulation, faults: false, processes: 1 }, plan, inCalm);
  const stormy = await observe(simulation, plan, inStorm(new Dice(simulation.seed)));
  const { report } = stormy;
  const violations = [
    ...calm.report.violations.map((text) => `without faults: ${text}`),
    ...report.violations,
    ...differences(calm, stormy),
    ...sideEffects(calm, stormy, new Set(plan.restless.map(kindId))),
  ];
  const writes = calm.report.writes + report.writes;
  const digest = `${calm.report.digest}${report.digest}`;
  return { ...report, violations, writes, digest };
}

type Course<W> = (sim: SimWorld, world: W, plan: SievePlan<W>, hand: Hand) => Promise<void>;

async function inCalm<W>(sim: SimWorld, world: W, plan: SievePlan<W>): Promise<void> {
  for (const intent of plan.intents) {
    intent.run(world);
    await sim.clock.advance(CALM_MS);
  }
}

function inStorm<W>(dice: Dice): Course<W> {
  return async (sim, world, { intents, disturbances }, hand) => {
    for (const intent of intents) {
      hand.drawWeather();
      hand.note(intent.name);
      intent.run(world);
      await sim.clock.advance(dice.pick(PAUSES_MS));
      for (let left = dice.int(0, STRIKES_MAX); left > 0; left -= 1) {
        if (dice.chance(0.5)) hand.strike();
        else {
          const disturbance = dice.weighted(disturbances);
          hand.note(`${disturbance.name}: ${disturbance.run(world, dice) ?? ""}`);
        }
        await sim.clock.advance(dice.pick(PAUSES_MS));
      }
    }
  };
}

async function observe<W>(
  simulation: Simulation<W>,
  plan: SievePlan<W>,
  course: Course<W>,
): Promise<Observed> {
  const made = new Set<string>();
  const deleted = new Set<string>();
  let end: ReadonlyMap<string, string> | undefined;
  let sim: SimWorld | undefined;
  const onlooker: Invariant<SimWorld> = {
    name: "onlooker",
    source: "Sieve (OSDI'22), the differential oracle",
    begin(world) {
      sim = world;
      world.server.storage.subscribe(({ kind, type, stored, actor }) => {
        if (actor !== "client" || kind.group === "events.k8s.io") return;
        if (type === "ADDED") made.add(placeOf(kind, stored));
        if (type === "DELETED") deleted.add(placeOf(kind, stored));
      });
      return () => {
        end = finalState(world, plan.volatile);
      };
    },
  };
  const report = await simulate<W>({
    ...simulation,
    onlooker,
    script: async (world, hand) => {
      if (sim !== undefined) await course(sim, world, plan, hand);
    },
  });
  return { report, end, made, deleted };
}

function differences(calm: Observed, stormy: Observed): readonly string[] {
  if (calm.end === undefined || stormy.end === undefined) return [];
  const found: string[] = [];
  for (const [place, want] of calm.end) {
    const is = stormy.end.get(place);
    if (is === want) continue;
    found.push(is === undefined ? `${place} is missing` : `${place} ends ${apart(is, want)}`);
  }
  for (const place of stormy.end.keys()) {
    if (!calm.end.has(place)) found.push(`${place} is there`);
  }
  return found.map((text) => `same-end: ${text}, other than without faults`);
}

function sideEffects(
  calm: Observed,
  stormy: Observed,
  restless: ReadonlySet<string>,
): readonly string[] {
  const isRestless = (place: string): boolean => restless.has(place.slice(0, place.indexOf(" ")));
  const made = [...stormy.made].filter((place) => !calm.made.has(place));
  const deleted = [...stormy.deleted].filter((place) => !calm.deleted.has(place));
  return [
    ...made.map((place) => `${place} was made`),
    ...deleted.filter((place) => !isRestless(place)).map((place) => `${place} was deleted`),
  ].map((text) => `side-effects: ${text}, which never happens without faults`);
}

/** The first place at which two texts differ, with what is around it. */
function apart(is: string, want: string): string {
  let at = 0;
  while (at < is.length && is[at] === want[at]) at += 1;
  const from = Math.max(0, at - 40);
  return `with ${is.slice(from, at + 60)} and not ${want.slice(from, at + 60)}`;
}
