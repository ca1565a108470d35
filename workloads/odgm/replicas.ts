// The replicas of a partition as one of them sees the others: who they are by the generation in
// force, and messages to them over the link.
import { create, toBinary } from "@bufbuild/protobuf";

import type { CollectionMember, CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { GroupMessageSchema, Method } from "#api/gen/oaas-stream_pb.ts";

import type { Peers } from "./peers.ts";
import type { ReplicaGroup } from "./shards/shard.ts";

/** A message that is not answered in this time will not be. */
const ANSWER_MS = 8_000;

/** The members that hold a partition, the primary first. */
export function replicasOf(spec: CollectionSpec, partition: number): readonly CollectionMember[] {
  const assigned = spec.partitions.find((entry) => entry.partition === partition);
  return (assigned?.members ?? []).flatMap((id) => {
    const member = spec.members.find((candidate) => candidate.id === id);
    return member === undefined ? [] : [member];
  });
}

/** The group of a partition, as the member with this incarnation sees it. */
export function replicaGroup(
  peers: Peers,
  spec: CollectionSpec,
  of: { readonly partition: number; readonly self: string },
): ReplicaGroup {
  const { partition, self } = of;
  const replicas = replicasOf(spec, partition);
  const { collection, generation } = spec;
  const assigned = spec.partitions.find((entry) => entry.partition === partition);
  return {
    generation,
    founded: assigned?.founded ?? 0n,
    members: replicas.length === 1 ? [self] : replicas.map(({ incarnation }) => incarnation),
    send: (to, payload, answered) => {
      const member = replicas.find(({ incarnation }) => incarnation === to);
      if (member === undefined) {
        answered(undefined);
        return;
      }
      const message = create(GroupMessageSchema, {
        collection,
        partition,
        from: self,
        to,
        payload,
      });
      peers.linkTo(member).call(
        {
          method: Method.GROUP,
          request: toBinary(GroupMessageSchema, message),
          timeoutMs: ANSWER_MS,
          generation,
          forwarded: true,
        },
        (reply) => answered(reply.code === 0 ? reply.response : undefined),
      );
    },
  };
}
