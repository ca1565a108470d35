// Messages between the replicas of a partition, as they arrive over the link.
import { fromBinary } from "@bufbuild/protobuf";

import { errorMessage } from "#api/base/index.ts";
import { GroupMessageSchema } from "#api/gen/oaas-stream_pb.ts";
import type { Responder } from "#workloads/platform/index.ts";

import { EVERY_GROUP } from "./group-links.ts";
import { refuse } from "./errors.ts";
import type { DataCall } from "./forward.ts";
import type { Member } from "./member.ts";

/** Hands a message of another replica to its shard. Throws the refusal. */
export function answerGroup(member: Member, call: DataCall, respond: Responder): void {
  if (!call.isFromMember) throw refuse("UNSUPPORTED", "replicas speak over the link only");
  const { collection, partition, from, to, payload } = decodeGroupMessage(call.request);
  if (to !== member.incarnation) {
    throw refuse("INCARNATION_MISMATCH", `this store is not ${to} but another one`);
  }
  if (partition === EVERY_GROUP) {
    member.receiveForGroups(from, payload, (answer) => respond.ok([answer]));
    return;
  }
  const served = member.collection(collection);
  const owner = served.ownerOf(partition);
  if (owner.kind === "remote") {
    throw served.wrongPartition(`partition ${partition} has no replica here`, partition);
  }
  owner.shard.receive(from, payload, (answer) => respond.ok([answer]));
}

function decodeGroupMessage(bytes: Uint8Array) {
  try {
    return fromBinary(GroupMessageSchema, bytes);
  } catch (cause: unknown) {
    throw refuse("INVALID_REQUEST", `malformed group message: ${errorMessage(cause)}`, { cause });
  }
}
