// Forms between the wire, the merge core and the store, for Mst shards.
//
//   shard record: 1 index | 2 high-water mark of the clock | 3 ack | 4 cut | 5 joined
//
// A register holds an encoded oprc.ValData as it came; of the other kinds the core sees the data
// alone. The trigger configuration of an object is the register of the empty entry key.
import { assert } from "#api/base/index.ts";
import type { CellKind, MergeWrite, ObjectState } from "#workloads/core/merge/index.ts";
import {
  digestInput,
  objectExists,
  objectVersion,
  visibleEntries,
} from "#workloads/core/merge/index.ts";
import type { DurableMark } from "#workloads/core/mst/index.ts";
import type { Entry, ObjectWrite } from "#workloads/core/store/index.ts";
import { scanFields, WireWriter } from "#workloads/core/store/index.ts";

import { xxh128Text } from "#workloads/platform/hash/index.ts";

import { automergeDocuments } from "./documents.ts";
import type { ReplicaGroup, StoredObject } from "./shard.ts";

/** What a shard keeps beside its objects. */
export interface MstCounters {
  readonly index: number;
  readonly highWater: number;
  readonly mark: DurableMark;
}

/** Who begins with the partition has nothing to learn; who comes later has. */
export function firstMark(group: ReplicaGroup): DurableMark {
  const isFounder =
    group.members.length === 1 ||
    (group.founded === 0n ? group.generation <= 1n : group.founded === group.generation);
  return { ack: 0, cut: 0, joined: isFounder };
}

/** The shard record. */
export function encodeCounters(counters: MstCounters): Uint8Array {
  return new WireWriter()
    .varint(1, counters.index)
    .varint(2, counters.highWater)
    .varint(3, counters.mark.ack)
    .varint(4, counters.mark.cut)
    .varint(5, counters.mark.joined ? 1 : 0)
    .finish();
}

/** The inverse. */
export function decodeCounters(bytes: Uint8Array): MstCounters {
  const values = [0, 0, 0, 0, 0];
  const whole = scanFields(bytes, (number, varint) => {
    if (number >= 1 && number <= 5) values[number - 1] = varint;
  });
  assert(whole, "a stored shard record is well-formed: it had a checksum");
  const [index = 0, highWater = 0, ack = 0, cut = 0, joined = 0] = values;
  return { index, highWater, mark: { ack, cut, joined: joined === 1 } };
}

const CRDT_MAP = 1;
const EVENT = "";

/** A request of the wire as one of the merge core. */
export function mergeWriteOf(write: ObjectWrite, kinds: ReadonlyMap<string, CellKind>): MergeWrite {
  if (write.kind === "delete") return { kind: "delete" };
  const sets = write.sets.map((entry) => setOf(entry, kinds));
  if (write.event !== undefined) {
    sets.push({ key: EVENT, kind: "register" as const, value: write.event });
  }
  return { kind: "mutate", sets, deletes: write.deletes, create: write.create };
}

function setOf({ key, value }: Entry, kinds: ReadonlyMap<string, CellKind>) {
  let type = 0;
  let data: Uint8Array = new Uint8Array(0);
  scanFields(value, (number, varint, bytes) => {
    if (number === 1) data = bytes;
    else if (number === 2) type = varint;
  });
  const kind = type === CRDT_MAP ? "document" : (kinds.get(key) ?? "register");
  return { key, kind, value: kind === "register" ? value : data };
}

/** The object as a reader sees it; undefined if it does not exist. */
export function storedView(state: ObjectState): StoredObject | undefined {
  if (!objectExists(state)) return undefined;
  const entries: Entry[] = [];
  let event: Uint8Array | undefined;
  for (const { key, kind, value } of visibleEntries(state, automergeDocuments)) {
    if (key === EVENT) event = value;
    else entries.push({ key, value: kind === "register" ? value : valDataOf(kind, value) });
  }
  return { version: objectVersion(state), entries, event };
}

function valDataOf(kind: CellKind, data: Uint8Array): Uint8Array {
  const writer = new WireWriter(data.byteLength + 16).bytes(1, data);
  if (kind === "document") writer.varint(2, CRDT_MAP);
  return writer.finish();
}

/** Whether this is the content that a reader was given the digest of. */
export function isContent(state: ObjectState | undefined, digest: Uint8Array): boolean {
  if (state === undefined) return false;
  const actual = xxh128Text(digestInput(state, automergeDocuments));
  return Buffer.compare(Buffer.from(actual, "latin1"), digest) === 0;
}

/** Whether a write may make the store larger. */
export function grows(write: Extract<ObjectWrite, { kind: "mutate" }>): boolean {
  return write.sets.length > 0 || write.event !== undefined || write.create;
}
