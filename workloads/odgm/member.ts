// This process as a member: what its store is, which collections it serves, and what the operator
// may ask of it. An empty store serves nothing but the admin service until it is formatted.
import type { Hasher, Logger } from "#api/base/index.ts";
import { assert, errorMessage } from "#api/base/index.ts";
import type { CollectionSpec, RaftStatus } from "#api/gen/oaas-admin_pb.ts";
import { checkSpec } from "#workloads/core/meta/index.ts";
import type { KvEngine, Store } from "#workloads/core/store/index.ts";
import { systemKey } from "#workloads/core/store/index.ts";
import type { MemberId } from "#workloads/core/raft/index.ts";
import { systemClock, systemRng } from "#workloads/platform/clock/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import type { CollectionHost } from "./collection.ts";
import { ServedCollection } from "./collection.ts";
import { Committer } from "./committer.ts";
import type { DataDir, DataDirState, FormatRecord, Owner } from "./data-dir.ts";
import { refuse } from "./errors.ts";
import { groupLinks } from "./group-links.ts";
import { guardStore, StorageGuard } from "./guard.ts";
import { MetaGroup } from "./meta-group.ts";
import type { ProposeOutcome } from "./meta-log.ts";
import type { OdgmMetrics } from "./metrics.ts";
import type { Peers } from "./peers.ts";
import { GroupHost } from "./raft/host.ts";
import type { HostStats } from "./raft/stats.ts";
import { nodeTimers } from "./timers.ts";
import { loadDocuments } from "./shards/documents.ts";
import { contentDigest, decodeSpec, encodeSpec } from "./spec.ts";
import { observeStore } from "./store-metrics.ts";

/** What a member is made of. */
export interface MemberOptions {
  readonly dataDir: DataDir;
  readonly owner: Owner;
  readonly peers: Peers;
  readonly metrics: OdgmMetrics;
  readonly log: Logger;
  readonly storageLimit: number;
  readonly storageCapacityBytes: number | undefined;
  /** The store failed: nothing may be served any more. */
  readonly onStoreFailure: (cause: unknown) => void;
}

/** The store as it is open. */
interface OpenStore {
  readonly format: FormatRecord;
  readonly host: CollectionHost;
  readonly guard: StorageGuard;
  /** Undefined in a program that runs alone. */
  readonly meta: MetaGroup | undefined;
}

/** What is told about the store. */
export type StoreView =
  | { readonly kind: "empty" | "foreign" | "refused"; readonly message: string }
  | { readonly kind: "ready"; readonly format: FormatRecord };

/** Name of the owner of a store that may keep several collections. */
export const STANDALONE_OWNER: Owner = { collection: "*", ordinal: 0 };

/** Who ends takes no leadership any more ... */
const RESIGN_MS = 60_000;
/** ... and waits so long for others to take what it has, looking so often. */
const HAND_OVER_MS = 1_500;
const LOOK_MS = 20;

/** See the top of the file. */
export class Member {
  readonly owner: Owner;
  readonly peers: Peers;
  readonly #options: MemberOptions;
  readonly #hasher: Hasher = xxh3;
  readonly #collections = new Map<string, ServedCollection>();
  readonly #watchers = new Set<() => void>();
  #state: DataDirState = { kind: "empty" };
  #open: OpenStore | undefined;
  #closing = false;
  #resignedUntilMs = 0;
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(options: MemberOptions) {
    this.#options = options;
    this.owner = options.owner;
    this.peers = options.peers;
  }

  /** Opens the folder and serves the last generation that was applied here, if there is one. */
  static async start(options: MemberOptions): Promise<Member> {
    const member = new Member(options);
    await member.#enter(await options.dataDir.open(options.owner));
    return member;
  }

  /** Empty, ready, somebody else's or not to be used. */
  get storeView(): StoreView {
    const state = this.#state;
    switch (state.kind) {
      case "ready":
        return { kind: "ready", format: state.format };
      case "empty":
        return { kind: "empty", message: "the store has never been formatted" };
      case "foreign":
      case "refused":
        return state;
    }
  }

  /** Collections in force, by name. */
  get collections(): readonly ServedCollection[] {
    return [...this.#collections.values()];
  }

  /** The newest generation in the meta group; 0 = none, or this member has no part in it. */
  get metaGeneration(): bigint {
    return this.#open?.meta?.generation ?? 0n;
  }

  /** The newest committed generation; undefined = none, or this member has no part in it. */
  get committed(): CollectionSpec | undefined {
    return this.#open?.meta?.committed;
  }

  /** Its replica of the meta group; undefined = it has none. */
  get metaStatus(): RaftStatus | undefined {
    return this.#open?.meta?.status;
  }

  /** Bytes of the disk and how many are used, as of the last sample. */
  get storageLevel(): { readonly capacityBytes: number; readonly usedBytes: number } {
    return this.#open?.guard.level ?? { capacityBytes: 0, usedBytes: 0 };
  }

  /** May a write make the store larger? */
  get mayGrow(): boolean {
    return this.#open !== undefined && !this.#open.guard.isFull;
  }

  /** The collection, ready to serve. Throws the refusal that says what is missing. */
  collection(name: string): ServedCollection {
    if (this.#closing) throw refuse("SHUTTING_DOWN", "this member is shutting down");
    const view = this.storeView;
    if (view.kind === "empty") throw refuse("STORE_EMPTY", view.message);
    if (view.kind === "foreign") throw refuse("STORE_FOREIGN", view.message);
    if (view.kind === "refused") throw refuse("STORE_REFUSED", view.message);
    const found = this.#collections.get(name);
    if (found !== undefined && !found.spec.disabled) return found;
    if (found !== undefined) throw refuse("CLASS_DISABLED", `class ${name} is disabled`);
    if (name === this.owner.collection) {
      throw refuse("NO_GENERATION", `class ${name} has no generation here yet`);
    }
    throw refuse("NO_CLASS", `class "${name}" is not here`);
  }

  /** Throws OVERLOADED while too much waits for the disk. */
  requireRoom(): void {
    if (this.#open?.host.committer.isOverloaded !== true) return;
    throw refuse("OVERLOADED", "too many writes wait for the disk");
  }

  /** Incarnation of the store; empty before it is formatted. */
  get incarnation(): string {
    return this.#open?.format.incarnation ?? "";
  }

  /** Objects per shard of this member. Shard ids count from 1, as upstream's do. */
  stats() {
    return this.collections.flatMap((collection, position) =>
      collection.ownShards.map((shard) => ({
        collection: collection.name,
        partition: shard.partition,
        shardId: position * 2 ** 20 + shard.partition + 1,
        count: shard.objects,
      })),
    );
  }

  /** Counts an invocation for the metrics. */
  observeInvocation(
    fn: string,
    result: { readonly status: number; readonly milliseconds: number },
  ): void {
    this.#options.metrics.invoked(fn, result);
  }

  /** Formats an empty store; on one formatted for the same owner answers its incarnation. */
  format(owner: Owner, identity: string): Promise<string> {
    return this.#inTurn(async () => {
      const state = this.#state;
      const { collection, ordinal } = this.owner;
      if (owner.collection !== collection || owner.ordinal !== ordinal) {
        throw refuse("WRONG_MEMBER", `this is member ${ordinal} of ${collection}`);
      }
      if (state.kind === "ready" && state.format.identity === identity) {
        return state.format.incarnation;
      }
      if (state.kind === "ready") {
        throw refuse("STORE_FORMATTED", `the store has the identity ${state.format.identity}`);
      }
      if (state.kind !== "empty") throw refuse("STORE_FORMATTED", state.message);
      const formatted = await this.#options.dataDir.format(owner, identity);
      await this.#enter(formatted);
      return formatted.format.incarnation;
    });
  }

  /** See {@link MetaLog.propose}. Throws NOT_META_VOTER. */
  async propose(expected: bigint, wanted: CollectionSpec): Promise<ProposeOutcome> {
    const meta = this.#requireMeta();
    this.#requireName(wanted.collection);
    return await meta.propose(expected, wanted);
  }

  /** See {@link MetaLog.adopt}. Throws NOT_META_VOTER. */
  async adoptGeneration(spec: CollectionSpec): Promise<ProposeOutcome> {
    const meta = this.#requireMeta();
    this.#requireName(spec.collection);
    return await meta.adopt(spec);
  }

  /** Takes no leadership of a Raft group for so long, and gives away what it has; 0 ends that. */
  resign(forMs: number): void {
    this.#resignedUntilMs = performance.now() + forMs;
    this.#open?.host.groups.resign(forMs);
    this.#changed();
  }

  /** Gives away the leadership of Raft groups before the end, as far as others take it soon. */
  async handOver(): Promise<void> {
    const groups = this.#open?.host.groups;
    if (groups === undefined || groups.stats().holding === 0) return;
    this.resign(RESIGN_MS);
    const endMs = performance.now() + HAND_OVER_MS;
    while (groups.stats().holding > 0 && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** See {@link Member.resign}. */
  get isResigned(): boolean {
    return performance.now() < this.#resignedUntilMs;
  }

  /** Serves this generation from now on, and after a restart; answers the one in force. */
  apply(spec: CollectionSpec): Promise<bigint> {
    return this.#inTurn(async () => {
      const { host, format, meta } = this.#requireStore();
      this.#requireName(spec.collection);
      const served = this.#collections.get(spec.collection);
      const current = served?.spec.generation ?? 0n;
      if (spec.generation === 0n) throw refuse("INVALID_SPEC", "generation is 0");
      if (spec.generation < current) return current;
      if (served !== undefined && spec.generation === current) {
        if (contentDigest(spec) === served.digest) return current;
        throw refuse("GENERATION_CONFLICT", `generation ${current} has another content here`);
      }
      const problem = checkSpec(spec);
      if (problem !== undefined) throw refuse(problem.reason, problem.message);
      this.#checkIncarnation(spec, format);
      await prepare(spec);
      const key = systemKey(`applied/${spec.collection}`);
      await host.store.commit([{ key, value: encodeSpec(spec), index: 0 }]);
      this.#serve(host, spec);
      await meta?.serve(spec);
      this.#changed();
      return spec.generation;
    });
  }

  /**
   * Standalone: these collections, all or none, in a store that holds none yet. Their order is
   * kept, it is part of the shards' numbers.
   */
  adopt(specs: readonly CollectionSpec[]): Promise<void> {
    return this.#inTurn(async () => {
      const { host } = this.#requireStore();
      assert(this.#collections.size === 0, "collections are adopted once");
      for (const spec of specs) {
        const problem = checkSpec(spec);
        if (problem === undefined) continue;
        throw refuse(problem.reason, `collection ${spec.collection}: ${problem.message}`);
      }
      for (const spec of specs) await prepare(spec);
      const names = Buffer.from(JSON.stringify(specs.map((spec) => spec.collection)));
      await host.store.commit([
        { key: systemKey("collections"), value: names, index: 0 },
        ...specs.map((spec) => {
          return {
            key: systemKey(`applied/${spec.collection}`),
            value: encodeSpec(spec),
            index: 0,
          };
        }),
      ]);
      for (const spec of specs) this.#serve(host, spec);
      this.#changed();
    });
  }

  /** A message of another member for the Raft groups here. Throws the refusal. */
  receiveForGroups(from: string, payload: Uint8Array, answer: (bytes: Uint8Array) => void): void {
    if (this.#closing) throw refuse("SHUTTING_DOWN", "this member is shutting down");
    // The link admits members of the collection only.
    this.#requireStore().host.groups.receive(from as MemberId, payload, answer);
  }

  /** Numbers of the Raft groups here; undefined before the store is open. */
  get groupStats(): HostStats | undefined {
    return this.#open?.host.groups.stats();
  }

  /** Calls back whenever generation or store state have changed; returns what ends that. */
  watch(callback: () => void): () => void {
    this.#watchers.add(callback);
    return () => this.#watchers.delete(callback);
  }

  /** Something that watchers show has changed. */
  noteChange(): void {
    this.#changed();
  }

  /** Takes no new calls, waits for what is on its way to the disk, closes. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#changing.catch(() => undefined);
    for (const collection of this.collections) collection.close();
    this.#open?.host.groups.close();
    await this.#open?.host.committer.drain();
    this.#open?.guard.close();
    await this.#options.dataDir.close();
  }

  async #enter(found: DataDirState): Promise<void> {
    const state = await this.#openDamaged(found);
    if (state.kind !== "ready") {
      this.#state = state;
      if (state.kind === "empty") return;
      const { kind, message } = state;
      this.#options.log.error("store refused", { kind, message });
      return;
    }
    try {
      this.#open = await this.#openStore(state.format, state.store);
      this.#state = state;
    } catch (cause: unknown) {
      const message = errorMessage(cause);
      this.#state = { kind: "refused", message };
      this.#options.log.error("store refused", { message });
    }
    this.#changed();
  }

  /** What is left of a damaged store is opened if all its partitions can be learned anew. */
  async #openDamaged(state: DataDirState): Promise<DataDirState> {
    if (state.kind !== "refused" || state.damaged === undefined) return state;
    const { get, open } = state.damaged;
    const applied = get(systemKey(`applied/${this.owner.collection}`));
    if (applied === undefined || decodeSpec(applied.value).shardType !== "Raft") return state;
    this.#options.log.error("the store is damaged: its groups learn everything anew", {
      message: state.message,
    });
    return open();
  }

  async #openStore(format: FormatRecord, raw: KvEngine): Promise<OpenStore> {
    const { log, metrics, dataDir, owner } = this.#options;
    const wrote = (bytes: number): void => this.#open?.guard.wrote(bytes);
    observeStore(metrics.registry, raw);
    const store = guardStore(raw, this.#options.onStoreFailure, wrote);
    const committer = new Committer(store, { observer: metrics, log });
    const standalone = owner.collection === STANDALONE_OWNER.collection;
    const ordinal = standalone ? undefined : owner.ordinal;
    const { incarnation } = format;
    const { peers } = this;
    const hasher = this.#hasher;
    // The incarnation names the member in all its groups.
    const groups = new GroupHost(incarnation as MemberId, {
      store,
      committer,
      links: groupLinks(peers, incarnation as MemberId),
      clock: systemClock,
      timers: nodeTimers,
      rng: systemRng,
      hasher,
      log,
      observer: metrics,
    });
    groups.damage = raw.damage?.message;
    const host: CollectionHost = {
      ...{ store, committer, hasher, ordinal, incarnation, peers, log, groups },
      onChange: () => this.#changed(),
    };
    const guard = new StorageGuard({
      folder: dataDir.path,
      store: raw,
      limit: this.#options.storageLimit,
      capacityBytes: this.#options.storageCapacityBytes,
      log,
      onChange: (disk) => {
        groups.setDisk(disk);
        this.#changed();
      },
    });
    await guard.sample();
    for (const name of standalone ? standaloneNames(store) : [owner.collection]) {
      const applied = store.get(systemKey(`applied/${name}`));
      if (applied === undefined) continue;
      const spec = decodeSpec(applied.value);
      await prepare(spec);
      this.#serve(host, spec);
    }
    const meta = standalone ? undefined : await this.#openMeta(host);
    if (groups.damage !== undefined) {
      // Every group has durably forgotten what it had: nothing relies on what was lost.
      await committer.drain();
      await raw.clearDamage();
      groups.damage = undefined;
    }
    return { format, host, guard, meta };
  }

  async #openMeta({ groups, store }: CollectionHost): Promise<MetaGroup> {
    const { collection, ordinal } = this.owner;
    const onChange = (): void => this.#changed();
    const meta = new MetaGroup({ host: groups, store, collection, ordinal, onChange });
    await meta.start();
    const served = this.#collections.get(collection)?.spec;
    if (served !== undefined) await meta.serve(served);
    return meta;
  }

  #serve(host: CollectionHost, spec: CollectionSpec): void {
    const served = this.#collections.get(spec.collection);
    if (served !== undefined) served.apply(spec);
    else {
      const position = this.#collections.size;
      this.#collections.set(spec.collection, new ServedCollection(host, position, spec));
    }
    this.peers.retain(this.collections.flatMap((collection) => collection.members));
    this.#options.log.info("generation in force", {
      collection: spec.collection,
      generation: String(spec.generation),
      partitions: spec.partitions.length,
      functions: spec.functions.length,
    });
  }

  #checkIncarnation(spec: CollectionSpec, format: FormatRecord): void {
    const self = spec.members.find((member) => member.ordinal === this.owner.ordinal);
    const known = self?.incarnation ?? "";
    if (known === "" || known === format.incarnation) return;
    throw refuse(
      "INCARNATION_MISMATCH",
      `the generation names incarnation ${known}, this store is ${format.incarnation}`,
    );
  }

  #requireStore(): OpenStore {
    if (this.#open !== undefined) return this.#open;
    const view = this.storeView;
    const message = view.kind === "ready" ? "the store is not open" : view.message;
    throw refuse(view.kind === "empty" ? "STORE_EMPTY" : "STORE_REFUSED", message);
  }

  #requireMeta(): MetaGroup {
    const { meta } = this.#requireStore();
    if (meta !== undefined) return meta;
    throw refuse("NOT_META_VOTER", `ordinal ${this.owner.ordinal} has no vote`);
  }

  #requireName(name: string): void {
    const { collection } = this.owner;
    if (collection === name || collection === STANDALONE_OWNER.collection) return;
    throw refuse("WRONG_MEMBER", `this is a member of ${collection}, not of ${name}`);
  }

  /** Changes of what is served happen one after the other. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changing.then(change);
    this.#changing = result.catch(() => undefined);
    return result;
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/** Loads what shards of this generation need. */
async function prepare(spec: CollectionSpec): Promise<void> {
  if (spec.shardType === "Mst") await loadDocuments();
}

/** The collections that a standalone store keeps, in the order of their shard numbers. */
export function standaloneNames(store: Store): readonly string[] {
  const stored = store.get(systemKey("collections"));
  if (stored === undefined) return [];
  return JSON.parse(Buffer.from(stored.value).toString("utf8")) as string[];
}
