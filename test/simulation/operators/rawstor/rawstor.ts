// The simulation of the rawstor operator: its real controllers, disks of nodes, what people do, and
// what must never happen to a disk.
import type { OstTarget, RawstorVolume } from "#api/rawstor/v1alpha1/index.ts";
import { OST_TARGET, RAWSTOR_VOLUME } from "#api/rawstor/v1alpha1/index.ts";
import { ACCEPT_DATA_LOSS } from "#controllers/ost-target/plan/finalize.ts";
import { ostTargetController } from "#controllers/ost-target/reconcile.ts";
import { targetNames } from "#controllers/ost-target/render.ts";
import { rawstorVolumeController } from "#controllers/rawstor-volume/reconcile.ts";
import type { Kind, KubeObject } from "#controllers/runtime/index.ts";
import { defineKind, keyOf, KINDS } from "#controllers/runtime/index.ts";
import type {
  Action,
  Dice,
  Intent,
  Invariant,
  Simulation,
  SimWorld,
} from "#controllers/runtime/testing/index.ts";
import { conditionsOf, troubleOf } from "#controllers/runtime/testing/index.ts";

import { all, one } from "../world/look.ts";
import { Disks } from "./disks.ts";
import { simTargetPort } from "./port.ts";

const TARGETS = defineKind<OstTarget>(OST_TARGET);
const VOLUMES = defineKind<RawstorVolume>(RAWSTOR_VOLUME);
const NAMESPACE = "rawstor-system";
const PREFIX = "/var/lib/rawstor/disks";
const NAMES = ["disk-a", "disk-b"] as const;

/** See the head of this file. */
export class RawstorWorld {
  readonly sim: SimWorld;
  readonly disks: Disks;

  constructor(sim: SimWorld, dice: Dice) {
    this.sim = sim;
    this.disks = new Disks(sim, dice);
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" } };
    sim.server.userApply(KINDS.Node, node);
  }

  /** Has a target of this name be so, or not be there. */
  want(name: string, spec: Partial<OstTarget["spec"]> | undefined): void {
    const live = one(this.sim.server, TARGETS, { namespace: "", name });
    if (spec !== undefined) this.put(name, spec);
    else if (live !== undefined && live.metadata.deletionTimestamp === undefined) {
      this.sim.server.userDelete(TARGETS, { namespace: "", name });
    }
  }

  put(name: string, spec: Partial<OstTarget["spec"]> = {}): string {
    const object = {
      apiVersion: "rawstor.io/v1alpha1",
      kind: "OstTarget",
      metadata: { name },
      spec: { nodeName: "node-1", path: `${PREFIX}/${name}`, ...spec },
    };
    this.sim.server.userApply(TARGETS, object);
    return name;
  }
}

const CHILD_KINDS: readonly Kind[] = [
  KINDS.ConfigMap,
  KINDS.Service,
  KINDS.ServiceAccount,
  KINDS.StatefulSet,
];

function anyChild({ sim }: RawstorWorld, dice: Dice): { kind: Kind; live: KubeObject } | undefined {
  const found = CHILD_KINDS.flatMap((kind) =>
    all(sim.server, kind)
      .filter((live) => live.metadata.annotations?.["rawstor.io/owner"] !== undefined)
      .filter((live) => !live.metadata.name.endsWith("-identity"))
      .map((live) => ({ kind, live })),
  );
  return found.length === 0 ? undefined : dice.pick(found);
}

const ACTIONS: readonly Action<RawstorWorld>[] = [
  {
    name: "target",
    weight: 30,
    run: (world, dice) =>
      world.put(
        dice.pick(NAMES),
        dice.chance(0.3) ? { image: `example.com/ost:${dice.int(1, 3)}` } : {},
      ),
  },
  {
    name: "invalid target",
    weight: 6,
    run: (world, dice) =>
      world.put(dice.pick(NAMES), dice.chance(0.5) ? { maintenance: "Drain" } : { weight: 7 }),
  },
  {
    name: "delete target",
    weight: 10,
    run({ sim }, dice) {
      const name = dice.pick(NAMES);
      const key = { namespace: "", name };
      if (one(sim.server, TARGETS, key) === undefined) return "nothing";
      sim.server.userDelete(TARGETS, key, dice.pick(["Background", "Foreground"] as const));
      return name;
    },
  },
  {
    name: "objects come and go",
    weight: 10,
    run({ sim, disks }, dice) {
      // Clients learn of a target while it is Ready, and do not hear that it goes.
      const [target] = all(sim.server, TARGETS).filter(isReady);
      if (target === undefined) return "nothing";
      const kept = disks.keep(`${PREFIX}/${target.metadata.name}`, dice.pick([0, 1, 5]));
      return kept === undefined ? "nothing" : `${target.metadata.name} has ${kept}`;
    },
  },
  {
    name: "swap disk",
    weight: 6,
    run({ sim, disks }, dice) {
      const path = `${PREFIX}/${dice.pick(NAMES)}`;
      if (!disks.byPath.has(path)) return "nothing";
      disks.byPath.set(path, { objects: 0 });
      for (const pod of all(sim.server, KINDS.Pod)) {
        if (disks.pathOf(pod) === path) disks.killPod(keyOf(pod));
      }
      return path;
    },
  },
  {
    name: "kill pod",
    weight: 8,
    run({ sim, disks }, dice) {
      const pods = all(sim.server, KINDS.Pod);
      if (pods.length === 0) return "nothing";
      const pod = dice.pick(pods);
      disks.killPod(keyOf(pod));
      return pod.metadata.name;
    },
  },
  {
    name: "delete child",
    weight: 8,
    run(world, dice) {
      const found = anyChild(world, dice);
      if (found === undefined) return "nothing";
      world.sim.server.userDelete(found.kind, keyOf(found.live));
      return `${found.kind.kind} ${found.live.metadata.name ?? ""}`;
    },
  },
  {
    name: "spoil child",
    weight: 8,
    run(world, dice) {
      const found = anyChild(world, dice);
      if (found === undefined) return "nothing";
      const patch = { metadata: { labels: { "app.kubernetes.io/part-of": "wrong" } } };
      world.sim.server.userPatch(found.kind, keyOf(found.live), patch);
      return `${found.kind.kind} ${found.live.metadata.name ?? ""}`;
    },
  },
  {
    name: "volume",
    weight: 3,
    run({ sim }) {
      const object = {
        apiVersion: "rawstor.io/v1alpha1",
        kind: "RawstorVolume",
        metadata: { namespace: NAMESPACE, name: "volume" },
        spec: { size: "1Gi" },
      };
      sim.server.userApply(VOLUMES, object);
      return "volume";
    },
  },
];

/**
 * A blank disk is given a superblock only while the stored record intends it; or as long as the
 * target was never Ready and so nothing can be on its disk.
 */
const formatByRecord: Invariant<RawstorWorld> = {
  name: "format-by-record",
  source: "design.md section 2, OstTarget: only a blank disk of a target never registered",
  begin({ sim, disks }, violated) {
    const served = new Set<string>();
    sim.server.storage.subscribe(({ kind, stored }) => {
      if (kind.kind === "OstTarget" && isReady(stored.object))
        served.add(stored.object.metadata.uid);
    });
    disks.witness(({ path, target }) => {
      if (!served.has(target) || sim.isJustRestored) return;
      const name = path.slice(path.lastIndexOf("/") + 1);
      const key = { namespace: NAMESPACE, name: targetNames(name).identity };
      const data = one(sim.server, KINDS.ConfigMap, key)?.data;
      violated(`${path} was formatted while the record says ${JSON.stringify(data)}`);
    });
    return undefined;
  },
};

/** A target with objects on its disk goes only if somebody has accepted that by name. */
const dataKept: Invariant<RawstorWorld> = {
  name: "data-kept",
  source: "design.md section 1, Deletion; controllers/ost-target/plan/finalize.ts",
  begin({ sim, disks }, violated) {
    sim.server.storage.subscribe(({ kind, type, stored, actor }) => {
      if (type !== "DELETED" || kind.kind !== "OstTarget" || actor === "restore") return;
      const { name, uid, annotations = {} } = stored.object.metadata;
      const disk = disks.byPath.get(`${PREFIX}/${name}`);
      if (disk?.superblock?.target !== uid || disk.objects === 0) return;
      if (annotations[ACCEPT_DATA_LOSS] !== undefined) return;
      if (annotations["rawstor.io/abandon"] !== undefined) return;
      violated(`${name} went with ${disk.objects} objects on its disk`);
    });
    return undefined;
  },
};

/** What people do at the end: valid targets, disks that may go, losses accepted by name. */
export function mend(world: RawstorWorld, round: number): readonly string[] {
  const { sim, disks } = world;
  if (round === 0) {
    for (const { metadata } of all(sim.server, TARGETS)) {
      if (metadata.deletionTimestamp === undefined) world.put(metadata.name, {});
    }
  }
  const done: string[] = [];
  for (const { metadata } of all(sim.server, TARGETS)) {
    const { name } = metadata;
    const disk = disks.at(`${PREFIX}/${name}`);
    if (metadata.deletionTimestamp !== undefined) {
      disk.objects = 0;
      const key = { namespace: NAMESPACE, name: targetNames(name).identity };
      const incarnation = one(sim.server, KINDS.ConfigMap, key)?.data?.["incarnation"];
      if (incarnation === undefined || round < 3) continue;
      const annotations = { [ACCEPT_DATA_LOSS]: incarnation };
      if (metadata.annotations?.[ACCEPT_DATA_LOSS] === incarnation) continue;
      sim.server.userPatch(TARGETS, { namespace: "", name }, { metadata: { annotations } });
      done.push(`accept the loss of ${name}`);
    } else if (round === 6 && isRefused(world, name)) {
      // A disk that is lost: the target is given up and the next one gets the disk as it is.
      sim.server.userDelete(TARGETS, { namespace: "", name });
      done.push(`give up ${name}`);
    }
  }
  return done;
}

function isRefused({ sim }: RawstorWorld, name: string): boolean {
  const target = one(sim.server, TARGETS, { namespace: "", name });
  return target !== undefined && !isReady(target);
}

function isReady(target: object): boolean {
  return conditionsOf(target).some((item) => item.type === "Ready" && item.status === "True");
}

/** What people want of targets, in order, each but the last time to be there; and what disturbs. */
export function rawstorIntents(dice: Dice): {
  readonly intents: readonly Intent<RawstorWorld>[];
  readonly disturbances: readonly Action<RawstorWorld>[];
  readonly insist: (world: RawstorWorld) => void;
} {
  const last = new Map<string, Partial<OstTarget["spec"]> | undefined>();
  const intents: Intent<RawstorWorld>[] = [];
  const want = (name: string, spec: Partial<OstTarget["spec"]> | undefined): void => {
    intents.push({ name: `want ${name}`, run: (world) => world.want(name, spec) });
    last.set(name, spec);
  };
  for (let left = dice.int(1, 3); left > 0; left -= 1) {
    const isValid = dice.chance(0.75);
    const image = `example.com/ost:${dice.int(1, 3)}`;
    want(dice.pick(NAMES), isValid ? { image } : { maintenance: "Drain" });
  }
  for (const name of [...last.keys()]) {
    // A disk belongs to its first target: no second one of that name.
    want(name, dice.chance(0.2) ? undefined : { image: `example.com/ost:${dice.int(1, 3)}` });
  }
  const names = new Set(["kill pod", "delete child", "spoil child"]);
  return {
    intents,
    disturbances: ACTIONS.filter((action) => names.has(action.name)),
    insist: (world) => {
      for (const [name, spec] of last) world.want(name, spec);
    },
  };
}

/** The simulation; `options` may replace any part of it. */
export function rawstorSimulation(
  options: Partial<Simulation<RawstorWorld>> & { readonly seed: number },
): Simulation<RawstorWorld> {
  return {
    kinds: [OST_TARGET, RAWSTOR_VOLUME],
    setup: (sim, dice) => new RawstorWorld(sim, dice),
    controllers: (host) => [
      ostTargetController(
        {
          image: "example.com/ost:1",
          namespace: NAMESPACE,
          clusterUid: "sim-cluster",
          allowedPathPrefixes: [PREFIX],
        },
        simTargetPort(host, host.world.disks),
      ),
      rawstorVolumeController(),
    ],
    actions: ACTIONS,
    invariants: [formatByRecord, dataKept],
    mend,
    // A volume is not served yet and says so; that is how it settles.
    troubles: ({ sim }) =>
      sim.server.storage.list(TARGETS).flatMap((stored) => troubleOf(stored) ?? []),
    ...options,
  };
}
