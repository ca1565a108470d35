// What the members say about every partition, seen against the committed generation: who leads,
// whether the replicas are where they shall be, and whether each has caught up. Plan (is it safe to
// go on?) and status (is it well?) read the same picture.
import type {
  CollectionMember,
  CollectionSpec,
  RaftStatus,
  ShardStatus,
} from "#api/gen/oaas-admin_pb.ts";
import { RaftRole, ShardState, StoreState } from "#api/gen/oaas-admin_pb.ts";

import type { MemberSeen, Observed } from "./observed.ts";
import { isEmptyPartition } from "./slots.ts";

/** One wanted replica. */
export interface ReplicaSeen {
  readonly ordinal: number;
  readonly incarnation: string;
  /** It answers, as a leader or as one that follows a leader. */
  readonly serves: boolean;
  readonly full: boolean;
  /** It serves, belongs to the group, and lacks nothing that was committed a moment ago. */
  readonly caughtUp: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly lagEntries: number;
  readonly lagMs: number;
  /** Why it does not serve or has not caught up. */
  readonly message: string;
}

/** One partition. */
export interface GroupSeen {
  readonly partition: number;
  /** As the committed generation wants them, the primary first. */
  readonly replicas: readonly ReplicaSeen[];
  /** Ordinal of the member that leads; of Basic and Mst the primary. Undefined: nobody. */
  readonly leader: number | undefined;
  /** Calls are answered. */
  readonly serving: boolean;
  /** It was made for slots that others still serve: nothing is missing while it does not answer. */
  readonly empty: boolean;
  /** It takes no new data. */
  readonly full: boolean;
  /** Its replicas are exactly the wanted ones: nothing of it moves. */
  readonly settled: boolean;
  /** Why nobody leads, or what moves; empty otherwise. */
  readonly message: string;
}

type PlainSeen = Omit<GroupSeen, "empty">;

/** True if every wanted replica is there and has caught up: one of them may go for a while. */
export function isWhole(group: GroupSeen): boolean {
  const { serving, settled, replicas } = group;
  return serving && settled && replicas.every((replica) => replica.caughtUp);
}

interface Report {
  readonly ordinal: number;
  readonly shard: ShardStatus;
}

/** Every partition from 0 to `total`. */
export function groupsSeen(
  observed: Observed,
  committed: CollectionSpec | undefined,
  total: number,
): readonly GroupSeen[] {
  const reports = reportsOf(observed);
  const assigned = new Map(committed?.partitions.map((entry) => [entry.partition, entry.members]));
  const members = new Map(committed?.members.map((member) => [member.id, member]));
  return Array.from({ length: total }, (_, partition) => {
    const wanted = (assigned.get(partition) ?? []).flatMap((id) => members.get(id) ?? []);
    const told = reports.get(partition) ?? [];
    // Of a collection that serves, one that is not placed yet is one more.
    const isMore = committed?.partitioning === "Hashed" && !assigned.has(partition);
    const empty = isMore || (committed !== undefined && isEmptyPartition(committed, partition));
    if (committed === undefined || wanted.length === 0) return { ...notPlaced(partition), empty };
    const context = { observed, committed, partition, wanted, told };
    const group = committed.shardType === "Raft" ? raftGroup(context) : plainGroup(context);
    return { ...group, empty };
  });
}

/** What formatted members of this collection say, by partition. */
function reportsOf({ members }: Observed): ReadonlyMap<number, readonly Report[]> {
  const reports = new Map<number, Report[]>();
  for (const [ordinal, seen] of members) {
    if (seen.kind !== "known") continue;
    for (const shard of seen.status.shards) {
      const list = reports.get(shard.partition);
      if (list === undefined) reports.set(shard.partition, [{ ordinal, shard }]);
      else list.push({ ordinal, shard });
    }
  }
  return reports;
}

function notPlaced(partition: number): PlainSeen {
  const nobody = { replicas: [], leader: undefined, serving: false, full: false, settled: false };
  return { partition, ...nobody, message: "it is not placed yet" };
}

interface Context {
  readonly observed: Observed;
  readonly committed: CollectionSpec;
  readonly partition: number;
  readonly wanted: readonly CollectionMember[];
  readonly told: readonly Report[];
}

/** How one member is, in a few words. */
function memberWord(seen: MemberSeen | undefined): string {
  switch (seen?.kind) {
    case undefined:
    case "absent":
      return "has no pod";
    case "connecting":
      return "is not reached yet";
    case "unreachable":
      return `does not answer: ${seen.message}`;
    case "known":
      if (seen.status.storeState === StoreState.READY) return "serves an older generation";
      return seen.status.storeMessage === "" ? "is not formatted" : seen.status.storeMessage;
  }
}

function replicaSeen(context: Context, member: CollectionMember): ReplicaSeen {
  const { ordinal, incarnation } = member;
  const shard = context.told.find((report) => report.ordinal === ordinal)?.shard;
  const base = { ordinal, incarnation };
  if (shard === undefined) {
    const message = `member ${ordinal} ${memberWord(context.observed.members.get(ordinal))}`;
    const nothing = { serves: false, full: false, caughtUp: false, objects: 0, bytes: 0 };
    return { ...base, ...nothing, lagEntries: 0, lagMs: 0, message };
  }
  const full = shard.state === ShardState.STORAGE_FULL;
  const serves = full || shard.state === ShardState.READY;
  const unheard = context.committed.members.filter((other) =>
    shard.unheard.includes(other.incarnation),
  );
  return {
    ...base,
    serves,
    full,
    caughtUp: serves && unheard.length === 0,
    objects: Number(shard.objects),
    bytes: Number(shard.bytes),
    lagEntries: 0,
    lagMs: Number(shard.lagMs),
    message: replicaWord(shard, ordinal, unheard),
  };
}

/** What is to be said of a replica, the worst alone. */
function replicaWord(
  { state, message }: ShardStatus,
  ordinal: number,
  unheard: readonly CollectionMember[],
): string {
  // The member's own words do not say whose disk it is.
  if (state === ShardState.STORAGE_FULL) {
    return `the disk of member ${ordinal} is full`;
  }
  if (unheard.length > 0) {
    const others = unheard.map((other) => other.ordinal).join(" and ");
    return `member ${ordinal} has yet to fetch what member ${others} may have written`;
  }
  return message === "" ? `member ${ordinal} is starting it` : message;
}

/** Basic and Mst: every replica answers by itself. */
function plainGroup(context: Context): PlainSeen {
  const replicas = context.wanted.map((member) => replicaSeen(context, member));
  const open = replicas.find((replica) => replica.serves && !replica.full);
  const serving = replicas.some((replica) => replica.serves);
  return {
    partition: context.partition,
    replicas,
    leader: replicas[0]?.ordinal,
    serving,
    full: serving && open === undefined,
    settled: true,
    message: "",
  };
}

/** Raft: it serves while somebody leads, and what moves the leader knows. */
function raftGroup(context: Context): PlainSeen {
  const { committed, partition, wanted, told } = context;
  const leading = leaderReport(told);
  const raft = leading?.shard.raft;
  const replicas = wanted.map((member) => raftReplica(context, member, leading));
  if (leading === undefined || raft === undefined) {
    const [lame] = replicas.filter((replica) => !replica.serves);
    const why = lame === undefined ? "" : `: ${lame.message}`;
    const message = `nobody leads it${why}`;
    return {
      partition,
      replicas,
      leader: undefined,
      serving: false,
      full: false,
      settled: false,
      message,
    };
  }
  const settled = hasReached(raft, committed, wanted);
  const { state } = leading.shard;
  const serving = state === ShardState.STORAGE_FULL || state === ShardState.READY;
  // The leader speaks for the partition: it knows which disks stand in the way of more data.
  const full = state === ShardState.STORAGE_FULL;
  return {
    partition,
    replicas,
    leader: leading.ordinal,
    serving,
    full,
    settled,
    message: settled ? "" : movingMessage(raft, committed, replicas),
  };
}

/** Who leads, by the newest term that anybody has told; a leader of an older one is deposed. */
function leaderReport(told: readonly Report[]): Report | undefined {
  const terms = told.map(({ shard }) => shard.raft?.term ?? 0n);
  const newest = terms.reduce((max, term) => (term > max ? term : max), 0n);
  return told.find(
    ({ shard }) => shard.raft?.role === RaftRole.LEADER && shard.raft.term === newest,
  );
}

/** The leader says that the members of the committed generation are its voters, and nobody else. */
export function hasReached(
  raft: RaftStatus,
  committed: CollectionSpec,
  wanted: readonly { readonly incarnation: string }[],
): boolean {
  const { voters, learners, outgoing, reachedGeneration } = raft;
  if (reachedGeneration < committed.generation) return false;
  if (learners.length > 0 || outgoing.length > 0 || voters.length !== wanted.length) return false;
  return wanted.every(({ incarnation }) => voters.includes(incarnation));
}

function raftReplica(
  context: Context,
  member: CollectionMember,
  leading: Report | undefined,
): ReplicaSeen {
  const seen = replicaSeen(context, member);
  const raft = leading?.shard.raft;
  if (raft === undefined) return { ...seen, caughtUp: false };
  const { ordinal, incarnation } = seen;
  const isVoter = raft.voters.includes(incarnation);
  if (ordinal === leading?.ordinal) {
    // Others say it of their own disks; it may have had room for all of them.
    const isOthers = othersFull(context, ordinal);
    const own = isOthers ? { ...seen, full: false, message: "" } : seen;
    return { ...own, caughtUp: seen.serves && isVoter };
  }
  const known = raft.members.find((other) => other.incarnation === incarnation);
  const lagEntries = Number(known?.lagEntries ?? 0n);
  const caughtUp = seen.serves && isVoter && known?.caughtUp === true;
  if (caughtUp || !seen.serves) return { ...seen, lagEntries, caughtUp };
  const message =
    known?.snapshot === true
      ? `member ${ordinal} receives a snapshot`
      : !isVoter
        ? `member ${ordinal} has not joined yet`
        : known?.active === true
          ? `member ${ordinal} is ${lagEntries} entries behind`
          : `its leader does not hear member ${ordinal}`;
  return { ...seen, lagEntries, caughtUp, message };
}

function othersFull({ told }: Context, ordinal: number): boolean {
  return told.some(
    (report) => report.ordinal !== ordinal && report.shard.state === ShardState.STORAGE_FULL,
  );
}

function movingMessage(
  raft: RaftStatus,
  committed: CollectionSpec,
  replicas: readonly ReplicaSeen[],
): string {
  const name = (incarnation: string): string => {
    const member = committed.members.find((other) => other.incarnation === incarnation);
    return member === undefined ? `the lost ${incarnation}` : `member ${member.ordinal}`;
  };
  const wanted = new Set(replicas.map(({ incarnation }) => incarnation));
  const joining = replicas.filter(({ incarnation }) => !raft.voters.includes(incarnation));
  const leaving = [...raft.voters, ...raft.learners].filter((other) => !wanted.has(other));
  const parts = [
    ...joining.map(({ incarnation }) => `${name(incarnation)} joins`),
    ...leaving.map((incarnation) => `${name(incarnation)} leaves`),
  ];
  if (parts.length > 0) return parts.join(", ");
  return `its leader has not seen generation ${committed.generation} yet`;
}
