// The meta group of a collection on one member: a Raft group of 1, 3 or 5 voters. The member of
// ordinal 0 founds it alone, with the first generation; whom a generation names as voters joins
// when it is told of that generation, and leaves when the group has let go of it. What the first
// releases kept as a record of ordinal 0 is taken over when the group is founded.
import { assert } from "#api/base/index.ts";
import type { CollectionSpec, RaftStatus } from "#api/gen/oaas-admin_pb.ts";
import type { MetaCommand } from "#workloads/core/meta/index.ts";
import {
  checkSpec,
  checkTransition,
  decodeOutcome,
  encodeCommand,
} from "#workloads/core/meta/index.ts";
import type { MemberId } from "#workloads/core/raft/index.ts";
import type { Store } from "#workloads/core/store/index.ts";
import { systemKey } from "#workloads/core/store/index.ts";

import { refuse } from "./errors.ts";
import type { MetaLog, ProposeOutcome } from "./meta-log.ts";
import { MetaMachine } from "./meta-machine.ts";
import { raftStatusOf } from "./raft-status.ts";
import type { CommandOutcome, Group, WantedGroup } from "./raft/group.ts";
import { META_GROUP } from "./raft/group.ts";
import type { GroupHost } from "./raft/host.ts";
import { contentDigest, decodeSpec, encodeSpec, withGeneration } from "./spec.ts";

/** What a meta group runs on. */
export interface MetaGroupOptions {
  readonly host: GroupHost;
  readonly store: Pick<Store, "get" | "commit">;
  readonly collection: string;
  readonly ordinal: number;
  /** Generation, leader or members changed. */
  readonly onChange: () => void;
}

/** Ordinal of the member that founds the group. */
const FOUNDER = 0;
/** A founder leads within two elections. */
const LEADING_MS = 5_000;

/** See the top of the file. */
export class MetaGroup implements MetaLog {
  readonly #options: MetaGroupOptions;
  readonly #machine: MetaMachine;
  readonly #waiting = new Set<() => void>();
  #group: Group | undefined;
  #served: CollectionSpec | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: MetaGroupOptions) {
    this.#options = options;
    this.#machine = new MetaMachine(() => this.#changed());
  }

  /** Opens the replica that this store holds, if it holds one. */
  async start(): Promise<void> {
    const { store } = this.#options;
    const mark = store.get(this.#markKey);
    if (mark !== undefined) this.#open(mark.value.byteLength > 0);
    else if (store.get(this.#recordKey) !== undefined) await this.#found();
  }

  get generation(): bigint {
    return this.#machine.generation;
  }

  get committed(): CollectionSpec | undefined {
    return this.#machine.committed;
  }

  get status(): RaftStatus | undefined {
    return this.#group === undefined ? undefined : raftStatusOf(this.#group.view());
  }

  /** This member serves `spec` from now on: it joins the group if that says so. */
  async serve(spec: CollectionSpec): Promise<void> {
    this.#served = spec;
    if (this.#group === undefined && votersOf(spec).includes(this.#options.host.self)) {
      await this.#mark(false);
      this.#open(false);
    }
    await this.#leaveIfOut();
  }

  propose(expected: bigint, wanted: CollectionSpec): Promise<ProposeOutcome> {
    return this.#inTurn(async () => {
      if (this.#group === undefined) {
        this.#requireFounder();
        // Founding is for who knows that there is nothing yet.
        if (expected !== 0n) return { kind: "conflict", current: 0n };
        await this.#found();
      }
      const group = await this.#leading();
      if (group === undefined) return this.#notLeader();
      const current = this.committed;
      if (current !== undefined && contentDigest(current) === contentDigest(wanted)) {
        return { kind: "committed", generation: current.generation };
      }
      if (expected !== this.generation) return { kind: "conflict", current: this.generation };
      const problem =
        checkSpec(wanted) ?? (current === undefined ? undefined : checkTransition(current, wanted));
      if (problem !== undefined) return { kind: "refused", problem };
      const generation = expected + 1n;
      const content = encodeSpec(withGeneration(wanted, generation));
      return await this.#log(group, { kind: "next", expected, generation, content });
    });
  }

  adopt(spec: CollectionSpec): Promise<ProposeOutcome> {
    return this.#inTurn(async () => {
      if (this.#group === undefined) await this.#found();
      const group = await this.#leading();
      if (group === undefined) return this.#notLeader();
      const current = this.committed;
      const { generation } = spec;
      if (current?.generation === generation && contentDigest(current) === contentDigest(spec)) {
        return { kind: "committed", generation };
      }
      const problem = checkSpec(spec);
      if (problem !== undefined) return { kind: "refused", problem };
      const content = encodeSpec(spec);
      return await this.#log(group, { kind: "adopt", expected: 0n, generation, content });
    });
  }

  close(): void {
    this.#group?.close();
    this.#group = undefined;
  }

  get #markKey(): Uint8Array {
    return systemKey(`meta-group/${this.#options.collection}`);
  }

  /** The record of a log with one voter, from before there was a group. */
  get #recordKey(): Uint8Array {
    return systemKey(`meta/${this.#options.collection}`);
  }

  /** Durable before the replica begins: a restart in between opens it as what it is. */
  async #mark(isFounder: boolean): Promise<void> {
    const value = new Uint8Array(isFounder ? 1 : 0);
    await this.#options.store.commit([{ key: this.#markKey, value, index: 0 }]);
  }

  #requireFounder(): void {
    const { ordinal } = this.#options;
    if (ordinal === FOUNDER) return;
    throw refuse("NOT_META_VOTER", `ordinal ${ordinal} has no vote in the meta group`);
  }

  async #found(): Promise<void> {
    this.#requireFounder();
    const { store } = this.#options;
    await this.#mark(true);
    this.#open(true);
    const record = store.get(this.#recordKey);
    if (record === undefined) return;
    const group = await this.#leading();
    assert(group !== undefined, "who founds a group alone leads it");
    const spec = decodeSpec(record.value);
    const content = encodeSpec(spec);
    const { generation } = spec;
    await this.#log(group, { kind: "adopt", expected: 0n, generation, content });
    await store.commit([{ key: this.#recordKey, value: undefined, index: 0 }]);
  }

  #open(isFounder: boolean): void {
    const { host, collection } = this.#options;
    const { self } = host;
    this.#group = host.open({
      group: META_GROUP,
      name: `meta ${collection}`,
      machine: this.#machine,
      wanted: { generation: 0n, members: [self] },
      founders: isFounder ? [self] : [],
      onChange: () => this.#changed(),
      onApplied: () => this.#wake(),
    });
    this.#changed();
  }

  /** The wanted voters are those of the newest generation that is known here. */
  #changed(): void {
    const newest = this.#newest();
    const members = newest === undefined ? [] : votersOf(newest);
    // Before it knows any better, the group is the one that it is.
    if (newest !== undefined && members.length > 0) {
      this.#group?.setWanted({ generation: newest.generation, members } satisfies WantedGroup);
    }
    this.#wake();
    this.#options.onChange();
  }

  #newest(): CollectionSpec | undefined {
    const { committed } = this;
    const served = this.#served;
    if (committed === undefined || served === undefined) return committed ?? served;
    return served.generation > committed.generation ? served : committed;
  }

  /** A replica whose group has let go of it ends. */
  async #leaveIfOut(): Promise<void> {
    const group = this.#group;
    const { self } = this.#options.host;
    const newest = this.#newest();
    if (group === undefined || newest === undefined || votersOf(newest).includes(self)) return;
    const { config } = group.view();
    if ([...config.voters, ...config.outgoing, ...config.learners].includes(self)) return;
    this.close();
    await this.#options.store.commit([{ key: this.#markKey, value: undefined, index: 0 }]);
    this.#options.onChange();
  }

  /** The group once it leads; undefined if somebody else does, or nobody for too long. */
  #leading(): Promise<Group | undefined> {
    const group = this.#group;
    assert(group !== undefined, "a replica is open");
    const { self, world } = this.#options.host;
    return new Promise((resolve) => {
      let stop = (): void => undefined;
      const look = (): void => {
        const isElsewhere = group.leader !== undefined && group.leader !== self;
        if (!group.isLeading && !isElsewhere) return;
        end(group.isLeading ? group : undefined);
      };
      const end = (found: Group | undefined): void => {
        stop();
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      stop = world.timers.after(LEADING_MS, () => end(undefined));
      look();
    });
  }

  #notLeader(): ProposeOutcome {
    return { kind: "not-leader", leader: this.#group?.leader ?? "" };
  }

  #log(group: Group, command: MetaCommand): Promise<ProposeOutcome> {
    return new Promise((resolve) => {
      group.propose(encodeCommand(command), (outcome) => resolve(this.#outcomeOf(outcome)));
    });
  }

  #outcomeOf(outcome: CommandOutcome): ProposeOutcome {
    // It may have been done or not: who asked looks again, and the numbers tell.
    if (outcome.kind === "unknown") return { kind: "not-leader", leader: "" };
    if (outcome.kind === "refused") return { kind: "not-leader", leader: outcome.leader ?? "" };
    return decodeOutcome(outcome.result);
  }

  /** One at a time: the next one is judged against what this one has made. */
  #inTurn(change: () => Promise<ProposeOutcome>): Promise<ProposeOutcome> {
    const outcome = this.#last.then(change);
    this.#last = outcome.catch(() => undefined);
    return outcome;
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** Incarnations of the voters, the first one the one that shall lead. */
function votersOf(spec: CollectionSpec): readonly MemberId[] {
  const incarnations = new Map(spec.members.map(({ id, incarnation }) => [id, incarnation]));
  return spec.metaVoters.flatMap((id) => (incarnations.get(id) ?? []) as MemberId);
}
