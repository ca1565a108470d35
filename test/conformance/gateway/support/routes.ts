// routes.json as the operator writes it.
import { writeFile } from "node:fs/promises";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, toJsonString } from "@bufbuild/protobuf";

import { ClsRoutingTableSchema, Partitioning } from "#api/gen/oprc-route_pb.ts";

/** One class of a table. */
export type ClassInit = NonNullable<MessageInitShape<typeof ClsRoutingTableSchema>["clss"]>[number];

/** Two halves of the slots, one for each of two members. */
export function hashedClass(
  name: string,
  members: readonly [string, string],
  more: Partial<Exclude<ClassInit, { $typeName: string }>> = {},
): ClassInit {
  return {
    name,
    partitions: 2,
    generation: 1n,
    partitioning: Partitioning.HASHED,
    slots: [
      { first: 0, last: 2047, partition: 0 },
      { first: 2048, last: 4095, partition: 1 },
    ],
    routing: members.map((linkAddress) => ({ data: { linkAddress } })),
    linkAddress: members[0],
    ...more,
  };
}

/** A class whose callers choose among `partitions`, all at one member. */
export function explicitClass(
  name: string,
  member: string,
  more: Partial<Exclude<ClassInit, { $typeName: string }>> = {},
): ClassInit {
  return {
    name,
    partitions: 4,
    generation: 1n,
    partitioning: Partitioning.EXPLICIT,
    linkAddress: member,
    ...more,
  };
}

/** Writes the table. */
export async function writeRoutes(path: string, clss: readonly ClassInit[]): Promise<void> {
  const table = create(ClsRoutingTableSchema, { clss: [...clss] });
  await writeFile(path, toJsonString(ClsRoutingTableSchema, table));
}
