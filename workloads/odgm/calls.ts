// Every call of the data plane, whatever it came over: decode as far as needed, find the partition,
// answer it here or hand it to the member that owns it. A call that was handed on once is answered
// or refused, never handed on again.
import { Method } from "#api/gen/oaas-stream_pb.ts";
import type { Addressed } from "#workloads/core/store/index.ts";
import { EMPTY_RESPONSE, encodeCapabilities } from "#workloads/core/store/index.ts";
import type { GrpcFailure, Responder } from "#workloads/platform/index.ts";

import { answerRead, answerWrite } from "./answers.ts";
import type { ServedCollection } from "./collection.ts";
import type { NameSettings } from "./decode.ts";
import { decodeObjectList, decodeRead, decodeWrite } from "./decode.ts";
import { refuse, toFailure } from "./errors.ts";
import type { Cancel, DataCall } from "./forward.ts";
import { forward, toLeader } from "./forward.ts";
import { following } from "./following.ts";
import type { FunctionPool } from "./functions.ts";
import { answerGroup } from "./group.ts";
import type { InvokeHost } from "./invoke.ts";
import { answerInvoke } from "./invoke.ts";
import { answerEverywhere } from "./list-everywhere.ts";
import { answerObjectList, answerStats, whenReadable, wishOf } from "./listings.ts";
import type { Member } from "./member.ts";
import { answerMove } from "./move-target.ts";
import { decodeSessionRequest, identityOf, tokenOf } from "./request-identity.ts";
import type { Shard } from "./shards/shard.ts";
import { Turns } from "./turns.ts";

/** How calls are treated. */
export interface CallSettings extends NameSettings {
  /** Bound of an invocation if the function says nothing. */
  readonly invokeTimeoutMs: number;
}

/** Answers calls for one member. */
export class Calls {
  readonly #member: Member;
  readonly #settings: CallSettings;
  readonly #invoking: InvokeHost;

  constructor(member: Member, settings: CallSettings, functions: FunctionPool) {
    this.#member = member;
    this.#settings = settings;
    this.#invoking = { member, functions, turns: new Turns() };
  }

  /** Answers through `respond`; returns what cancels it. Never throws. */
  handle(call: DataCall, respond: Responder): Cancel {
    try {
      return this.#handle(call, respond);
    } catch (cause: unknown) {
      respond.fail(toFailure(cause));
      return undefined;
    }
  }

  #handle(call: DataCall, respond: Responder): Cancel {
    switch (call.method) {
      case Method.GET:
      case Method.GET_VALUE:
      case Method.LIST_VALUES:
        return following(call, respond, (now, answer) => this.#read(now, answer));
      case Method.SET:
      case Method.MERGE:
      case Method.DELETE:
      case Method.SET_VALUE:
      case Method.DELETE_VALUE:
      case Method.BATCH_SET_VALUES:
        return following(call, respond, (now, answer) => this.#write(now, answer));
      case Method.LIST_OBJECTS:
        return this.#listObjects(call, respond);
      case Method.STATS:
        return answerStats(this.#member, call, respond);
      case Method.CAPABILITIES:
        respond.ok([
          encodeCapabilities({ stringEntryKeys: this.#settings.entryKeys, events: false }),
        ]);
        return undefined;
      case Method.INVOKE_FN:
      case Method.INVOKE_OBJ:
        return following(call, respond, (now, answer) =>
          answerInvoke(this.#invoking, { call: now, ...this.#settings }, answer),
        );
      case Method.OPEN_SESSION:
      case Method.CLOSE_SESSION:
        return this.#session(call, respond);
      case Method.GROUP:
        answerGroup(this.#member, call, respond);
        return undefined;
      case Method.MOVE_SLOTS:
        return answerMove(this.#member, call, respond);
      case Method.UNSPECIFIED:
      case Method.CANCEL:
      default:
        // The wire may carry numbers that this program does not know.
        throw refuse("UNSUPPORTED", `method ${String(call.method)} is not served`);
    }
  }

  #read(call: DataCall, respond: Responder): Cancel {
    const read = decodeRead(call.method, call.request, this.#settings);
    const { collection, owner } = this.#locate(read.request, read.id);
    if (owner.kind === "remote") return forward(this.#member, { call, collection, owner }, respond);
    const { shard } = owner;
    const wished = wishOf({ call, collection, partition: shard.partition });
    // A replica that is behind may not know yet that the slot was given up and written elsewhere.
    const wish = collection.isMoving(read.id) ? { ...wished, strong: true } : wished;
    return this.#orAtLeader({ call, collection, shard }, respond, (answer) => {
      whenReadable(shard, wish, answer, () => {
        const elsewhere = collection.refusalAt(shard, read.id);
        if (elsewhere !== undefined) throw elsewhere;
        return answerRead(collection, shard, read);
      });
    });
  }

  #write(call: DataCall, respond: Responder): Cancel {
    const { request, write, view } = decodeWrite(call.method, call.request, this.#settings);
    const { collection, owner } = this.#locate(request, write.id);
    if (owner.kind === "remote") return forward(this.#member, { call, collection, owner }, respond);
    const { shard } = owner;
    if (shard.lead.kind !== "here") {
      const { partition, lead } = shard;
      return toLeader(this.#member, { call, collection, partition, lead }, respond);
    }
    if (write.expectedDigest !== undefined && collection.spec.shardType !== "Mst") {
      throw refuse("VERSION_MISMATCH", "the entity tag is of an object of another kind");
    }
    const elsewhere = collection.refusalAt(shard, write.id);
    if (elsewhere !== undefined) {
      respond.fail(elsewhere);
      return undefined;
    }
    this.#member.requireRoom();
    const options = {
      mayGrow: this.#member.mayGrow,
      view,
      identity: identityOf(call, write),
      token: tokenOf(call, collection.name, write.id),
    };
    return this.#orAtLeader({ call, collection, shard }, respond, (answer) => {
      answerWrite({ collection, shard, write, options }, answer);
    });
  }

  /** Runs it here; if this replica says that another leads by now, the call goes there. */
  #orAtLeader(
    at: {
      readonly call: DataCall;
      readonly collection: ServedCollection;
      readonly shard: Shard;
    },
    respond: Responder,
    run: (answer: Responder) => void,
  ): Cancel {
    let cancel: Cancel;
    run({
      ok: respond.ok,
      fail: (failure) => {
        const { call, collection, shard } = at;
        const { partition, lead } = shard;
        if (failure.code !== "NOT_LEADER" || lead.kind === "here") respond.fail(failure);
        else cancel = toLeader(this.#member, { call, collection, partition, lead }, respond);
      },
    });
    return () => cancel?.();
  }

  #session(call: DataCall, respond: Responder): Cancel {
    if (!call.isFromMember) throw refuse("UNSUPPORTED", "sessions are opened over the link only");
    const { collection: name, partition, session } = decodeSessionRequest(call.request);
    const collection = this.#member.collection(name);
    const owner = collection.ownerOf(partition);
    if (owner.kind === "remote") return forward(this.#member, { call, collection, owner }, respond);
    const { shard } = owner;
    if (shard.lead.kind !== "here") {
      const { lead } = shard;
      return toLeader(this.#member, { call, collection, partition, lead }, respond);
    }
    return this.#orAtLeader({ call, collection, shard }, respond, (answer) => {
      const done = (failure: GrpcFailure | undefined): void => {
        if (failure === undefined) answer.ok([EMPTY_RESPONSE]);
        else answer.fail(failure);
      };
      if (call.method === Method.OPEN_SESSION) shard.openSession(session, done);
      else shard.closeSession(session, done);
    });
  }

  #listObjects(call: DataCall, respond: Responder): Cancel {
    const { request, page, spans } = decodeObjectList(call.request);
    const collection = this.#member.collection(request.cls);
    const everywhere = collection.isHashed && request.partition === 0 && !call.forwarded;
    if (everywhere) return answerEverywhere(this.#member, { call, collection, page }, respond);
    const owner = collection.ownerOf(request.partition);
    if (owner.kind === "remote") return forward(this.#member, { call, collection, owner }, respond);
    const { shard } = owner;
    return this.#orAtLeader({ call, collection, shard }, respond, (answer) => {
      answerObjectList({ call, collection, page, shard, spans }, answer);
    });
  }

  #locate(
    request: Addressed,
    id: string,
  ): {
    readonly collection: ServedCollection;
    readonly owner: ReturnType<ServedCollection["ownerOf"]>;
  } {
    const collection = this.#member.collection(request.cls);
    const partition = collection.partitionOf(id, request.partition);
    return { collection, owner: collection.ownerOf(partition) };
  }
}
