// Seeds that are run twice, with and without faults, and must end the same; see the kit's sieve.ts.
import type { SievePlan, SimulationReport } from "#controllers/runtime/testing/index.ts";
import { Dice, sieve } from "#controllers/runtime/testing/index.ts";
import { KINDS } from "#controllers/runtime/index.ts";

import type { OaasOptions } from "./oaas.ts";
import { oaasSimulation } from "./oaas.ts";
import type { RawstorWorld } from "./rawstor/rawstor.ts";
import { mend as mendTargets, rawstorIntents, rawstorSimulation } from "./rawstor/rawstor.ts";
import type { Shape } from "./world/specs.ts";
import { badSpec, goodSpec, SHAPES } from "./world/specs.ts";
import { PLAIN_KINDS } from "./world/users.ts";
import type { World } from "./world/world.ts";

/** Keeps what is wanted apart from every other draw of the seed. */
const INTENTS_SEED = 0x51e7e;
const ADDRESS = /\b10\.\d+\.\d+\.\d+/g;
const INCARNATION = /\binc-\d+-[0-9a-f]+/g;
/** Of pod templates that name a uid. */
const HASH = /\b[0-9a-f]{10,}\b/g;
const VOLUME = /\bpv-\d+\b/g;

/** Without autoscalers, to which the number of replicas would be left. */
function plainSpec(shape: Shape, dice: Dice): ReturnType<typeof goodSpec> {
  const spec = goodSpec(shape, dice);
  const functions = (spec.functions ?? []).map(({ scale: _scale, ...rest }) => rest);
  return { ...spec, functions };
}

function oaasPlan(seed: number, names: readonly Shape["name"][]): SievePlan<World> {
  const dice = new Dice(seed ^ INTENTS_SEED);
  const shapes = SHAPES.filter(({ name }) => names.includes(name));
  const wanted: {
    readonly shape: Shape;
    readonly spec: ReturnType<typeof goodSpec> | undefined;
  }[] = [];
  for (let left = dice.int(1, 3); left > 0; left -= 1) {
    const shape = dice.pick(shapes);
    const what = dice.pick(["good", "good", "good", "bad", "nothing"] as const);
    const spec = what === "good" ? plainSpec(shape, dice) : badSpec(shape, dice);
    wanted.push({ shape, spec: what === "nothing" ? undefined : spec });
  }
  // In the end everything that is there is one that can become Ready.
  for (const shape of shapes) {
    const { state: _state, suspend: _suspend, ...spec } = plainSpec(shape, dice);
    const isLeft = wanted.findLast((one) => one.shape === shape)?.spec !== undefined;
    if (isLeft) wanted.push({ shape, spec });
  }
  return {
    intents: wanted.map(({ shape, spec }) => ({
      name: `want ${shape.name} ${spec === undefined ? "no more" : (spec.version ?? "")}`,
      run: ({ users }) => users.want(shape, spec),
    })),
    disturbances: [
      { name: "kill pod", run: ({ users }) => users.killPod() },
      { name: "spoil child", run: ({ users }) => users.spoilChild(PLAIN_KINDS) },
      { name: "delete child", run: ({ users }) => users.deletePlainChild() },
      {
        name: "cut off",
        run: ({ users, sim }) => users.cutOff((ms, run) => sim.clock.schedule(ms, run)),
      },
    ],
    restless: [KINDS.Pod],
    volatile: [ADDRESS, INCARNATION, HASH, VOLUME],
  };
}

/** The oaas operator; `options` as for a run of its own. */
export function oaasSieve(
  options: OaasOptions & { readonly seed: number },
): Promise<SimulationReport> {
  const simulation = oaasSimulation({
    ...options,
    mend({ users, network, fleet }, round) {
      network.loss = 0;
      if (round === 0) fleet.unreachable.clear();
      users.insist();
      return users.followAdvice();
    },
  });
  return sieve(simulation, oaasPlan(options.seed, options.packages ?? ["p0", "p1"]));
}

/** The rawstor operator. */
export function rawstorSieve(
  options: Parameters<typeof rawstorSimulation>[0],
): Promise<SimulationReport> {
  const { intents, disturbances, insist } = rawstorIntents(new Dice(options.seed ^ INTENTS_SEED));
  const simulation = rawstorSimulation({
    ...options,
    mend(world, round) {
      insist(world);
      return mendTargets(world, round + 1);
    },
  });
  const plan: SievePlan<RawstorWorld> = {
    intents,
    disturbances,
    restless: [KINDS.Pod],
    volatile: [ADDRESS, INCARNATION, HASH],
  };
  return sieve(simulation, plan);
}
