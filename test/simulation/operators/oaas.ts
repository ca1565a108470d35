// The simulation of the oaas operator: its real controllers, what people do to them, and its rules.
import { classRuntimeController } from "#controllers/class-runtime/reconcile.ts";
import { environmentController } from "#controllers/environment/reconcile.ts";
import { odgmCollectionController } from "#controllers/odgm-collection/reconcile.ts";
import { opackageController } from "#controllers/opackage/reconcile.ts";
import type { Action, Simulation } from "#controllers/runtime/testing/index.ts";

import { INVARIANTS } from "./invariants/index.ts";
import { OWN_KINDS, SYSTEM_NAMESPACE } from "./world/kinds.ts";
import { simCollectionPort } from "./world/member-port.ts";
import type { Shape } from "./world/specs.ts";
import { World } from "./world/world.ts";

const ACTIONS: readonly Action<World>[] = [
  { name: "package", weight: 30, run: ({ users }) => users.edit() },
  { name: "invalid package", weight: 8, run: ({ users }) => users.spoil() },
  { name: "delete package", weight: 10, run: ({ users }) => users.delete() },
  { name: "recreate package", weight: 5, run: ({ users }) => users.recreate() },
  { name: "spoil child", weight: 12, run: ({ users }) => users.spoilChild() },
  { name: "delete child", weight: 10, run: ({ users }) => users.deleteChild() },
  { name: "label child", weight: 5, run: ({ users }) => users.labelChild() },
  { name: "unlabel child", weight: 4, run: ({ users }) => users.unlabelChild() },
  { name: "delete identity", weight: 3, run: ({ users }) => users.deleteIdentity() },
  { name: "kill pod", weight: 8, run: ({ users }) => users.killPod() },
  { name: "replace disk", weight: 6, run: ({ users }) => users.replaceAnyDisk() },
  {
    name: "cut off",
    weight: 6,
    run: ({ users, sim }) => users.cutOff((ms, run) => sim.clock.schedule(ms, run)),
  },
  {
    name: "members' network",
    weight: 5,
    run({ network }, dice) {
      network.loss = dice.pick([0, 0.2]);
      return `loses ${network.loss}`;
    },
  },
];

/** Settings of one run. */
export type OaasOptions = Partial<Simulation<World>> & {
  readonly seed: number;
  /** The packages that people make; both if not given. */
  readonly packages?: readonly Shape["name"][];
};

/** The simulation; `options` may replace any part of it. */
export function oaasSimulation(options: OaasOptions): Simulation<World> {
  const { packages, ...rest } = options;
  return {
    kinds: OWN_KINDS,
    setup: (sim, dice) => new World(sim, dice, packages),
    controllers(host) {
      const port = simCollectionPort(host, host.world.fleet, host.world.network);
      return [
        environmentController({ operatorVersion: "sim" }),
        opackageController(),
        classRuntimeController({ systemNamespace: SYSTEM_NAMESPACE }),
        odgmCollectionController(
          { image: "example.com/odgm:1", systemNamespace: SYSTEM_NAMESPACE },
          port,
        ),
      ];
    },
    actions: ACTIONS,
    invariants: INVARIANTS,
    mend({ users, network, fleet }, round) {
      if (round > 0) return users.followAdvice();
      network.loss = 0;
      fleet.unreachable.clear();
      users.mend();
      return ["mend everything"];
    },
    ...rest,
  };
}
