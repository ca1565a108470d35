// Read your own writes: what a reconcile sees of an object is never older than the last answer that
// its process has had to a write of that object, and what the server has confirmed to be gone is
// not seen again. Writes of the same instant are left out: their answer may still be on its way
// from the transport to the cache. So are kinds that a controller only watches: what a port writes
// there with the manager's client comes back through the watch alone.
import type { AnyController, Reader } from "../../../controller/types.ts";
import type { Live } from "../../../kinds/kind.ts";
import { describeObject, isOfKind } from "../../../kinds/kind.ts";
import type { SimProcess } from "../process.ts";
import type { Invariant, Violated } from "../types.ts";
import type { SimWorld } from "../world.ts";

function judge(process: SimProcess, object: Live): string | undefined {
  const { uid, resourceVersion } = object.metadata;
  const own = process.ownWrites.get(uid);
  if (own === undefined || own.atMs >= process.monotonicMs()) return undefined;
  if (own.version === undefined) return "although it knows that it is gone";
  if (Number(resourceVersion) >= Number(own.version)) return undefined;
  return `at ${resourceVersion} although it has written ${own.version}`;
}

function watched(reader: Reader, see: (object: Live) => void): Reader {
  const seen = <T extends object>(found: readonly Live<T>[]): readonly Live<T>[] => {
    for (const object of found) see(object);
    return found;
  };
  return {
    signal: reader.signal,
    cluster: (name) => reader.cluster(name),
    get(kind, key) {
      const object = reader.get(kind, key);
      if (object !== undefined) see(object);
      return object;
    },
    list: (kind, filter) => seen(reader.list(kind, filter)),
    owned: (kind, ownerUid) => seen(reader.owned(kind, ownerUid)),
  };
}

function probe(controller: AnyController, process: SimProcess, violated: Violated): AnyController {
  const { spec } = controller;
  const written = [controller.kind, ...controller.children.map(({ kind }) => kind)];
  return {
    ...controller,
    spec: {
      ...spec,
      observe(key, reader, port) {
        const see = (object: Live): void => {
          if (!written.some((kind) => isOfKind(object, kind))) return;
          const problem = judge(process, object);
          if (problem === undefined) return;
          const who = `${process.identity} ${controller.name}`;
          violated(`${who} sees ${describeObject(object)} ${problem}`);
        };
        return spec.observe(key, watched(reader, see), port);
      },
    },
  };
}

/** See the head of this file. */
export const ownWritesSeen: Invariant<SimWorld> = {
  name: "own-writes-seen",
  source: "issue 4 item 1: a reconcile never acts on a cache older than its own last write",
  begin(world, violated) {
    world.probes.push((controller, process) => probe(controller, process, violated));
    return undefined;
  },
};
