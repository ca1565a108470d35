// What one replica holds in the store: its log, what it has promised, its applied state; how they
// are found when it starts, replaced by a snapshot, and given up when they cannot be relied on.
import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { Configuration, GroupId, HardState, Persist } from "#workloads/core/raft/index.ts";
import type { LogIndex, MemberId } from "#workloads/core/raft/index.ts";
import {
  foundingBase,
  joiningBase,
  makeConfiguration,
  membersOf,
} from "#workloads/core/raft/index.ts";
import type { StoreWrite } from "#workloads/core/store/index.ts";

import type { GoneLogs } from "./gone-logs.ts";
import type { GroupMachine, GroupOptions } from "./group.ts";
import { stateNumbers } from "./keys.ts";
import type { FoundLog, StatePlace } from "./log.ts";
import { GroupLog, isDamage } from "./log.ts";
import type { GroupWorld } from "./ports.ts";
import { GroupState } from "./state.ts";

/** What holdings need of the host. */
export interface HoldingsHost {
  readonly self: MemberId;
  readonly world: Pick<GroupWorld, "store" | "committer" | "hasher">;
  readonly log: Logger;
  readonly gone: GoneLogs;
  /** Writes that no batch of a state holds; they are part of the open batch. */
  commit(writes: readonly StoreWrite[]): void;
}

/** See the top of the file. */
export class Holdings {
  private readonly host: HoldingsHost;
  private readonly group: GroupId;
  private readonly machine: GroupMachine;
  readonly log: GroupLog;
  hard: HardState;
  state: GroupState;
  /** The first entry that cannot be read, if the log was found damaged. */
  readonly damagedAt: LogIndex | undefined;
  /** Why the state could not be read, if so; it is empty then. */
  readonly stateDamage: string | undefined;

  /** What the store has of the group, or its beginning. Throws STORE_DAMAGED. */
  constructor(host: HoldingsHost, options: Pick<GroupOptions, "group" | "machine" | "founders">) {
    this.host = host;
    this.group = options.group;
    this.machine = options.machine;
    const found = host.gone.take(options.group) ?? this.beginning(options.founders);
    this.log = found.log;
    this.hard = found.hard;
    this.damagedAt = found.damagedAt;
    const { state, damage } = this.find();
    this.state = state;
    this.stateDamage = damage;
  }

  private beginning(founders: readonly MemberId[]): FoundLog {
    const isFounder = founders.includes(this.host.self);
    const base = isFounder ? foundingBase(makeConfiguration(founders)) : joiningBase();
    const begun = GroupLog.begin(this.host.world.store, this.group, base);
    this.host.commit(begun.writes);
    this.host.log.info("replica begins", { as: isFounder ? "founder" : "joiner" });
    return begun.found;
  }

  /** The state as it is in the store; one that cannot be read is not used. */
  private find(): { readonly state: GroupState; readonly damage: string | undefined } {
    try {
      return { state: this.loaded(), damage: undefined };
    } catch (cause: unknown) {
      if (!isDamage(cause)) throw cause;
      this.log.place = { ...this.log.place, isVoid: true };
      return { state: this.loaded(), damage: errorMessage(cause) };
    }
  }

  private loaded(): GroupState {
    const { store, committer, hasher } = this.host.world;
    const { place } = this.log;
    const state = new GroupState({
      number: stateNumbers(this.group)[place.side],
      isVoid: place.isVoid,
      store,
      committer,
      hasher,
      seal: () => this.machine.seal(),
    });
    this.machine.load(state, state.record().sealed);
    return state;
  }

  /** The prefix that the state does not have now. */
  get otherNumber(): number {
    return stateNumbers(this.group)[this.log.place.side === 0 ? 1 : 0];
  }

  /** True if, by this configuration, another member may have what is lost here. */
  hasTeachers(config: Configuration): boolean {
    const members = membersOf(config);
    return members.length === 0 || members.some((member) => member !== this.host.self);
  }

  /** What a write of the core comes to; `place` if it takes over a snapshot. */
  writesOf(persist: Persist, place: StatePlace | undefined): readonly StoreWrite[] {
    if (place !== undefined) this.log.place = place;
    if (persist.hard !== undefined) this.hard = persist.hard;
    return this.log.writesOf(persist);
  }

  /** The snapshot that a write took over is the state; answers the prefix of the one before. */
  takeOver(): number {
    const before = this.state.number;
    this.state = this.loaded();
    return before;
  }

  /** Something acknowledged is lost: nothing may be promised before it was refetched. */
  suspect(commit: LogIndex): void {
    const { logEpoch } = this.hard;
    this.hard = { ...this.hard, commit, logEpoch: logEpoch + 1, suspect: true };
  }

  /** Cuts the log where its end was lost. */
  cut(): void {
    this.host.commit(this.log.cutWrites(this.hard));
  }

  /** Log and state are of no use any more; `isGone`: nor is the replica. */
  giveUp(isGone: boolean): void {
    const { log, hard, host } = this;
    host.commit(log.forget(hard, isGone));
    if (isGone) host.gone.add(this.group, { log, hard, damagedAt: undefined });
    this.state = this.loaded();
  }
}
