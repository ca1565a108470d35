// The meta group of a collection as its members tell of it: what is committed, who may be asked for
// the next generation, and whether the group has to be founded or to go on from what is served.
import type { CollectionSpec, MemberStatus, RaftStatus } from "#api/gen/oaas-admin_pb.ts";
import { RaftRole, StoreState } from "#api/gen/oaas-admin_pb.ts";

import { hasReached } from "./groups.ts";
import type { IdentityRecord, Observed, SeenTarget } from "./observed.ts";

/** Founds the meta group: its first voter. */
const FOUNDER = 0;

/** What is known of the meta group. */
export interface MetaSeen {
  /** The newest generation that any voter has told. */
  readonly committed: CollectionSpec | undefined;
  /** Whom to ask for the next one. Undefined: nobody is known to lead. */
  readonly target: SeenTarget | undefined;
  /** Nobody has ever committed anything, and every store that could know was asked. */
  readonly isNew: boolean;
  /** No voter holds anything, but members serve a generation: the group goes on from there. */
  readonly adopt: { readonly from: SeenTarget; readonly to: SeenTarget } | undefined;
  /** Its voters are those of the committed generation and have caught up. */
  readonly isWhole: boolean;
}

interface Known {
  readonly ordinal: number;
  readonly status: MemberStatus;
  readonly target: SeenTarget | undefined;
}

const NOTHING: MetaSeen = {
  committed: undefined,
  target: undefined,
  isNew: false,
  adopt: undefined,
  isWhole: false,
};

/** Looks at the members whose store is the one on record. */
export function metaSeen(observed: Observed, record: IdentityRecord | undefined): MetaSeen {
  if (record === undefined) return NOTHING;
  const known = knownMembers(observed, record);
  const voters = known.filter(({ status }) => status.metaGeneration > 0n);
  if (voters.length > 0) return ofVoters(voters);
  const isComplete = [...record.members].every(
    ([ordinal, { kind }]) => kind !== "formatted" || known.some((one) => one.ordinal === ordinal),
  );
  const founder = known.find(({ ordinal }) => ordinal === FOUNDER)?.target;
  // Who follows in a group may know less than its log: only a leader has all of it.
  const isFollowed = known.some(
    ({ status: { meta } }) => meta !== undefined && meta.role !== RaftRole.LEADER,
  );
  if (!isComplete || isFollowed || founder === undefined) return NOTHING;
  const serving = newest(known, ({ status }) => status.generation);
  if (serving === undefined || serving.status.generation === 0n) {
    return { ...NOTHING, target: founder, isNew: true };
  }
  if (serving.target === undefined) return NOTHING;
  return { ...NOTHING, adopt: { from: serving.target, to: founder } };
}

function knownMembers(observed: Observed, record: IdentityRecord): readonly Known[] {
  return [...observed.members].flatMap(([ordinal, seen]): Known[] => {
    if (seen.kind !== "known" || seen.status.storeState !== StoreState.READY) return [];
    if (seen.status.identity !== record.identity) return [];
    const on = record.members.get(ordinal);
    if (on?.kind === "formatted" && on.incarnation !== seen.status.incarnation) return [];
    return [{ ordinal, status: seen.status, target: observed.targets.get(ordinal) }];
  });
}

function ofVoters(voters: readonly Known[]): MetaSeen {
  const telling = voters.filter(({ status }) => status.committed !== undefined);
  const committed = newest(telling, ({ status }) => status.metaGeneration)?.status.committed;
  // A program from before the group says nothing about it: its log has one voter, which leads.
  const leading = voters.filter(
    ({ status: { meta } }) => meta === undefined || meta.role === RaftRole.LEADER,
  );
  const leader = newest(leading, ({ status }) => status.meta?.term ?? 0n);
  // What is not told was committed all the same: nothing may be proposed without knowing it.
  if (committed === undefined || leader === undefined) return { ...NOTHING, committed };
  const { meta } = leader.status;
  const whole = meta === undefined || isWhole(meta, committed);
  return { ...NOTHING, committed, target: leader.target, isWhole: whole };
}

function isWhole(meta: RaftStatus, committed: CollectionSpec): boolean {
  const wanted = committed.members.filter(({ id }) => committed.metaVoters.includes(id));
  return hasReached(meta, committed, wanted) && meta.members.every(({ caughtUp }) => caughtUp);
}

function newest(known: readonly Known[], of: (one: Known) => bigint): Known | undefined {
  let found: Known | undefined;
  for (const one of known) if (found === undefined || of(one) > of(found)) found = one;
  return found;
}
