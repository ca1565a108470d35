// What hosts of Raft groups say to each other, over the links of members. Members are found by
// their incarnation among all generations that this process has seen: a group may still need one
// that the newest generation does not name.
import { create, toBinary } from "@bufbuild/protobuf";

import { GroupMessageSchema, Method } from "#api/gen/oaas-stream_pb.ts";
import type { MemberId } from "#workloads/core/raft/index.ts";

import type { Peers } from "./peers.ts";
import type { GroupLinks } from "./raft/ports.ts";

/** In place of a partition: the message is for all Raft groups of the member. */
export const EVERY_GROUP = 0xffff_ffff;

/** The links of the member with this incarnation. */
export function groupLinks(peers: Peers, self: MemberId): GroupLinks {
  return {
    send: (to, { lane, payload, timeoutMs }, answered) => {
      const member = peers.memberOf(to);
      if (member === undefined) {
        setImmediate(() => answered(undefined));
        return;
      }
      const message = create(GroupMessageSchema, {
        partition: EVERY_GROUP,
        from: self,
        to,
        payload,
      });
      peers.linkTo(member).call(
        {
          method: Method.GROUP,
          lane,
          request: toBinary(GroupMessageSchema, message),
          timeoutMs,
          forwarded: true,
        },
        (reply) => answered(reply.code === 0 ? reply.response : undefined),
      );
    },
  };
}
