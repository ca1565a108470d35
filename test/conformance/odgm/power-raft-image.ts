// What a replica finds when it comes back to a disk: what it has promised, and the state to which
// its log leads. With arguments a program: prints that of the folder as JSON, so that a store which
// the disk has lied to ends nobody else.
import { fromBinary } from "@bufbuild/protobuf";

import { assert } from "#api/base/index.ts";
import { ValDataSchema } from "#api/gen/oprc-data_pb.ts";
import type { GroupId, MemberId, Term } from "#workloads/core/raft/index.ts";
import { foundingBase } from "#workloads/core/raft/index.ts";
import type { GroupCommitter } from "#workloads/odgm/raft/ports.ts";
import { decodeCommands } from "#workloads/odgm/raft/commands.ts";
import { stateNumbers } from "#workloads/odgm/raft/keys.ts";
import { GroupLog } from "#workloads/odgm/raft/log.ts";
import { GroupState } from "#workloads/odgm/raft/state.ts";
import { readObject, readValue } from "#workloads/odgm/shards/objects.ts";
import { RaftMachine } from "#workloads/odgm/shards/raft-machine.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";
import { openLogStore } from "#workloads/platform/kv/index.ts";

/** The first partition of a member's collection. */
const GROUP = 0 as GroupId;

/** An object as the replica has it; its entries are texts. */
export interface FoundObject {
  readonly value: Readonly<Record<string, string>> | undefined;
  /** Of the object or its tombstone, in decimal. */
  readonly version: string;
}

/** See the top of the file. */
export interface FoundReplica {
  readonly term: Term;
  readonly vote: MemberId | undefined;
  readonly objects: Readonly<Record<string, FoundObject>>;
}

/** Nothing is written: what is applied stays in memory. */
const NOWHERE: GroupCommitter = {
  openBatch: 1,
  add: () => undefined,
  whenDurable: () => undefined,
};

/** Opens the folder as a start does. Throws if anything in it is damaged or missing. */
export async function readReplica(folder: string, ids: readonly string[]): Promise<FoundReplica> {
  const opened = await openLogStore({ folder });
  if (opened.kind === "damaged") throw new Error(opened.message);
  const { engine } = opened;
  try {
    const found = GroupLog.find(engine, GROUP);
    if (found === undefined) throw new Error("the group is gone");
    const { log, hard, damagedAt } = found;
    if (damagedAt !== undefined) throw new Error(`the log is damaged at entry ${damagedAt}`);
    const machine = new RaftMachine();
    const state = new GroupState({
      number: stateNumbers(GROUP)[log.place.side],
      isVoid: log.place.isVoid,
      store: engine,
      committer: NOWHERE,
      hasher: xxh3,
      seal: undefined,
    });
    machine.load(state, state.record().sealed);
    const base = log.base();
    const isNew = state.applied === 0 && base.index === foundingBase(base.config).index;
    if (state.applied < base.index && !isNew)
      throw new Error("entries are gone before their state");
    applyAll(log, machine, state);
    const objects = ids.map((id) => [id, objectOf(state, id)] as const);
    return { term: hard.term, vote: hard.vote, objects: Object.fromEntries(objects) };
  } finally {
    await engine.close();
  }
}

function applyAll(log: GroupLog, machine: RaftMachine, state: GroupState): void {
  for (
    let index = Math.max(state.applied, log.base().index) + 1;
    index <= log.lastIndex();
    index += 1
  ) {
    const entry = log.entries(index, index, 1)?.[0];
    assert(entry !== undefined, `entry ${index} was read just before`);
    state.begin(index);
    if (entry.kind !== "command") continue;
    const batch = decodeCommands(entry.data);
    assert(batch !== undefined, `the commands of entry ${index} can be read`);
    for (const [position, data] of batch.commands.entries()) {
      machine.apply({ index, term: entry.term, position, timeMs: batch.timeMs, data }, state);
    }
  }
}

function objectOf(state: GroupState, id: string): FoundObject {
  const { version } = readValue(state, id, "a");
  const entries = readObject(state, id)?.entries;
  const value =
    entries && Object.fromEntries(entries.map(({ key, value }) => [key, textOf(value)] as const));
  return { value, version: String(version ?? 0) };
}

/** Entries are kept as they came: encoded oprc.ValData. */
function textOf(value: Uint8Array): string {
  return Buffer.from(fromBinary(ValDataSchema, value).data).toString();
}

const [folder, ...ids] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename && folder !== undefined) {
  process.stdout.write(`${JSON.stringify(await readReplica(folder, ids))}\n`);
}
