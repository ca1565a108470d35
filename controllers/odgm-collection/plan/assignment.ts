// Computes the next generation of a collection from the current one and what is wanted: who its
// members are, who holds what (placement.ts), who votes in the meta group, how calls are routed.
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
  SlotMoveSchema,
} from "#api/gen/oaas-admin_pb.ts";
import { ODGM_SLOTS } from "#api/workload/odgm.ts";

import { placePartitions } from "./placement.ts";
import type { PlannedSlots, SlotsSeen } from "./slots.ts";
import { initialSlots, planSlots } from "./slots.ts";

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
  /** Ordinals that shall hold nothing any more, so that they can go. */
  readonly leaving: ReadonlySet<number>;
  /** Partitions whose replicas are where the current generation wants them. */
  readonly settled: ReadonlySet<number>;
  /** Every replica of every partition has caught up, and every member answers. */
  readonly isWell: boolean;
  readonly resolvedClassJson: string;
  /** How far moves of slots are. */
  readonly moving: SlotsSeen;
  /** Incarnation whose loss a person accepted: the store that came after it takes its place. */
  readonly acceptedLoss?: string | undefined;
}

/** The answer: as it is, a next generation, or why not. `path` is below `.spec`. */
export type NextGeneration =
  | { readonly kind: "current"; readonly spec: CollectionSpec }
  | { readonly kind: "propose"; readonly spec: CollectionSpec }
  | { readonly kind: "refused"; readonly path?: string; readonly message: string };

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

/** How many voters a meta group of so many members has: 1, 3 or 5. */
export function metaVoterCount(members: number): number {
  return members >= 5 ? 5 : members >= 3 ? 3 : 1;
}

/** Voters of the meta group: who votes goes on to, the rest by ordinal. Sorted by ordinal. */
function placeVoters(
  current: CollectionSpec | undefined,
  members: readonly CollectionMember[],
  leaving: ReadonlySet<number>,
): bigint[] {
  const stay = members.filter(({ ordinal }) => !leaving.has(ordinal));
  const had = new Set(
    (current?.metaVoters ?? []).flatMap(
      (id) => current?.members.find((member) => member.id === id)?.ordinal ?? [],
    ),
  );
  const order = [
    ...stay.filter(({ ordinal }) => had.has(ordinal)),
    ...stay.filter(({ ordinal }) => !had.has(ordinal)),
  ];
  const voters = order.slice(0, metaVoterCount(stay.length));
  return voters.sort((a, b) => a.ordinal - b.ordinal).map(({ id }) => id);
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
  if (wanted.shardType !== "Raft" && wanted.replicas < most) {
    const message =
      `taking replicas of ${wanted.shardType} away is not served yet; ` + `set it back to ${most}`;
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
  const isHashed = wanted.partitioning === "Hashed";
  if (isHashed && wanted.partitions !== had && wanted.shardType === "Mst") {
    const message = `moving slots of Mst partitions is not served yet; set it back to ${had}`;
    return { kind: "refused", path: "partitions", message };
  }
  if (isHashed && wanted.partitions > ODGM_SLOTS.count) {
    const { count } = ODGM_SLOTS;
    const message = `there are ${count} slots to share out; set it to at most ${count}`;
    return { kind: "refused", path: "partitions", message };
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
  const leaving = owners.filter(({ ordinal }) => wanted.leaving.has(ordinal));
  if (wanted.shardType !== "Raft" && leaving.length > 0) {
    const last = Math.max(...leaving.map((member) => member.ordinal));
    const message =
      `member ${last} holds partitions and ` +
      `moving those of ${wanted.shardType} is not served yet; ` +
      `set it to at least ${last + 1}`;
    return { kind: "refused", path: "nodes", message };
  }
  // Of Raft a store is replaced only while its groups live without it, or if a person accepted it.
  const replaced = owners.find(
    (owner) =>
      wanted.shardType !== "Raft" &&
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
  const { slots, moves } = nextSlots(current, wanted);
  const spec = create(CollectionSpecSchema, {
    collection: wanted.collection,
    package: wanted.package,
    generation: current?.generation ?? 0n,
    partitioning: wanted.partitioning,
    hashVersion: wanted.partitioning === "Hashed" ? ODGM_SLOTS.hashVersion : 0,
    members: [...members],
    partitions: placePartitions({ ...wanted, current, members }).map((entry) =>
      create(PartitionAssignmentSchema, {
        ...entry,
        members: [...entry.members],
        founders: [...entry.founders],
      }),
    ),
    metaVoters: placeVoters(current, members, wanted.leaving),
    slots: slots.map((slot) => create(SlotAssignmentSchema, { ...slot })),
    moves: moves.map((move) => create(SlotMoveSchema, { ...move })),
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

function nextSlots(current: CollectionSpec | undefined, wanted: WantedCollection): PlannedSlots {
  if (wanted.partitioning === "Explicit") return { slots: [], moves: [] };
  if (current === undefined) return { slots: initialSlots(wanted.partitions), moves: [] };
  const isPlaced = current.partitions.length === wanted.partitions;
  const areSettled = current.partitions.every(({ partition }) => wanted.settled.has(partition));
  return planSlots(current, wanted.moving, isPlaced && areSettled && wanted.isWell);
}

function sortedFunctions(functions: readonly RoutedFunction[]): CollectionFunction[] {
  return [...functions]
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map((fn) => create(CollectionFunctionSchema, { ...fn }));
}
