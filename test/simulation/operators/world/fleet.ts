// All members of the simulated cluster, found by the address of their pod.
import { clone } from "@bufbuild/protobuf";

import type { CollectionSpec, MemberStatus } from "#api/gen/oaas-admin_pb.ts";
import { CollectionSpecSchema } from "#api/gen/oaas-admin_pb.ts";
import { KINDS } from "#controllers/runtime/index.ts";
import type { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";

import type { Dice } from "#controllers/runtime/testing/index.ts";
import type { StoreFormat } from "./stores.ts";
import { SimGroup } from "./groups.ts";
import { MemberError, MemberStore } from "./stores.ts";
import { all, one } from "./look.ts";

const ADMIN_PORT = 8082;

/** What the operator made a member do, after it was done. Read by invariants. */
export type MemberDeed =
  | { readonly kind: "formatted"; readonly format: StoreFormat; readonly pod: PodAt }
  | {
      readonly kind: "committed";
      readonly format: StoreFormat;
      readonly spec: CollectionSpec;
    }
  | {
      readonly kind: "discarded";
      readonly volume: string;
      /** What its Raft groups still needed it for; see {@link Fleet.holdings}. */
      readonly holdings: readonly string[];
    };

/** Where a member runs. */
export interface PodAt {
  readonly namespace: string;
  readonly name: string;
  readonly volume: string;
  readonly ordinal: number;
}

/** See the head of this file. */
export class Fleet {
  readonly stores = new Map<string, MemberStore>();
  /** Identities of which no store was left that served anything: their generations begin anew. */
  readonly begunAnew = new Set<string>();
  /** True once any formatted store was lost. */
  hasLost = false;
  /** Addresses that nobody reaches for now. */
  readonly unreachable = new Set<string>();
  readonly #server: FakeApiServer;
  readonly #dice: Dice;
  readonly #listeners = new Set<(address: string) => void>();
  readonly #witnesses: ((deed: MemberDeed) => void)[] = [];
  /** Raft groups, by identity and partition. */
  readonly #groups = new Map<string, SimGroup>();
  readonly #schedule: (delayMs: number, run: () => void) => void;
  #incarnations = 0;

  constructor(
    server: FakeApiServer,
    dice: Dice,
    schedule: (delayMs: number, run: () => void) => void,
  ) {
    this.#server = server;
    this.#dice = dice;
    this.#schedule = schedule;
  }

  /** Told when a member's status may have changed. */
  subscribe(listener: (address: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Told what members were made to do. */
  witness(tell: (deed: MemberDeed) => void): void {
    this.#witnesses.push(tell);
  }

  /** The pod at this address, if one runs there. */
  podAt(address: string): PodAt | undefined {
    const ip = address.slice(0, address.lastIndexOf(":"));
    const pod = all(this.#server, KINDS.Pod).find(
      (one) => one.status?.podIP === ip && one.status.phase === "Running",
    );
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return undefined;
    const { name, namespace = "" } = pod.metadata;
    const claim = one(this.#server, KINDS.PersistentVolumeClaim, {
      namespace,
      name: `data-${name}`,
    });
    const volume = claim?.spec?.volumeName;
    if (volume === undefined) return undefined;
    return { namespace, name, volume, ordinal: Number(/-(\d+)$/.exec(name)?.[1]) };
  }

  /** The store of a volume; an empty one if it is new. */
  storeOf(volume: string): MemberStore {
    let store = this.stores.get(volume);
    if (store === undefined) {
      store = new MemberStore(volume);
      this.stores.set(volume, store);
    }
    return store;
  }

  /** What is on this volume is no more. */
  lose(volume: string): void {
    const lost = this.storeOf(volume);
    const { format } = lost;
    if (format === undefined) return;
    this.hasLost = true;
    const others = [...this.stores.values()].filter((store) => store !== lost);
    const isKept = others.some(
      ({ format: other, served }) => other?.identity === format.identity && served !== undefined,
    );
    if (!isKept) this.begunAnew.add(format.identity);
  }

  /** A volume went with its claim. */
  discard(volume: string): void {
    const store = this.storeOf(volume);
    this.#tell({ kind: "discarded", volume, holdings: this.holdings(store) });
    this.lose(volume);
  }

  /** As the member answers. Throws {@link MemberError} if it does not. */
  status(address: string): MemberStatus {
    const { store } = this.#at(address);
    const { format } = store;
    return store.status((group) =>
      format === undefined ? undefined : this.#group(format, group)?.statusOf(format.incarnation),
    );
  }

  /** Answers the incarnation of the store. */
  format(address: string, collection: string, identity: string, ordinal: number): string {
    const { store, pod } = this.#at(address);
    this.#incarnations += 1;
    const incarnation = `inc-${this.#incarnations}-${this.#dice.int(0, 0xffff).toString(16)}`;
    const format = { collection, ordinal, identity, incarnation };
    if (!store.doFormat(format)) return store.format?.incarnation ?? "";
    this.#giveUp(store, format);
    this.#tell({ kind: "formatted", format, pod });
    this.changed(address);
    return incarnation;
  }

  /** Answers the committed generation. */
  propose(address: string, expected: bigint, wanted: CollectionSpec): bigint {
    const { store, format } = this.#voter(address);
    const isNew = store.doPropose(expected, wanted);
    const { committed } = store;
    if (isNew && committed !== undefined) {
      this.#share(format, committed);
      this.#tell({ kind: "committed", format, spec: committed });
      this.changed(address);
    }
    return committed?.generation ?? 0n;
  }

  /** The generation that a member serves. */
  served(address: string): CollectionSpec | undefined {
    return this.#at(address).store.served;
  }

  /** The meta group goes on from this generation. */
  adopt(address: string, spec: CollectionSpec): bigint {
    const { store, format } = this.#voter(address);
    if (store.doAdopt(spec)) {
      this.#share(format, spec);
      this.changed(address);
    }
    return spec.generation;
  }

  resign(address: string, seconds: number): void {
    const { store } = this.#at(address);
    store.resigned = true;
    this.#schedule(seconds * 1000, () => this.#unresign(store));
    this.#lookAtGroups();
    this.changed(address);
  }

  /** Answers the generation that the member serves. */
  apply(address: string, spec: CollectionSpec): bigint {
    const { store } = this.#at(address);
    if (store.doApply(spec)) {
      const { format } = store;
      if (format !== undefined) this.#tellGroups(format, spec);
      this.changed(address);
    }
    return store.served?.generation ?? 0n;
  }

  /** A process has ended or begun: what it had resigned from it may lead again. */
  restarted(volume: string): void {
    const store = this.stores.get(volume);
    if (store !== undefined) this.#unresign(store);
  }

  /** Partitions that a store holds for its Raft groups, and "meta" for a vote. */
  holdings(store: MemberStore): readonly string[] {
    const { format } = store;
    if (format === undefined) return [];
    const mine = `${format.identity}/`;
    return [...this.#groups].flatMap(([key, group]) =>
      key.startsWith(mine) && group.isAlive && group.voters.includes(format.incarnation)
        ? [key.slice(mine.length)]
        : [],
    );
  }

  /** Says that a member's status may have changed. */
  changed(address: string): void {
    this.#lookAtGroups();
    this.#listenersHear(address);
  }

  #unresign(store: MemberStore): void {
    if (!store.resigned) return;
    store.resigned = false;
    this.#lookAtGroups();
  }

  /** Whoever had this place before is on a volume that was kept and that nobody mounts again. */
  #giveUp(successor: MemberStore, { identity, ordinal }: StoreFormat): void {
    for (const store of this.stores.values()) {
      if (store === successor || store.format?.identity !== identity) continue;
      if (store.format.ordinal !== ordinal) continue;
      this.lose(store.volume);
      store.wipe();
    }
  }

  /** The member that may be asked for generations: it leads the meta group, or founds it. */
  #voter(address: string): { readonly store: MemberStore; readonly format: StoreFormat } {
    const { store } = this.#at(address);
    const { format } = store;
    if (format === undefined) throw new MemberError("STORE_EMPTY");
    const group = this.#group(format, "meta");
    if (group === undefined) {
      if (format.ordinal !== 0) throw new MemberError("NOT_META_VOTER");
      this.#found(format, "meta", [format.incarnation]);
    } else if (group.leader !== format.incarnation) {
      throw new MemberError("NOT_LEADER");
    }
    return { store, format };
  }

  /** What was committed is known to every voter that runs. */
  #share(format: StoreFormat, spec: CollectionSpec): void {
    const group = this.#group(format, "meta");
    if (group === undefined) return;
    group.committed = spec;
    for (const store of this.stores.values()) {
      const other = store.format;
      if (other?.identity !== format.identity || !group.holds(other.incarnation)) continue;
      if (this.#addressOf(other.incarnation) === undefined) continue;
      store.committed = clone(CollectionSpecSchema, spec);
      group.tell(other.incarnation, {
        generation: spec.generation,
        members: incarnationsOf(spec, spec.metaVoters),
      });
    }
  }

  #tellGroups(format: StoreFormat, spec: CollectionSpec): void {
    if (spec.shardType === "Raft") {
      for (const { partition, members, founders } of spec.partitions) {
        const known = this.#group(format, partition);
        const isFounder = founders.includes(format.incarnation);
        const group = known ?? (isFounder ? this.#found(format, partition, founders) : undefined);
        const wanted = incarnationsOf(spec, members);
        group?.tell(format.incarnation, { generation: spec.generation, members: wanted });
      }
    }
    const { committed } = this.#group(format, "meta") ?? {};
    if (committed !== undefined) this.#share(format, committed);
  }

  /** A group that has lost the majority of its stores is as good as none. */
  #group(format: StoreFormat, name: number | "meta"): SimGroup | undefined {
    const group = this.#groups.get(`${format.identity}/${name}`);
    return group?.isAlive === true ? group : undefined;
  }

  #found(format: StoreFormat, name: number | "meta", founders: readonly string[]): SimGroup {
    const group = new SimGroup(
      {
        isUp: (member) => this.#addressOf(member) !== undefined,
        exists: (member) => this.#storeOf(member) !== undefined,
        isResigned: (member) => this.#storeOf(member)?.resigned === true,
        changed: (member) => {
          const address = this.#addressOf(member);
          if (address !== undefined) this.#listenersHear(address);
        },
        schedule: this.#schedule,
      },
      this.#dice.fork(),
      founders,
    );
    this.#groups.set(`${format.identity}/${name}`, group);
    return group;
  }

  #lookAtGroups(): void {
    for (const [key, group] of this.#groups) {
      group.look();
      if (!key.endsWith("/meta") || group.committed === undefined) continue;
      // Who comes back or has just joined learns what was committed meanwhile.
      const leader = this.#storeOf(group.leader ?? "");
      if (leader?.format !== undefined) this.#share(leader.format, group.committed);
    }
  }

  #storeOf(incarnation: string): MemberStore | undefined {
    for (const store of this.stores.values()) {
      if (store.format?.incarnation === incarnation) return store;
    }
    return undefined;
  }

  /** Where the process of this store runs. */
  #addressOf(incarnation: string): string | undefined {
    const volume = this.#storeOf(incarnation)?.volume;
    if (volume === undefined) return undefined;
    for (const pod of all(this.#server, KINDS.Pod)) {
      const ip = pod.status?.podIP;
      if (ip === undefined) continue;
      const address = `${ip}:${ADMIN_PORT}`;
      if (this.podAt(address)?.volume === volume) return address;
    }
    return undefined;
  }

  #listenersHear(address: string): void {
    for (const listener of [...this.#listeners]) listener(address);
  }

  #at(address: string): { readonly store: MemberStore; readonly pod: PodAt } {
    const pod = this.#reachable(address);
    return { store: this.storeOf(pod.volume), pod };
  }

  #reachable(address: string): PodAt {
    const pod = this.podAt(address);
    if (pod === undefined || this.unreachable.has(address)) throw new MemberError("no route");
    return pod;
  }

  #tell(deed: MemberDeed): void {
    for (const witness of this.#witnesses) witness(deed);
  }
}

function incarnationsOf(spec: CollectionSpec, ids: readonly bigint[]): readonly string[] {
  return ids.flatMap((id) => spec.members.find((member) => member.id === id)?.incarnation ?? []);
}
