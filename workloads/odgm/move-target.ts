// The partition that slots go to, as the leader of the source reaches it and as its own leader is
// asked. A part that may have arrived is sent again: the target knows by its number whether it did.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";

import { errorMessage } from "#api/base/index.ts";
import type { CollectionMember } from "#api/gen/oaas-admin_pb.ts";
import { GroupMessageSchema, Method } from "#api/gen/oaas-stream_pb.ts";
import type { MoveCommand, MoveOutcome } from "#workloads/core/moves/index.ts";
import {
  decodeMoveCommand,
  decodeMoveOutcome,
  encodeMoveCommand,
  encodeMoveOutcome,
} from "#workloads/core/moves/index.ts";
import type { Responder, StreamClient } from "#workloads/platform/index.ts";
import { GrpcFailure, replyFailure } from "#workloads/platform/index.ts";

import type { ServedCollection } from "./collection.ts";
import { refuse } from "./errors.ts";
import type { Cancel, DataCall } from "./forward.ts";
import { toLeader } from "./forward.ts";
import type { Member } from "./member.ts";
import type { Timers } from "./raft/ports.ts";
import { replicasOf } from "./replicas.ts";

/** A part that is not answered in this time is sent again. */
const ANSWER_MS = 5_000;
/** The target is asked again after ... */
const AGAIN_MS = 25;
/** ... and at most after. */
const AGAIN_MAX_MS = 500;

/** The member of the source, as far as reaching a target needs it. */
export interface MoveTargetHost extends Pick<Member, "incarnation" | "mayGrow"> {
  readonly owner: Pick<Member["owner"], "ordinal">;
  readonly peers: { linkTo(member: CollectionMember): Pick<StreamClient, "call"> };
}

/** The collection whose slots move, as this member serves it. */
export type MoveCollection = Pick<ServedCollection, "name" | "shards" | "spec">;

/** What a target is reached by. */
export interface MoveTargetOptions {
  readonly member: MoveTargetHost;
  readonly timers: Pick<Timers, "after">;
  readonly collection: MoveCollection;
  readonly partition: number;
  /** Throws if the source has no business with it any more; asked before every attempt. */
  readonly check: () => void;
}

/** See the top of the file. */
export class MoveTarget {
  readonly #options: MoveTargetOptions;
  #leader: CollectionMember | undefined;
  #turn = 0;

  constructor(options: MoveTargetOptions) {
    this.#options = options;
  }

  /** Asks until there is an answer. Rejects with what `check` throws. */
  async run(command: MoveCommand): Promise<MoveOutcome> {
    const payload = encodeMoveCommand(command);
    for (let againMs = AGAIN_MS; ; againMs = Math.min(againMs * 2, AGAIN_MAX_MS)) {
      this.#options.check();
      const outcome = await this.#ask(command, payload);
      if (!(outcome instanceof GrpcFailure)) return outcome;
      if (this.#follow(outcome)) continue;
      this.#leader = undefined;
      this.#turn += 1;
      const waitMs = againMs;
      await new Promise<void>((resolve) => void this.#options.timers.after(waitMs, resolve));
    }
  }

  #follow({ code, leader }: GrpcFailure): boolean {
    if (code !== "NOT_LEADER" || leader === undefined) return false;
    const { members } = this.#options.collection.spec;
    const found = members.find(({ id }) => id === leader.member);
    const isNews = found !== undefined && found.id !== this.#leader?.id;
    this.#leader = found;
    return isNews;
  }

  #ask(command: MoveCommand, payload: Uint8Array): Promise<MoveOutcome | GrpcFailure> {
    const { collection, partition, member } = this.#options;
    const local = collection.shards.find((shard) => shard.partition === partition);
    if (local?.slots !== undefined && local.lead.kind === "here") {
      const { slots } = local;
      if (command.kind === "take" && !member.mayGrow) return Promise.resolve(diskFull(partition));
      return new Promise((resolve) => slots.run(command, resolve));
    }
    const replicas = replicasOf(collection.spec, partition);
    const others = replicas.filter(({ ordinal }) => ordinal !== member.owner.ordinal);
    const asked = this.#leader ?? others[this.#turn % Math.max(1, others.length)];
    if (asked === undefined) {
      return Promise.resolve(refuse("NO_LEADER", `partition ${partition} has no leader now`));
    }
    return this.#send(asked, payload);
  }

  #send(to: CollectionMember, payload: Uint8Array): Promise<MoveOutcome | GrpcFailure> {
    const { collection, partition, member } = this.#options;
    const { incarnation: from } = member;
    const message = create(GroupMessageSchema, {
      collection: collection.name,
      ...{ partition, from, to: to.incarnation, payload },
    });
    return new Promise((resolve) => {
      member.peers.linkTo(to).call(
        {
          method: Method.MOVE_SLOTS,
          lane: "bulk",
          request: toBinary(GroupMessageSchema, message),
          timeoutMs: ANSWER_MS,
          generation: collection.spec.generation,
          forwarded: true,
        },
        (reply) => {
          if (reply.code !== 0) {
            resolve(replyFailure(reply));
            return;
          }
          const outcome = decodeMoveOutcome(reply.response);
          resolve(outcome ?? refuse("INVALID_REQUEST", "malformed answer of a target"));
        },
      );
    });
  }
}

/** What the leader of a source asks of a partition here. Throws the refusal. */
export function answerMove(member: Member, call: DataCall, respond: Responder): Cancel {
  if (!call.isFromMember) throw refuse("UNSUPPORTED", "slots move over the link only");
  const { collection: name, partition, payload } = decodeMessage(call.request);
  const command = decodeMoveCommand(payload);
  if (command?.kind !== "take" && command?.kind !== "arrive") {
    throw refuse("INVALID_REQUEST", "a source sends parts and says that they are everything");
  }
  const collection = member.collection(name);
  const owner = collection.ownerOf(partition);
  if (owner.kind === "remote") {
    throw collection.wrongPartition(`partition ${partition} has no replica here`, partition);
  }
  const { shard } = owner;
  const { slots, lead } = shard;
  if (slots === undefined) throw refuse("UNSUPPORTED", `slots of ${name} do not move`);
  if (lead.kind !== "here") {
    return toLeader(member, { call, collection, partition, lead }, respond);
  }
  if (command.kind === "take" && !member.mayGrow) throw diskFull(partition);
  slots.run(command, (outcome) => {
    if (outcome instanceof GrpcFailure) respond.fail(outcome);
    else respond.ok([encodeMoveOutcome(outcome)]);
  });
  return undefined;
}

function diskFull(partition: number): GrpcFailure {
  return refuse("STORAGE_FULL", `the disk of partition ${partition} is full: no slots come here`);
}

function decodeMessage(bytes: Uint8Array) {
  try {
    return fromBinary(GroupMessageSchema, bytes);
  } catch (cause: unknown) {
    throw refuse("INVALID_REQUEST", `malformed message: ${errorMessage(cause)}`, { cause });
  }
}
