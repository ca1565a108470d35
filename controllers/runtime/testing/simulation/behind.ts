// What the caches of a process do not show as the API server has it. A process whose watch waits out
// a pause has not seen the last change yet: whoever measures rest before that measures its work.
import { compileSelector } from "../../client/paths.ts";
import type { Informer } from "../../cache/informers.ts";
import type { SimProcess } from "./process.ts";
import type { SimWorld } from "./world.ts";

/** One line per cache of a running process that is not what the API server has; empty if all are. */
export function behindOf(sim: SimWorld): readonly string[] {
  return sim.alive.flatMap((process) => cachesOf(process).flatMap(behind(sim, process)));
}

function cachesOf({ manager }: SimProcess): readonly Informer[] {
  return manager?.clusters.home.informers.all ?? [];
}

function behind(sim: SimWorld, process: SimProcess): (cache: Informer) => readonly string[] {
  return (cache) => {
    const { kind, labelSelector, namespaces, store } = cache;
    const isSelected = compileSelector(labelSelector);
    let count = 0;
    for (const { object } of sim.server.storage.list(kind)) {
      const { name, namespace = "", labels, uid, resourceVersion } = object.metadata;
      if (namespaces.length > 0 && !namespaces.includes(namespace)) continue;
      if (!isSelected(labels)) continue;
      count += 1;
      const seen = store.get({ namespace, name })?.metadata;
      if (seen?.uid === uid && seen.resourceVersion === resourceVersion) continue;
      return [`${process.identity} has not seen ${kind.kind} ${name} as it is`];
    }
    const more = store.size - count;
    return more === 0 ? [] : [`${process.identity} sees ${more} ${kind.plural} that are gone`];
  };
}
