// Per set of data (identity) generations only count up, and the owner of a partition stays, unless
// that owner's own disk was replaced and its loss accepted: data of Basic is never re-placed
// automatically. A Raft group moves itself, and its first member is only who shall lead.
// Data of which no store is left that serves anything begins anew.
import type { Invariant } from "#controllers/runtime/testing/index.ts";
import type { World } from "../world/world.ts";
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";

function ownersOf(spec: CollectionSpec): ReadonlyMap<number, string> {
  return new Map(
    spec.partitions.map(({ partition, members }) => {
      const owner = spec.members.find((member) => member.id === members[0]);
      return [partition, `${owner?.ordinal}/${owner?.incarnation}`];
    }),
  );
}

/** See the head of this file. */
export const generations: Invariant<World> = {
  name: "generations",
  source: "design.md section 2, OdgmCollection: data of Basic is never re-placed automatically",
  begin(world, violated) {
    const last = new Map<string, CollectionSpec>();
    world.fleet.witness((deed) => {
      if (deed.kind !== "committed") return;
      const { identity } = deed.format;
      if (world.fleet.begunAnew.has(identity)) return;
      const { spec } = deed;
      const before = last.get(identity);
      last.set(identity, spec);
      if (before === undefined) return;
      const what = `collection ${spec.collection}`;
      if (spec.generation <= before.generation) {
        violated(`${what}: generation ${spec.generation} after ${before.generation}`);
      }
      if (spec.shardType === "Raft") return;
      const stores = new Set(
        [...world.fleet.stores.values()].map((store) => store.format?.incarnation),
      );
      const owners = ownersOf(spec);
      for (const [partition, owner] of ownersOf(before)) {
        const [, incarnation] = owner.split("/");
        if (!stores.has(incarnation) || owners.get(partition) === owner) continue;
        const now = owners.get(partition) ?? "nobody";
        violated(`${what}: partition ${partition} went from ${owner} to ${now}`);
      }
    });
    return undefined;
  },
};
