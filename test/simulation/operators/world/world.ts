// The oaas operator's world: the cluster's own controllers, members with their disks, and people,
// around a simulated API server.
import { KINDS } from "#controllers/runtime/index.ts";
import type { Dice, SimWorld } from "#controllers/runtime/testing/index.ts";

import { SimCluster } from "./cluster.ts";
import { Fleet } from "./fleet.ts";
import { ENVIRONMENTS } from "./kinds.ts";
import { all, one } from "./look.ts";
import type { MemberNetwork } from "./member-port.ts";
import type { Shape } from "./specs.ts";
import { Users } from "./users.ts";

/** See the head of this file. */
export class World {
  readonly sim: SimWorld;
  readonly fleet: Fleet;
  readonly cluster: SimCluster;
  readonly users: Users;
  readonly network: MemberNetwork = { loss: 0 };

  constructor(sim: SimWorld, dice: Dice, packages?: readonly Shape["name"][]) {
    const { server, clock } = sim;
    this.sim = sim;
    this.fleet = new Fleet(server, dice.fork(), (delayMs, run) => clock.schedule(delayMs, run));
    this.cluster = new SimCluster(server, clock, dice.fork(), this.fleet);
    this.users = new Users({
      server,
      cluster: this.cluster,
      fleet: this.fleet,
      dice: dice.fork(),
      ...(packages === undefined ? {} : { packages }),
    });
    server.storage.subscribe(({ kind, type, stored, actor }) => {
      // Nobody finds a volume that the restored cluster has never heard of.
      if (actor !== "restore" || type !== "DELETED" || kind.plural !== "persistentvolumes") return;
      const { name } = stored.object.metadata;
      this.fleet.lose(name);
      this.fleet.stores.delete(name);
    });
    server.userApply(ENVIRONMENTS, {
      apiVersion: "oaas.io/v1alpha1",
      kind: "Environment",
      metadata: { name: "default" },
      ...{ spec: { tier: "Cloud" } },
    });
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" } };
    server.userApply(KINDS.Node, node);
    const status = { conditions: [{ type: "Ready", status: "True" }], allocatable: { cpu: "4" } };
    server.userPatch(KINDS.Node, { namespace: "", name: "node-1" }, { status }, "status");
  }

  /** Volumes of data pods that are there. */
  claimedVolumes(): ReadonlySet<string> {
    const { server } = this.sim;
    return new Set(
      all(server, KINDS.Pod).flatMap(({ metadata: { namespace = "", name } }) => {
        const key = { namespace, name: `data-${name}` };
        return one(server, KINDS.PersistentVolumeClaim, key)?.spec?.volumeName ?? [];
      }),
    );
  }
}
