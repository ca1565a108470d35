// The clusters of one controller: the manager's own, and for the child kinds that are declared with
// `clusters: "Any"` every other one, those that are there and those to come. A cluster that does
// not answer, or whose caches are not filled, says so; nobody waits for it.

import type { Informer } from "../cache/informers.ts";
import type { View } from "../cache/reader.ts";
import { CacheReader, ownerIndex, ownerIndexValues, viewOf } from "../cache/reader.ts";
import type { StoreChange } from "../cache/store.ts";
import type { AnyController, ChildKind, RemoteView } from "../controller/types.ts";
import type { Cluster, Clusters } from "../lifecycle/cluster.ts";
import { ApplyMemory } from "./memory.ts";
import { stampNames } from "./stamp.ts";
import type { Target, Targets } from "./target.ts";

/** Settings of {@link openTargets}. */
export interface TargetsOptions {
  readonly controller: AnyController;
  readonly clusters: Clusters;
  /** What is read of the manager's own cluster. */
  readonly home: View;
  /** Told of changes of children in other clusters. */
  readonly onChild: (change: StoreChange, child: ChildKind) => void;
}

/** The targets of a controller, kept up to date while clusters join and leave. */
export function openTargets(options: TargetsOptions): Targets {
  const { controller, clusters } = options;
  const home = targetOf(clusters.home, options.home, () => undefined);
  const others = new Map<string, Target>();
  if (controller.children.some((child) => child.clusters === "Any")) {
    clusters.onJoin((cluster) => others.set(cluster.name, join(cluster, options)));
    clusters.onLeave((cluster) => others.delete(cluster.name));
  }
  return {
    get: (name) => (name === "" ? home : others.get(name)),
    all: () => [home, ...others.values()],
  };
}

/** The view of a reconciler on another cluster. */
export function remoteView(
  targets: Targets,
  name: string,
  options: { readonly group: string; readonly signal: AbortSignal },
): RemoteView | undefined {
  const target = name === "" ? undefined : targets.get(name);
  if (target === undefined) return undefined;
  const reader = new CacheReader(target.view, options.signal, options.group);
  return { reader, reachable: target.problem() === undefined };
}

function join(cluster: Cluster, { controller, onChild }: TargetsOptions): Target {
  const { group } = controller.kind;
  const informers: Informer[] = [];
  for (const child of controller.children) {
    if (child.clusters !== "Any") continue;
    const informer = cluster.informers.want({
      kind: child.kind,
      labelSelector: stampNames(group).ownerUid,
      metadataOnly: child.metadataOnly ?? false,
    });
    informer.store.addIndex(ownerIndex(group), ownerIndexValues(group));
    informer.store.subscribe((change) => onChild(change, child));
    informers.push(informer);
  }
  return targetOf(cluster, viewOf(informers), () => {
    if (!cluster.reachable) return "does not answer";
    return informers.every((one) => one.synced) ? undefined : "has not been read yet";
  });
}

function targetOf(cluster: Cluster, view: View, problem: Target["problem"]): Target {
  const { name, client, informers } = cluster;
  return { name, client, caches: informers, view, memory: new ApplyMemory(), problem };
}
