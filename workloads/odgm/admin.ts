// oaas.OdgmAdmin: what the operator asks of this member. Every rpc is idempotent.
import { create } from "@bufbuild/protobuf";
import type { Server } from "@grpc/grpc-js";

import { assertNever } from "#api/base/index.ts";
import type { MemberStatus, RaftStatus, ShardStatus } from "#api/gen/oaas-admin_pb.ts";
import {
  AdoptResponseSchema,
  ApplyResponseSchema,
  FormatResponseSchema,
  GetServedResponseSchema,
  MemberStatusSchema,
  OdgmAdmin,
  ProposeResponseSchema,
  ResignResponseSchema,
  ShardState,
  ShardStatusSchema,
  StoreState,
} from "#api/gen/oaas-admin_pb.ts";
import { addService } from "#workloads/platform/index.ts";

import { refuse } from "./errors.ts";
import { FORMAT_VERSION } from "./data-dir.ts";
import type { Member, StoreView } from "./member.ts";
import type { ProposeOutcome } from "./meta-log.ts";
import { raftStatusOf } from "./raft-status.ts";
import { RaftShard } from "./shards/raft.ts";
import type { Shard } from "./shards/shard.ts";
import { moveProgressOf } from "./slot-mover.ts";

/** How often WatchStatus looks, and the most often it tells. */
const WATCH_MS = 1000;
/** Counters alone are news at most this often. */
const COUNTS_MS = 15_000;

/** Adds the service to a server that does not listen yet. */
export function addAdmin(server: Server, member: Member, version: string): void {
  addService(server, OdgmAdmin, {
    getStatus: () => Promise.resolve(statusOf(member, version)),
    watchStatus: (_request, context) => watchStatus(member, { version, signal: context.signal }),
    format: async ({ collection, ordinal, identity }) => {
      if (identity === "") throw refuse("INVALID_REQUEST", "identity is empty");
      const incarnation = await member.format({ collection, ordinal }, identity);
      return create(FormatResponseSchema, { incarnation });
    },
    propose: async ({ expectedGeneration, wanted }) => {
      if (wanted === undefined) throw refuse("INVALID_REQUEST", "wanted is not set");
      const outcome = await member.propose(expectedGeneration, wanted);
      return create(ProposeResponseSchema, { generation: committed(outcome) });
    },
    adopt: async ({ spec }) => {
      if (spec === undefined) throw refuse("INVALID_REQUEST", "spec is not set");
      if (spec.generation === 0n) throw refuse("INVALID_SPEC", "generation is 0");
      const outcome = await member.adoptGeneration(spec);
      return create(AdoptResponseSchema, { generation: committed(outcome) });
    },
    apply: async ({ spec }) => {
      if (spec === undefined) throw refuse("INVALID_REQUEST", "spec is not set");
      return create(ApplyResponseSchema, { generation: await member.apply(spec) });
    },
    getServed: () => {
      const spec = member.collections[0]?.spec;
      return Promise.resolve(create(GetServedResponseSchema, spec === undefined ? {} : { spec }));
    },
    resign: ({ seconds }) => {
      member.resign(seconds * 1000);
      return Promise.resolve(create(ResignResponseSchema));
    },
  });
}

/** The committed generation; throws the refusal otherwise. */
function committed(outcome: ProposeOutcome): bigint {
  switch (outcome.kind) {
    case "committed":
      return outcome.generation;
    case "conflict":
      throw refuse("GENERATION_CONFLICT", `the current generation is ${outcome.current}`, {
        generation: outcome.current,
      });
    case "refused":
      throw refuse(outcome.problem.reason, outcome.problem.message);
    case "not-leader": {
      const who = outcome.leader === "" ? "nobody is known to lead" : `${outcome.leader} leads`;
      throw refuse("NOT_LEADER", `${who} the meta group`);
    }
    default:
      return assertNever(outcome);
  }
}

/** The member as the operator sees it. */
export function statusOf(member: Member, version: string): MemberStatus {
  const view = member.storeView;
  const [collection] = member.collections;
  const { capacityBytes, usedBytes } = member.storageLevel;
  return create(MemberStatusSchema, {
    collection: member.owner.collection,
    ordinal: member.owner.ordinal,
    storeState: storeStateOf(view),
    storeMessage: view.kind === "ready" ? "" : view.message,
    incarnation: view.kind === "ready" ? view.format.incarnation : "",
    identity: view.kind === "ready" ? view.format.identity : "",
    formatVersion: view.kind === "ready" ? view.format.formatVersion : FORMAT_VERSION,
    generation: collection?.spec.generation ?? 0n,
    metaGeneration: member.metaGeneration,
    shards: member.collections.flatMap((each) => each.shards.map((s) => shardStatus(member, s))),
    capacityBytes: BigInt(Math.max(0, Math.round(capacityBytes))),
    usedBytes: BigInt(Math.max(0, Math.round(usedBytes))),
    programVersion: version,
    contentDigest: collection?.digest ?? "",
    resigned: member.isResigned,
    ...(member.committed === undefined ? {} : { committed: member.committed }),
    ...(member.metaStatus === undefined ? {} : { meta: member.metaStatus }),
  });
}

function shardStatus(member: Member, shard: Shard): ShardStatus {
  const { standing } = shard;
  const isReady = standing.kind === "ready";
  // Who leads speaks for the partition, everybody else for its own disk.
  const leads = shard instanceof RaftShard && shard.lead.kind === "here";
  const mayGrow = leads ? shard.hasRoom : member.mayGrow;
  const full = mayGrow ? "" : "the disk is full: only deletes pass";
  const open = mayGrow ? ShardState.READY : ShardState.STORAGE_FULL;
  const view = shard instanceof RaftShard ? shard.view() : undefined;
  const closed = view?.standing === "failed" ? ShardState.FAILED : ShardState.STARTING;
  return create(ShardStatusSchema, {
    partition: shard.partition,
    state: isReady ? open : closed,
    leader: isReady && shard.lead.kind === "here",
    objects: BigInt(shard.objects),
    appliedIndex: BigInt(shard.appliedIndex),
    message: isReady ? full : standing.message,
    lagMs: BigInt(shard.lagMs),
    unheard: standing.kind === "ready" ? [...(standing.unheard ?? [])] : [],
    moves: moveProgressOf(shard).map(({ id, progress }) => ({ id: BigInt(id), progress })),
    ...(view === undefined ? {} : { raft: raftStatusOf(view), bytes: BigInt(view.stateBytes) }),
  });
}

function storeStateOf(view: StoreView): StoreState {
  switch (view.kind) {
    case "empty":
      return StoreState.EMPTY;
    case "ready":
      return StoreState.READY;
    case "foreign":
      return StoreState.FOREIGN;
    case "refused":
      return StoreState.REFUSED;
  }
}

/** The status now, then whenever generation, store or a shard's state differ from the last one. */
async function* watchStatus(
  member: Member,
  options: { readonly version: string; readonly signal: AbortSignal },
): AsyncGenerator<MemberStatus> {
  let told = "";
  let counted = "";
  let countedAtMs = performance.now();
  while (!options.signal.aborted) {
    const status = statusOf(member, options.version);
    const shown = fingerprint(status);
    const counts = countsOf(status);
    const due = counts !== counted && performance.now() - countedAtMs >= COUNTS_MS;
    if (shown !== told || due) {
      told = shown;
      counted = counts;
      countedAtMs = performance.now();
      yield status;
    }
    await changeOrTick(member, options.signal);
  }
}

/** The counters, which are told at most every {@link COUNTS_MS}. */
function countsOf({ shards }: MemberStatus): string {
  return shards.map(({ partition, objects, bytes }) => `${partition}:${objects}:${bytes}`).join();
}

/** What WatchStatus tells of at once: states, generations and groups, not the counters. */
function fingerprint(status: MemberStatus): string {
  const { generation, metaGeneration, resigned, meta, shards } = status;
  return JSON.stringify([
    [status.storeState, status.storeMessage, `${generation}/${metaGeneration}`, resigned],
    groupPrint(meta),
    shards.map(({ partition, state, leader, unheard, raft, moves }) => [
      [partition, state, leader, unheard],
      moves.map(({ id, progress }) => `${id}:${progress}`),
      groupPrint(raft),
    ]),
  ]);
}

/** A group without its indexes: who is in it, who leads, who has caught up. */
function groupPrint(raft: RaftStatus | undefined): readonly unknown[] {
  if (raft === undefined) return [];
  const { role, term, leader, voters, learners, outgoing, members, reachedGeneration } = raft;
  const others = members.map(({ active, caughtUp, snapshot }) => [active, caughtUp, snapshot]);
  return [role, `${term}/${reachedGeneration}`, leader, voters, learners, outgoing, others];
}

function changeOrTick(member: Member, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => end(), WATCH_MS);
    const unwatch = member.watch(() => end());
    const end = (): void => {
      clearTimeout(timer);
      unwatch();
      signal.removeEventListener("abort", end);
      resolve();
    };
    signal.addEventListener("abort", end, { once: true });
  });
}
