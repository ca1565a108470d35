// Moves as a part of a partition's state machine: the ledger and the records that come and go. The
// same on every replica: it looks at nothing but its arguments and the state.
import type { Hasher } from "#api/base/index.ts";
import { assertNever, utf8Encode } from "#api/base/index.ts";
import { slotOf } from "#workloads/core/slots/index.ts";
import type { StoreItem, StoreRange, StoreValue } from "#workloads/core/store/index.ts";
import {
  afterObject,
  afterShard,
  decodeRecord,
  firstObject,
  objectKey,
  parseKey,
  RECORD_KIND,
} from "#workloads/core/store/index.ts";

import type { MoveCommand, MoveOutcome, PartChange } from "./commands.ts";
import type { SlotMark } from "./ledger.ts";
import { SlotLedger, slotSet } from "./ledger.ts";

/** The records of a partition; `number` is the shard in their keys. */
export interface RecordReader {
  readonly number: number;
  get(key: Uint8Array): StoreValue | undefined;
  /** In byte order; must be consumed in the turn in which it was asked for. */
  scan(range: StoreRange): Iterable<StoreItem>;
}

/** The records while a command is applied. */
export interface RecordWriter extends RecordReader {
  /** undefined removes the key. */
  set(key: Uint8Array, value: Uint8Array | undefined): void;
}

/** What a kind of shard knows better. */
export interface MoveHost {
  /** Takes a record that the shard also keeps in memory; false: it is stored as it is. */
  adopt(key: Uint8Array, value: Uint8Array): boolean;
  /** Keys of records that belong to the object and do not lie beside it. */
  beside(shard: number, id: string): readonly Uint8Array[];
}

/** Kind of the record of the ledger, which has the empty id. Other kinds are of the shards. */
export const LEDGER_KIND = 8;
/** Keys that are looked at, and at most deleted, by one clean command. */
const CLEAN_KEYS = 1_000;

/** See the top of the file. */
export class SlotMoves {
  private readonly hasher: Hasher;
  private readonly host: MoveHost;
  private kept = new SlotLedger();

  constructor(hasher: Hasher, host: MoveHost) {
    this.hasher = hasher;
    this.host = host;
  }

  get ledger(): SlotLedger {
    return this.kept;
  }

  /** Takes what these records say. */
  load(reader: RecordReader): void {
    this.kept = SlotLedger.decode(reader.get(ledgerKey(reader.number))?.value);
  }

  /** Where the object is, as far as known here. */
  markOf(id: string): SlotMark {
    if (this.kept.isPlain) return PLAIN;
    return this.kept.markOf(slotOf(this.hasher, id));
  }

  /** Runs a command; `objects` is the change of the number of objects that are served. */
  run(
    command: MoveCommand,
    writer: RecordWriter,
  ): { readonly outcome: MoveOutcome; readonly objects: number } {
    switch (command.kind) {
      case "begin": {
        const { chain, state } = this.kept.begin(command);
        return this.done(writer, { kind: "begun", chain, state });
      }
      case "cut-over": {
        const isCut = this.kept.cutOver(command.id, command.chain);
        return this.done(writer, { kind: isCut ? "done" : "superseded" });
      }
      case "activated":
        this.kept.activated(command.id);
        return this.done(writer, { kind: "done" });
      case "clean":
        return this.clean(command.id, writer);
      case "take":
        return this.take(command, writer);
      case "arrive": {
        const { id, chain, parts } = command;
        const objects = this.kept.arrive(id, chain, parts);
        if (objects === undefined) return { outcome: { kind: "superseded" }, objects: 0 };
        return this.done(writer, { kind: "arrived" }, objects);
      }
      default:
        return assertNever(command);
    }
  }

  private done(writer: RecordWriter, outcome: MoveOutcome, objects = 0) {
    writer.set(ledgerKey(writer.number), this.kept.encode());
    return { outcome, objects };
  }

  private take(command: Extract<MoveCommand, { kind: "take" }>, writer: RecordWriter) {
    const verdict = this.kept.accept(command);
    switch (verdict) {
      case "known":
        return { outcome: { kind: "done" as const }, objects: 0 };
      case "superseded":
      case "arrived":
        return { outcome: { kind: verdict }, objects: 0 };
      case "next": {
        let objects = 0;
        for (const change of command.changes) objects += this.change(change, writer);
        this.kept.counted(command.id, objects);
        return this.done(writer, { kind: "done" });
      }
      default:
        return assertNever(verdict);
    }
  }

  /** Answers how many objects more exist. */
  private change(change: PartChange, writer: RecordWriter): number {
    const { number } = writer;
    if (change.kind === "wipe") {
      const existed = exists(writer, objectKey(number, change.id));
      wipe(writer, change.id);
      return -existed;
    }
    const key = joined(number, change.key);
    if (change.kind === "append") {
      const before = writer.get(key)?.value ?? new Uint8Array(0);
      writer.set(key, concat(before, change.value));
      return 0;
    }
    const value = new Uint8Array(change.value);
    const isOwn = change.key[0] === 0;
    if (isOwn && this.host.adopt(key, value)) return 0;
    writer.set(key, value);
    if (isOwn || parseKey(key).kind !== RECORD_KIND.object) return 0;
    return decodeRecord(value).tombstone ? 0 : 1;
  }

  private clean(id: number, writer: RecordWriter) {
    const move = this.kept.outgoing.find((one) => one.id === id);
    if (move?.state !== "activated") return this.done(writer, { kind: "done" });
    const { number } = writer;
    const isIn = slotSet(move.spans);
    const after = move.cleanedAfter;
    const start = after === "" ? firstObject(number, "") : afterObject(number, after);
    const found = this.slice(writer, start, isIn);
    let objects = 0;
    for (const gone of found.ids) {
      objects -= exists(writer, objectKey(number, gone));
      wipe(writer, gone);
      for (const key of this.host.beside(number, gone)) writer.set(key, undefined);
    }
    this.kept.cleaned(id, found.last);
    const outcome = { kind: found.last === undefined ? "done" : "more" } as const;
    return this.done(writer, outcome, objects);
  }

  /** Objects of these slots among the next keys, whole objects only; `last` is where it ended. */
  private slice(writer: RecordWriter, start: Uint8Array, isIn: (slot: number) => boolean) {
    const ids: string[] = [];
    let keys = 0;
    let last: string | undefined;
    for (const { key } of writer.scan({ start, end: afterShard(writer.number) })) {
      const { id } = parseKey(key);
      if (id !== last) {
        if (keys >= CLEAN_KEYS) return { ids, last };
        if (isIn(slotOf(this.hasher, id))) ids.push(id);
        last = id;
      }
      keys += 1;
    }
    return { ids, last: undefined };
  }
}

const PLAIN: SlotMark = { kind: "plain" };

/** Key of the ledger's record. */
export function ledgerKey(shard: number): Uint8Array {
  return recordKeyOf(shard, LEDGER_KIND, "");
}

/** Key of a shard's own record of this kind and name. */
export function recordKeyOf(shard: number, kind: number, name: string): Uint8Array {
  const bytes = utf8Encode(name);
  const key = new Uint8Array(6 + bytes.byteLength);
  new DataView(key.buffer).setUint32(0, shard);
  key[5] = kind;
  key.set(bytes, 6);
  return key;
}

function exists(reader: RecordReader, key: Uint8Array): 0 | 1 {
  const stored = reader.get(key);
  return stored === undefined || decodeRecord(stored.value).tombstone ? 0 : 1;
}

function wipe(writer: RecordWriter, id: string): void {
  const { number } = writer;
  const range = { start: objectKey(number, id), end: afterObject(number, id) };
  for (const key of [...writer.scan(range)].map((item) => item.key)) writer.set(key, undefined);
}

function joined(shard: number, rest: Uint8Array): Uint8Array {
  const key = new Uint8Array(4 + rest.byteLength);
  new DataView(key.buffer).setUint32(0, shard);
  key.set(rest, 4);
  return key;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.byteLength + b.byteLength);
  all.set(a);
  all.set(b, a.byteLength);
  return all;
}
