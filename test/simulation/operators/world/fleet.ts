// All members of the simulated cluster, found by the address of their pod.
import type { CollectionSpec, MemberStatus } from "#api/gen/oaas-admin_pb.ts";
import { KINDS } from "#controllers/runtime/index.ts";
import type { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";

import type { Dice } from "#controllers/runtime/testing/index.ts";
import type { StoreFormat } from "./stores.ts";
import { MemberError, MemberStore } from "./stores.ts";
import { all, one } from "./look.ts";

/** What the operator made a member do, after it was done. Read by invariants. */
export type MemberDeed =
  | { readonly kind: "formatted"; readonly format: StoreFormat; readonly pod: PodAt }
  | {
      readonly kind: "committed";
      readonly format: StoreFormat;
      readonly spec: CollectionSpec;
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
  #incarnations = 0;

  constructor(server: FakeApiServer, dice: Dice) {
    this.#server = server;
    this.#dice = dice;
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

  /** As the member answers. Throws {@link MemberError} if it does not. */
  status(address: string): MemberStatus {
    return this.#at(address).store.status;
  }

  /** Answers the incarnation of the store. */
  format(address: string, collection: string, identity: string, ordinal: number): string {
    const { store, pod } = this.#at(address);
    this.#incarnations += 1;
    const incarnation = `inc-${this.#incarnations}-${this.#dice.int(0, 0xffff).toString(16)}`;
    const format = { collection, ordinal, identity, incarnation };
    if (!store.doFormat(format)) return store.format?.incarnation ?? "";
    this.#tell({ kind: "formatted", format, pod });
    this.changed(address);
    return incarnation;
  }

  /** Answers the committed generation. */
  propose(address: string, expected: bigint, wanted: CollectionSpec): bigint {
    const { store } = this.#at(address);
    const isNew = store.doPropose(expected, wanted);
    const { format, committed } = store;
    if (isNew && format !== undefined && committed !== undefined) {
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
    if (this.#at(address).store.doAdopt(spec)) this.changed(address);
    return spec.generation;
  }

  resign(address: string, _seconds: number): void {
    this.#at(address).store.resigned = true;
    this.changed(address);
  }

  /** Answers the generation that the member serves. */
  apply(address: string, spec: CollectionSpec): bigint {
    const { store } = this.#at(address);
    if (store.doApply(spec)) this.changed(address);
    return store.served?.generation ?? 0n;
  }

  /** Says that a member's status may have changed. */
  changed(address: string): void {
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
