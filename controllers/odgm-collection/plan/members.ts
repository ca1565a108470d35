// What happens to the store of each member: it is formatted once, on record, and after that either
// it is the one on record or the member is in trouble. A store of a Raft collection that was lost
// while its groups live on without it is replaced; every other loss has to be accepted by a person.
import { StoreState } from "#api/gen/oaas-admin_pb.ts";
import { REASONS } from "#api/meta/index.ts";

import type { CollectionCall } from "./calls.ts";
import { ACCEPT_DATA_LOSS } from "./generation.ts";
import type { GroupSeen } from "./groups.ts";
import type { MetaSeen } from "./meta.ts";
import type { IdentityRecord, MemberRecord, Observed, SeenTarget } from "./observed.ts";

/** Trouble of one member that nobody but a person can end. */
export interface MemberTrouble {
  readonly ordinal: number;
  readonly reason: string;
  readonly message: string;
}

/** What is to be done about stores. */
export interface MembersPlan {
  readonly record: IdentityRecord;
  readonly calls: readonly CollectionCall[];
  readonly troubles: readonly MemberTrouble[];
  /** Every wanted ordinal has its incarnation on record. */
  readonly settled: boolean;
  readonly progress?: { readonly reason: string; readonly message: string };
}

/** What members' groups say, for judging whether a lost store can be done without. */
export interface StoreContext {
  readonly meta: MetaSeen;
  readonly groups: readonly GroupSeen[];
}

/** The record with what the stores of ordinals below `nodes` add to it, and what to do next. */
export function planMembers(
  observed: Observed,
  record: IdentityRecord,
  nodes: number,
  context: StoreContext,
): MembersPlan {
  const members = new Map(record.members);
  const calls: CollectionCall[] = [];
  const troubles: MemberTrouble[] = [];
  for (let ordinal = 0; ordinal < nodes; ordinal += 1) {
    const step = planMember(observed, record, ordinal, context);
    if (step.record !== undefined) members.set(ordinal, step.record);
    if (step.call !== undefined) calls.push(step.call);
    if (step.trouble !== undefined) troubles.push({ ordinal, ...step.trouble });
  }
  const waiting: number[] = [];
  for (let ordinal = 0; ordinal < nodes; ordinal += 1) {
    if (members.get(ordinal)?.kind !== "formatted") waiting.push(ordinal);
  }
  return {
    record: { ...record, members },
    calls,
    troubles,
    settled: waiting.length === 0,
    ...(waiting.length === 0
      ? {}
      : {
          progress: {
            reason: REASONS.Formatting,
            message: `${nodes - waiting.length} of ${nodes} stores are formatted`,
          },
        }),
  };
}

interface MemberStep {
  readonly record?: MemberRecord;
  readonly call?: CollectionCall;
  readonly trouble?: { readonly reason: string; readonly message: string };
}

function planMember(
  observed: Observed,
  record: IdentityRecord,
  ordinal: number,
  context: StoreContext,
): MemberStep {
  const seen = observed.members.get(ordinal);
  const target = observed.targets.get(ordinal);
  if (seen?.kind !== "known" || target === undefined) return {};
  const { status } = seen;
  const known = record.members.get(ordinal);
  switch (status.storeState) {
    case StoreState.EMPTY:
      return emptyStore(observed, record, known, { target, ...context });
    case StoreState.READY:
      if (status.identity !== record.identity) {
        return foreign(`its store is of identity ${status.identity}`);
      }
      if (known?.kind === "formatted" && known.incarnation !== status.incarnation) {
        return foreign(`its store is incarnation ${status.incarnation}, not ${known.incarnation}`);
      }
      if (known?.kind === "formatted") return {};
      return { record: { kind: "formatted", incarnation: status.incarnation } };
    case StoreState.FOREIGN:
      return foreign(status.storeMessage);
    case StoreState.REFUSED:
      return { trouble: { reason: REASONS.StoreSuspect, message: status.storeMessage } };
    default:
      return {};
  }
}

function foreign(message: string): MemberStep {
  return { trouble: { reason: REASONS.WrongDisk, message } };
}

function emptyStore(
  observed: Observed,
  record: IdentityRecord,
  known: MemberRecord | undefined,
  context: StoreContext & { readonly target: SeenTarget },
): MemberStep {
  const { target } = context;
  // The record must be durable before the store may be formatted: the intent is stored in one pass,
  // the call is made in a later one, when the stored record already shows it.
  if (known === undefined || known.kind === "evacuated") return { record: { kind: "intent" } };
  if (known.kind === "intent") {
    const { collection, identity } = record;
    return { call: { kind: "format", target, collection, identity } };
  }
  const accepted = observed.collection.metadata.annotations?.[ACCEPT_DATA_LOSS];
  if (accepted === known.incarnation || isReplaceable(context, target.ordinal, known.incarnation)) {
    return { record: { kind: "intent" } };
  }
  const message =
    `its store is empty but held incarnation ${known.incarnation}: bring the volume back, or set ` +
    `the annotation ${ACCEPT_DATA_LOSS}=${known.incarnation} to start it empty`;
  return { trouble: { reason: REASONS.EmptyDisk, message } };
}

/**
 * True if nothing is lost with the store of this incarnation: every group that it belonged to, the
 * meta group included, has a leader and a majority of replicas that have caught up without it.
 */
function isReplaceable(
  { meta, groups }: StoreContext,
  ordinal: number,
  incarnation: string,
): boolean {
  const { committed, target } = meta;
  if (committed?.shardType !== "Raft" || target === undefined) return false;
  if (target.ordinal === ordinal) return false;
  return groups.every(({ replicas, serving, leader }) => {
    if (!replicas.some((replica) => replica.incarnation === incarnation)) return true;
    const others = replicas.filter((replica) => replica.incarnation !== incarnation);
    const caughtUp = others.filter((replica) => replica.caughtUp).length;
    return serving && leader !== ordinal && 2 * caughtUp > replicas.length;
  });
}
