// The state machine of a Raft partition: objects as every shard has them, each write decided when
// it is applied and so alike on every replica, and each request that says who it is executed once.
import { assertNever } from "#api/base/index.ts";
import type { ExclusiveToken } from "#workloads/core/demand/index.ts";
import { isOlderToken } from "#workloads/core/demand/index.ts";
import type { MoveCommand } from "#workloads/core/moves/index.ts";
import { SlotMoves } from "#workloads/core/moves/index.ts";
import type { RequestOutcome, SessionSettings } from "#workloads/core/raft/index.ts";
import {
  ByteReader,
  ByteWriter,
  DEFAULT_SESSION_SETTINGS,
  SessionTable,
} from "#workloads/core/raft/index.ts";
import type { ObjectChange } from "#workloads/core/store/index.ts";
import {
  encodeRecord,
  entryKey,
  eventKey,
  objectKey,
  planWrite,
} from "#workloads/core/store/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import type { GroupCommand, GroupMachine, GroupReader, GroupWriter } from "../raft/group.ts";
import { objectReader } from "./objects.ts";
import type { PartitionOutcome, WriteCommand } from "./raft-commands.ts";
import { decodeCommand, decodeOutcome, encodeOutcome } from "./raft-commands.ts";
import {
  answerKey,
  decodeTokenRecord,
  encodeHeader,
  encodeKeyRecord,
  encodeTokenRecord,
  isSessionRecord,
  readSessions,
  requestKey,
  sessionKey,
  tokenKey,
} from "./raft-records.ts";
import type { SlotWatcher } from "./slots.ts";

const DONE = new Uint8Array(0);

/** One partition on one replica. */
export class RaftMachine implements GroupMachine {
  /** Which slots are here. */
  readonly moves: SlotMoves;
  /** Hears of what is written while slots are copied away. */
  watcher: SlotWatcher | undefined;
  private readonly sessions: SessionTable;
  private state: GroupWriter | undefined;
  private count = 0;

  constructor(settings: SessionSettings = DEFAULT_SESSION_SETTINGS) {
    this.sessions = new SessionTable(settings, {
      session: (id, header) =>
        this.keep((shard) => sessionKey(shard, id), header && encodeHeader(header)),
      result: (id, sequence, result) =>
        this.keep((shard) => answerKey(shard, id, sequence), result),
      key: (key, record) => {
        this.keep((shard) => requestKey(shard, key), record && encodeKeyRecord(record));
        this.recordWritten((shard) => requestKey(shard, key));
      },
    });
    this.moves = new SlotMoves(xxh3, {
      adopt: (key, value) => this.adopt(key, value),
      beside: (shard, id) => [tokenKey(shard, id)],
    });
  }

  /** Objects that exist. */
  get objects(): number {
    return this.count;
  }

  load(state: GroupReader, sealed: Uint8Array): void {
    const reader = new ByteReader(sealed);
    this.count = sealed.byteLength === 0 ? 0 : reader.varint();
    const timeMs = sealed.byteLength === 0 ? 0 : reader.varint();
    this.sessions.restore(readSessions(state, timeMs));
    this.moves.load(state);
  }

  seal(): Uint8Array {
    const writer = new ByteWriter();
    writer.varint(this.count);
    writer.varint(this.sessions.timeMs);
    return writer.finish();
  }

  apply(command: GroupCommand, state: GroupWriter): Uint8Array {
    this.state = state;
    const { timeMs } = command;
    const asked = decodeCommand(command.data);
    switch (asked.kind) {
      case "write":
        return encodeOutcome(this.decide(asked, timeMs, state));
      case "open-session":
        this.sessions.register(timeMs, asked.session);
        return DONE;
      case "close-session":
        this.sessions.close(timeMs, asked.session);
        return DONE;
      case "token":
        return encodeOutcome(
          this.elsewhere(asked.id) ?? {
            kind: "token",
            token: this.issue(command, asked.id, state),
          },
        );
      case "move":
        return encodeOutcome(this.move(asked.command, state));
      default:
        return assertNever(asked);
    }
  }

  /** Before sessions and keys are asked: what they know of the object has gone with its slot. */
  private elsewhere(id: string): PartitionOutcome | undefined {
    const mark = this.moves.markOf(id);
    switch (mark.kind) {
      case "plain":
      case "owned":
        return undefined;
      case "incoming":
        return { kind: "moving" };
      case "gone":
        return { kind: "moved", partition: mark.partition };
      default:
        return assertNever(mark);
    }
  }

  private move(command: MoveCommand, state: GroupWriter): PartitionOutcome {
    const { outcome, objects } = this.moves.run(command, state);
    this.count += objects;
    return { kind: "move", outcome };
  }

  /** Sessions and keys that come with a slot join those that are here. */
  private adopt(key: Uint8Array, value: Uint8Array): boolean {
    if (!isSessionRecord(key)) return false;
    const source = { number: 0, scan: () => [{ key, value, index: 0 }] };
    this.sessions.take(readSessions(source, this.sessions.timeMs));
    return true;
  }

  private issue(command: GroupCommand, id: string, state: GroupWriter): ExclusiveToken {
    const token = issue(command, id, state);
    this.recordWritten((shard) => tokenKey(shard, id));
    return token;
  }

  private decide(command: WriteCommand, timeMs: number, state: GroupWriter): PartitionOutcome {
    const { identity } = command;
    const away = this.elsewhere(command.write.id);
    if (away !== undefined) return away;
    if (identity === undefined) return this.write(command, state);
    const outcome = this.sessions.apply(timeMs, identity, () =>
      encodeOutcome(this.write(command, state)),
    );
    return outcomeOf(outcome);
  }

  private write({ write, token }: WriteCommand, state: GroupWriter): PartitionOutcome {
    if (token !== undefined && isStale(token, write.id, state)) return { kind: "token-stale" };
    const plan = planWrite(objectReader(state), write);
    if (plan.kind !== "planned") return plan;
    this.count += plan.objects;
    for (const change of plan.changes) keepChange(change, state);
    if (plan.changes.length > 0) this.watcher?.objectWritten(write.id);
    return { kind: "done", version: plan.version, repeated: false };
  }

  private keep(key: (shard: number) => Uint8Array, value: Uint8Array | undefined): void {
    const { state } = this;
    state?.set(key(state.number), value);
  }

  private recordWritten(key: (shard: number) => Uint8Array): void {
    const { state, watcher } = this;
    if (state !== undefined) watcher?.recordWritten(key(state.number));
  }
}

function keepChange(change: ObjectChange, state: GroupWriter): void {
  const { number } = state;
  switch (change.kind) {
    case "record":
      state.set(objectKey(number, change.id), encodeRecord(change.record));
      return;
    case "entry":
      state.set(entryKey(number, change.id, change.key), change.value);
      return;
    case "event":
      state.set(eventKey(number, change.id), change.value);
      return;
    default:
      assertNever(change);
  }
}

function outcomeOf(outcome: RequestOutcome): PartitionOutcome {
  switch (outcome.kind) {
    case "executed":
      return decodeOutcome(outcome.result);
    case "repeated": {
      const then = decodeOutcome(outcome.result);
      return then.kind === "done" ? { ...then, repeated: true } : then;
    }
    case "expired":
      return { kind: "session-expired" };
    case "settled":
      return { kind: "request-settled" };
    case "mismatch":
      return { kind: "key-reused" };
    case "full":
      return { kind: "window-full" };
    default:
      return assertNever(outcome);
  }
}

function newestToken(id: string, state: GroupReader): ExclusiveToken | undefined {
  const stored = state.get(tokenKey(state.number, id));
  return stored === undefined ? undefined : decodeTokenRecord(stored.value);
}

function isStale(token: ExclusiveToken, id: string, state: GroupReader): boolean {
  const newest = newestToken(id, state);
  return newest !== undefined && isOlderToken(token, newest);
}

/**
 * Later than all before: terms only rise, and within one the sequence does. A token that came with
 * its slot may be of a term that this group has not reached yet.
 */
function issue(command: GroupCommand, id: string, state: GroupWriter): ExclusiveToken {
  const newest = newestToken(id, state);
  const isNew = newest === undefined || newest.term < command.term;
  const token = isNew
    ? { term: command.term, sequence: 1 }
    : { term: newest.term, sequence: newest.sequence + 1 };
  state.set(tokenKey(state.number, id), encodeTokenRecord(token));
  return token;
}
