// A snapshot on its way to another member, while commands go on being applied. The records are read
// slice by slice, each as it is just then; what changes behind the reader is sent again; and at the
// end, in one turn, what has changed last and the state's own record, which says after which entry
// the whole is the state. So no reader is ever held open, and nothing waits for it.
import { errorMessage } from "#api/base/index.ts";
import type {
  GroupId,
  LogIndex,
  MemberId,
  SnapshotHandle,
  SnapshotRequest,
} from "#workloads/core/raft/index.ts";
import { encodeFrame, snapshotMessage } from "#workloads/core/raft/index.ts";
import type { StoreRange } from "#workloads/core/store/index.ts";
import { shardKey } from "#workloads/core/store/index.ts";

import type { HostMessage, SnapshotItem } from "./frames.ts";
import { FRAME_BYTES_MAX, itemBytes } from "./frames.ts";
import { copyOf, keyAfter, keyBytes, keyText, stateRanges } from "./keys.ts";
import { isDamage } from "./log.ts";
import type { GroupWorld } from "./ports.ts";
import type { Replica } from "./replica.ts";
import { decodeStateRecord } from "./state.ts";

/** Keys that may be read in the last turn. */
const LAST_KEYS_MAX = 500;
/** Rounds after what had changed behind the reader before the last turn comes in any case. */
const ROUNDS_MAX = 20;
/** Records that are read in one turn. */
const SLICE = 1_000;

/** What a sender needs of its host. */
export interface SenderHost {
  readonly self: MemberId;
  readonly world: Pick<GroupWorld, "store" | "rng" | "observer">;
  /** True if the other side took it. */
  ask(to: MemberId, message: HostMessage): Promise<boolean>;
  replica(group: GroupId): Replica | undefined;
  /** What became of a snapshot; exactly once for each that was started. */
  sent(
    group: GroupId,
    report: { readonly to: MemberId; readonly index: LogIndex; readonly delivered: boolean },
  ): void;
}

interface Work {
  readonly group: GroupId;
  readonly request: SnapshotRequest;
}

/** Sends one snapshot at a time. */
export class SnapshotSender {
  private readonly host: SenderHost;
  private readonly works: Work[] = [];
  private isRunning = false;

  constructor(host: SenderHost) {
    this.host = host;
  }

  /** Begins when the ones before have ended. */
  start(group: GroupId, request: SnapshotRequest): void {
    this.works.push({ group, request });
    if (!this.isRunning) void this.run();
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    for (;;) {
      const work = this.works.shift();
      if (work === undefined) break;
      const index = await this.sendOne(work);
      const { to } = work.request;
      this.host.sent(work.group, { to, index: index ?? 0, delivered: index !== undefined });
    }
    this.isRunning = false;
  }

  /** The index of the snapshot that was delivered. */
  private async sendOne({ group, request }: Work): Promise<LogIndex | undefined> {
    const { world } = this.host;
    const replica = this.host.replica(group);
    if (replica === undefined) return undefined;
    const snapshot = nameOf(world.rng.bytes(12));
    const name = { group, snapshot };
    const changed = new Set<string>();
    const state = replica.applied;
    state.follower = (keys) => {
      for (const key of keys) changed.add(key);
    };
    let bytes = 0;
    try {
      if (!(await this.host.ask(request.to, { kind: "begin", ...name }))) return undefined;
      const send = async (parts: Iterable<readonly SnapshotItem[]>): Promise<boolean> => {
        for (const items of parts) {
          if (!this.isCurrent(replica, request, state)) return false;
          if (!(await this.host.ask(request.to, { kind: "chunk", ...name, items }))) return false;
          bytes += items.reduce((sum, item) => sum + itemBytes(item), 0);
        }
        return true;
      };
      if (!(await send(this.records(state.number)))) return undefined;
      for (let round = 0; round < ROUNDS_MAX && changed.size > LAST_KEYS_MAX; round += 1) {
        const keys = [...changed];
        changed.clear();
        if (!(await send(this.valuesOf(keys, state.number)))) return undefined;
      }
      // Entries that changed nothing have left no trace in the record yet, such as the one by which
      // the other side became a member.
      await state.settle();
      if (!this.isCurrent(replica, request, state)) return undefined;
      const last = this.lastTurn(replica, request, { changed, snapshot });
      if (!(await send(last.parts))) return undefined;
      const { record, frame, index } = last;
      if (!(await this.host.ask(request.to, { kind: "end", ...name, record, frame }))) {
        return undefined;
      }
      world.observer.snapshot("sent", bytes);
      replica.log.info("snapshot sent", { to: request.to, index, bytes });
      return index;
    } catch (cause: unknown) {
      if (!isDamage(cause)) throw cause;
      // The state is learned anew from the others, and whoever leads then sends it.
      if (this.isCurrent(replica, request, state)) replica.stateDamaged(errorMessage(cause));
      return undefined;
    } finally {
      state.follower = undefined;
    }
  }

  private isCurrent(
    replica: Replica,
    request: SnapshotRequest,
    state: Replica["applied"],
  ): boolean {
    return (
      this.host.replica(replica.id) === replica &&
      replica.applied === state &&
      replica.leadsTerm(request.term)
    );
  }

  /** Everything that the state holds, but for its own record, in parts of one message each. */
  private *records(number: number): Iterable<readonly SnapshotItem[]> {
    for (const range of stateRanges(number)) {
      let start: Uint8Array | undefined = range.start;
      while (start !== undefined) {
        const { items, next } = this.slice(start, range, number);
        start = next;
        if (items.length > 0) yield items;
      }
    }
  }

  private slice(
    start: Uint8Array,
    range: StoreRange,
    number: number,
  ): { readonly items: readonly SnapshotItem[]; readonly next: Uint8Array | undefined } {
    const own = keyText(shardKey(number));
    const items: SnapshotItem[] = [];
    let bytes = 0;
    let count = 0;
    const from = { start, end: range.end };
    for (const { key, value, index } of this.host.world.store.scan(from, { limit: SLICE })) {
      count += 1;
      if (keyText(key) !== own) {
        const item = { key: copyOf(key), value, index };
        items.push(item);
        bytes += itemBytes(item);
      }
      if (bytes >= FRAME_BYTES_MAX / 2 || count === SLICE) return { items, next: keyAfter(key) };
    }
    return { items, next: undefined };
  }

  private *valuesOf(keys: Iterable<string>, number: number): Iterable<readonly SnapshotItem[]> {
    const own = keyText(shardKey(number));
    let items: SnapshotItem[] = [];
    let bytes = 0;
    for (const text of keys) {
      if (text === own) continue;
      const key = keyBytes(text);
      const stored = this.host.world.store.get(key);
      const item = { key, value: stored?.value, index: stored?.index ?? 0 };
      items.push(item);
      bytes += itemBytes(item);
      if (bytes < FRAME_BYTES_MAX / 2) continue;
      yield items;
      items = [];
      bytes = 0;
    }
    if (items.length > 0) yield items;
  }

  /** Everything here is read in one turn and belongs together. */
  private lastTurn(
    replica: Replica,
    request: SnapshotRequest,
    rest: { readonly changed: ReadonlySet<string>; readonly snapshot: string },
  ): {
    readonly parts: readonly (readonly SnapshotItem[])[];
    readonly record: Uint8Array;
    readonly frame: Uint8Array;
    readonly index: LogIndex;
  } {
    const state = replica.applied;
    // A commit may be visible that nobody was told of yet: what it changed is among these.
    const keys = new Set([...rest.changed, ...state.unsettledKeys()]);
    let record = state.storedRecord();
    let parts = [...this.valuesOf(keys, state.number)];
    for (let seen = record; ; seen = record) {
      record = state.storedRecord();
      if (isEqual(seen, record)) break;
      // Another one has become visible just now.
      parts = [...this.valuesOf(keys, state.number)];
    }
    const { applied } = decodeStateRecord(record);
    const base = replica.baseAt(applied);
    const handle = rest.snapshot as SnapshotHandle;
    const message = snapshotMessage(this.host.self, request, { base, handle });
    const messages = [{ group: replica.id, message }];
    const frame = encodeFrame({ from: message.from, to: request.to, messages });
    return { parts, record, frame, index: base.index };
  }
}

function nameOf(bytes: Uint8Array): string {
  let name = "";
  for (const byte of bytes) name += byte.toString(16).padStart(2, "0");
  return name;
}

function isEqual(one: Uint8Array, two: Uint8Array): boolean {
  return one.byteLength === two.byteLength && one.every((byte, at) => byte === two[at]);
}
