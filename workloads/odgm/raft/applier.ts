// Entries on their way into the state, some at a time, so that neither the writes that others wait
// for nor their messages stand behind a long queue; the digests by which replicas compare theirs;
// and the end of entries that the state on disk has made needless.
import { assert } from "#api/base/index.ts";
import type { Entry, LogIndex, MemberId, RaftNode } from "#workloads/core/raft/index.ts";
import type { Hasher } from "#api/base/index.ts";

import { decodeCommands } from "./commands.ts";
import type { GroupMachine, GroupSettings } from "./group.ts";
import type { Holdings } from "./holdings.ts";
import type { Requests } from "./requests.ts";

/** Part of the log's limits that is kept when it is cut. */
const KEPT_SHARE = 0.25;

/** The replica, as far as it matters here. */
export interface ApplierReplica {
  readonly holdings: Holdings;
  readonly requests: Requests;
  readonly machine: GroupMachine;
  readonly settings: GroupSettings;
  readonly hasher: Hasher;
  readonly leader: MemberId | undefined;
  step(input: Parameters<RaftNode["step"]>[1]): void;
}

/** See the top of the file. */
export class Applier {
  private readonly replica: ApplierReplica;
  private compactedTo: LogIndex = 0;
  private waiting: readonly Entry[] = [];
  private next = 0;

  constructor(replica: ApplierReplica) {
    this.replica = replica;
  }

  /** The core was ended: what it was told of the log is forgotten. */
  reset(): void {
    this.compactedTo = 0;
    this.drop();
  }

  /** What waits goes nowhere: another state takes the place of this one. */
  drop(): void {
    this.waiting = [];
    this.next = 0;
  }

  /** Committed entries, behind those that wait. How many there are, the core bounds in bytes. */
  add(entries: readonly Entry[]): void {
    const left = this.waiting.slice(this.next);
    this.waiting = left.length === 0 ? entries : [...left, ...entries];
    this.next = 0;
  }

  get hasWork(): boolean {
    return this.next < this.waiting.length;
  }

  /**
   * Applies entries in order until none is left or `isOver` says so after one, and tells who asked
   * for them. Throws STORE_DAMAGED if the state cannot be read, and what the machine throws:
   * the state is of no use then.
   */
  apply(isOver: () => boolean): void {
    for (let entry = this.take(); entry !== undefined; entry = isOver() ? undefined : this.take()) {
      this.applyEntry(entry);
    }
    const { state } = this.replica.holdings;
    state.flush();
    this.replica.step({ kind: "applied", index: state.applied });
  }

  private take(): Entry | undefined {
    const entry = this.waiting[this.next];
    this.next += 1;
    return entry;
  }

  private applyEntry(entry: Entry): void {
    const { index, term } = entry;
    const { machine, requests, settings, holdings } = this.replica;
    const { state } = holdings;
    state.begin(index);
    if (entry.kind === "command") {
      const batch = decodeCommands(entry.data);
      assert(batch !== undefined, `the commands of entry ${index} can be read`);
      for (const [position, data] of batch.commands.entries()) {
        const command = { index, term, position, timeMs: batch.timeMs, data };
        requests.applied(command, machine.apply(command, state));
      }
    }
    requests.entryApplied(index, this.replica.leader);
    if (index % settings.digestEntries === 0) this.takeDigest(index);
  }

  private takeDigest(index: LogIndex): void {
    const { hasher, machine, holdings } = this.replica;
    const digest = new Uint8Array(8);
    const all = holdings.state.digest ^ hasher(machine.seal());
    new DataView(digest.buffer).setBigUint64(0, all);
    this.replica.step({ kind: "digest", index, digest });
  }

  /** Cuts the log behind what is on disk as state, when it has become long. */
  compactIfDue(): void {
    const { settings, holdings } = this.replica;
    const { log, state } = holdings;
    const { logEntriesMax, logBytesMax } = settings;
    const first = log.base().index;
    const count = log.lastIndex() - first;
    if (count <= logEntriesMax && log.bytes <= logBytesMax) return;
    const perEntry = log.bytes / Math.max(1, count);
    const kept = Math.min(logEntriesMax, logBytesMax / Math.max(1, perEntry)) * KEPT_SHARE;
    const index = Math.min(state.durableIndex, log.lastIndex() - Math.floor(kept));
    // What was cut shows in the log when that is durable.
    if (index <= Math.max(first, this.compactedTo + kept / 2)) return;
    this.compactedTo = index;
    this.replica.step({ kind: "compact", index });
  }
}
