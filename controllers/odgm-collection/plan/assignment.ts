// Who holds what: computes the next generation of a collection from the current one and what is
// wanted. Data is never re-placed automatically, so every decision that was taken before stands;
// only what is new is placed: new partitions, and replicas that a partition lacks, each on the
// member with the fewest.
import { clone, create, equals } from "@bufbuild/protobuf";

import type {
  CollectionFunction,
  CollectionMember,
  CollectionSpec,
} from "#api/gen/oaas-admin_pb.ts";
import {
  CollectionFunctionSchema,
  CollectionMemberSchema,
  CollectionSpecSchema,
  PartitionAssignmentSchema,
  SlotAssignmentSchema,
} from "#api/gen/oaas-admin_pb.ts";
import { ODGM_SLOTS } from "#api/workload/odgm.ts";

/** A store that was formatted for this collection. */
export interface FormattedMember {
  readonly environment: string;
  readonly ordinal: number;
  readonly incarnation: string;
  readonly linkAddress: string;
  readonly dataUrl: string;
}

/** A function as members route it. */
export interface RoutedFunction {
  readonly name: string;
  readonly url: string;
  readonly stateless: boolean;
  readonly standby: boolean;
  readonly disabled: boolean;
  readonly access: "Public" | "Internal" | "Private";
  readonly timeoutMs: number;
  readonly immutable: boolean;
  readonly concurrency: "Exclusive" | "Shared" | "Reentrant";
}

/** What the collection's spec asks for. */
export interface WantedCollection {
  readonly collection: string;
  readonly package: string;
  readonly partitioning: "Hashed" | "Explicit";
  readonly partitions: number;
  readonly shardType: "Basic" | "Mst" | "Raft";
  /** Of each partition; 1 for Basic. */
  readonly replicas: number;
  readonly persistent: boolean;
  readonly disabled: boolean;
  readonly options: Readonly<Record<string, string>>;
  readonly functions: readonly RoutedFunction[];
  readonly members: readonly FormattedMember[];
  readonly resolvedClassJson: string;
  /** Incarnation whose loss a person accepted: the store that came after it takes its place. */
  readonly acceptedLoss?: string | undefined;
}

/** The answer: as it is, a next generation, or why not. `path` is below `.spec`. */
export type NextGeneration =
  | { readonly kind: "current"; readonly spec: CollectionSpec }
  | { readonly kind: "propose"; readonly spec: CollectionSpec }
  | { readonly kind: "refused"; readonly path?: string; readonly message: string };

/** Contiguous, near-equal slot ranges for `partitions` partitions, in order. */
export function initialSlots(
  partitions: number,
): readonly { readonly first: number; readonly last: number; readonly partition: number }[] {
  return Array.from({ length: partitions }, (_, partition) => ({
    first: Math.floor((partition * ODGM_SLOTS.count) / partitions),
    last: Math.floor(((partition + 1) * ODGM_SLOTS.count) / partitions) - 1,
    partition,
  }));
}

function placeMembers(
  current: CollectionSpec | undefined,
  members: readonly FormattedMember[],
): readonly CollectionMember[] {
  const known = current?.members ?? [];
  let nextId = known.reduce((max, member) => (member.id > max ? member.id : max), 0n) + 1n;
  return [...members]
    .sort((a, b) => a.ordinal - b.ordinal)
    .map((member) => {
      const same = known.find(
        (other) =>
          other.environment === member.environment &&
          other.ordinal === member.ordinal &&
          other.incarnation === member.incarnation,
      );
      const id = same?.id ?? nextId++;
      return create(CollectionMemberSchema, { ...member, id });
    });
}

/** Ids that take the place of members whose loss was accepted. */
function successors(
  current: CollectionSpec | undefined,
  members: readonly CollectionMember[],
): ReadonlyMap<bigint, bigint> {
  const known = current?.members ?? [];
  return new Map(
    known.flatMap((old): readonly [bigint, bigint][] => {
      const next = members.find(
        (member) => member.environment === old.environment && member.ordinal === old.ordinal,
      );
      return next === undefined ? [] : [[old.id, next.id]];
    }),
  );
}

interface Placed {
  readonly partition: number;
  readonly members: bigint[];
  readonly founded: bigint;
}

function placePartitions(
  current: CollectionSpec | undefined,
  wanted: WantedCollection,
  members: readonly CollectionMember[],
): readonly Placed[] {
  const next = (current?.generation ?? 0n) + 1n;
  const load = new Map(members.map((member) => [member.id, 0]));
  const heirs = successors(current, members);
  const kept = new Map(
    current?.partitions.map((entry) => [
      entry.partition,
      entry.members.map((id) => heirs.get(id) ?? id),
    ]),
  );
  for (const owners of kept.values()) {
    for (const id of owners) load.set(id, (load.get(id) ?? 0) + 1);
  }
  const founded = new Map(current?.partitions.map((entry) => [entry.partition, entry.founded]));
  return Array.from({ length: wanted.partitions }, (_, partition) => {
    const owners = [...(kept.get(partition) ?? [])];
    while (owners.length < wanted.replicas) {
      const least = leastLoaded(members, load, owners);
      if (least === undefined) break;
      load.set(least, (load.get(least) ?? 0) + 1);
      owners.push(least);
    }
    return { partition, members: owners, founded: founded.get(partition) ?? next };
  });
}

/** The member with the fewest replicas that does not hold one of this partition yet. */
function leastLoaded(
  members: readonly CollectionMember[],
  load: ReadonlyMap<bigint, number>,
  owners: readonly bigint[],
): bigint | undefined {
  let least: bigint | undefined;
  for (const { id } of members) {
    if (owners.includes(id)) continue;
    if (least === undefined || (load.get(id) ?? 0) < (load.get(least) ?? 0)) least = id;
  }
  return least;
}

function refusal(
  current: CollectionSpec | undefined,
  wanted: WantedCollection,
): Extract<NextGeneration, { kind: "refused" }> | undefined {
  if (current === undefined) return undefined;
  if (wanted.shardType !== current.shardType) {
    const message = `the data that is there is of type ${current.shardType}; set it back`;
    return { kind: "refused", path: "shardType", message };
  }
  const most = Math.max(...current.partitions.map(({ members }) => members.length));
  if (wanted.replicas < most) {
    const message = `taking replicas away is not served yet; set it back to ${most}`;
    return { kind: "refused", path: "replicas", message };
  }
  const had = current.partitions.length;
  if (wanted.partitions < had) {
    return {
      kind: "refused",
      path: "partitions",
      message: `${had} partitions hold data; set it to at least ${had}`,
    };
  }
  if (wanted.partitioning === "Hashed" && wanted.partitions !== had) {
    return {
      kind: "refused",
      path: "partitions",
      message: `moving slots is not served yet; set it back to ${had}`,
    };
  }
  return refusedLoss(current, wanted);
}

/** Nobody who holds data may leave, and no other store takes a place unless that was accepted. */
function refusedLoss(
  current: CollectionSpec,
  wanted: WantedCollection,
): Extract<NextGeneration, { kind: "refused" }> | undefined {
  const holding = new Set(current.partitions.flatMap((entry) => entry.members));
  const owners = current.members.filter((member) => holding.has(member.id));
  const leaving = owners.filter(
    (owner) => !wanted.members.some((member) => member.ordinal === owner.ordinal),
  );
  if (leaving.length > 0) {
    const last = Math.max(...leaving.map((member) => member.ordinal));
    const message =
      `member ${last} holds partitions and moving them is not served yet; ` +
      `set it to at least ${last + 1}`;
    return { kind: "refused", path: "nodes", message };
  }
  const replaced = owners.find(
    (owner) =>
      owner.incarnation !== wanted.acceptedLoss &&
      !wanted.members.some((member) => member.incarnation === owner.incarnation),
  );
  if (replaced === undefined) return undefined;
  const { ordinal, incarnation } = replaced;
  const message =
    `member ${ordinal} holds partitions as incarnation ${incarnation} and its store is another ` +
    `one: bring the volume back, or accept the loss of that incarnation`;
  return { kind: "refused", message };
}

/** Computes the next generation. `current` is the meta group's committed one. Pure, repeatable. */
export function nextGeneration(
  current: CollectionSpec | undefined,
  wanted: WantedCollection,
): NextGeneration {
  const refused = refusal(current, wanted);
  if (refused !== undefined) return refused;
  const members = placeMembers(current, wanted.members);
  const slots =
    wanted.partitioning === "Explicit"
      ? []
      : (current?.slots ?? initialSlots(wanted.partitions)).map((slot) =>
          create(SlotAssignmentSchema, { ...slot }),
        );
  const spec = create(CollectionSpecSchema, {
    collection: wanted.collection,
    package: wanted.package,
    generation: current?.generation ?? 0n,
    partitioning: wanted.partitioning,
    hashVersion: wanted.partitioning === "Hashed" ? ODGM_SLOTS.hashVersion : 0,
    members: [...members],
    partitions: placePartitions(current, wanted, members).map((entry) =>
      create(PartitionAssignmentSchema, entry),
    ),
    slots,
    functions: sortedFunctions(wanted.functions),
    options: { ...wanted.options },
    shardType: wanted.shardType,
    persistent: wanted.persistent,
    disabled: wanted.disabled,
    resolvedClassJson: wanted.resolvedClassJson,
  });
  if (current !== undefined && equals(CollectionSpecSchema, spec, current)) {
    return { kind: "current", spec: current };
  }
  const next = clone(CollectionSpecSchema, spec);
  next.generation = (current?.generation ?? 0n) + 1n;
  return { kind: "propose", spec: next };
}

function sortedFunctions(functions: readonly RoutedFunction[]): CollectionFunction[] {
  return [...functions]
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map((fn) => create(CollectionFunctionSchema, { ...fn }));
}
