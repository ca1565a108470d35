// Test material: a whole Mst group in one process. Messages are lost, doubled, reordered and late,
// members restart between a write and its commit, clocks differ, members are replaced. An oracle
// joins every acknowledged write and never forgets a tombstone.
import { createHash } from "node:crypto";

import { assert } from "#api/base/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";

import type { IncomingObject, MstEffect, MstMessage, Now } from "../index.ts";
import { HybridClock, MstReplica } from "../index.ts";
import type { Digester } from "../tree.ts";
import type { MergeWrite, ObjectState, Stamp } from "../../merge/index.ts";
import {
  applyMergeWrite,
  decodeObject,
  encodeObject,
  mergeObjects,
  purgeObject,
  STAMP_EPOCH_MS,
  visibleEntries,
} from "../../merge/index.ts";
import { wordDocuments } from "../../merge/testing/replicas.ts";

/** SHA-256 cut to 16 bytes. */
export const shaDigest: Digester = (data) =>
  createHash("sha256").update(data).digest().toString("latin1").slice(0, 16);

interface Pending {
  readonly id: string;
  readonly state: ObjectState;
  readonly stamp: Stamp;
}

/** One member: what survives a restart, and the replica that does not. */
export interface Member {
  readonly node: string;
  readonly disk: Map<string, Uint8Array>;
  readonly clockOffsetMs: number;
  highWater: number;
  replica: MstReplica;
  pending: Pending[];
}

/** A message on its way. */
interface Flight {
  readonly from: string;
  readonly to: string;
  readonly message: MstMessage;
}

/** A group under a seed. */
export class Group {
  readonly members = new Map<string, Member>();
  readonly ideal = new Map<string, ObjectState>();
  readonly random: () => number;
  flights: Flight[] = [];
  bytes = 0;
  messages = 0;
  nowMs = STAMP_EPOCH_MS + 1_000_000_000;
  generation = 0;
  isCalm = false;
  resyncs = 0;
  readonly #cutStepMs: number;

  constructor(seed: number, options: { readonly cutStepMs: number }) {
    this.random = seededRng(seed).next;
    this.#cutStepMs = options.cutStepMs;
  }

  /** A member of the next generation; `joined` for the first ones. */
  add(node: string, options: { readonly joined: boolean; readonly clockOffsetMs?: number }): void {
    const disk = new Map<string, Uint8Array>();
    const clockOffsetMs = options.clockOffsetMs ?? 0;
    const mark = { ack: 0, cut: 0, joined: options.joined };
    const replica = this.#replica({ node, highWater: 0, disk, mark });
    this.members.set(node, { node, disk, clockOffsetMs, highWater: 0, replica, pending: [] });
  }

  /** Everybody learns who belongs to the group; those named in `late` learn it later. */
  announce(late: readonly string[] = []): void {
    this.generation += 1;
    for (const member of this.members.values()) {
      if (late.includes(member.node)) continue;
      this.#run(member, member.replica.setGeneration(this.generation, [...this.members.keys()]));
    }
  }

  /** A local write; acknowledged by {@link commit}. False if the member does not serve. */
  write(node: string, id: string, write: MergeWrite): boolean {
    const member = this.#member(node);
    if (!member.replica.mark.joined || member.replica.skew.isSkewed()) return false;
    const now = this.now(member);
    let issued = member.replica.clock.issue(now.wallMs);
    if (issued.kind === "reserve") {
      member.highWater = issued.highWater;
      member.replica.clock.reserved(issued.highWater);
      issued = member.replica.clock.issue(now.wallMs);
    }
    assert(issued.kind === "stamp", "a reserved clock issues stamps");
    const newest = member.pending.findLast((pending) => pending.id === id)?.state;
    const stored = newest ?? this.#read(member, id);
    const outcome = applyMergeWrite(stored, write, issued.stamp, wordDocuments);
    if (outcome.kind !== "written") {
      member.replica.clock.settled(issued.stamp);
      return false;
    }
    member.pending.push({ id, state: outcome.state, stamp: issued.stamp });
    return true;
  }

  /** Everything that a member has written becomes durable and is acknowledged. */
  commit(node: string): void {
    const member = this.#member(node);
    for (const { id, state, stamp } of member.pending) {
      const known = this.ideal.get(id);
      this.ideal.set(id, known === undefined ? state : mergeObjects(known, state, wordDocuments));
      this.#store(member, id, state);
      member.replica.clock.settled(stamp);
    }
    member.pending = [];
  }

  /** Ends and begins again; what was not committed is lost, what was persisted is not. */
  restart(node: string): void {
    const member = this.#member(node);
    member.pending = [];
    const { mark } = member.replica;
    member.replica = this.#replica({ ...member, mark });
    this.#load(member);
    this.#run(member, member.replica.setGeneration(this.generation, [...this.members.keys()]));
  }

  /** Starts a pull. */
  pull(to: string, from: string): void {
    const member = this.#member(to);
    this.#run(member, member.replica.pull(from, this.now(member)));
  }

  /** Time passes. */
  tick(ms: number): void {
    this.nowMs += ms;
    for (const member of this.members.values()) {
      this.#run(member, member.replica.tick(this.now(member)));
    }
  }

  /** One message arrives, maybe not the oldest, maybe not for the last time, maybe never. */
  deliver(): void {
    const at = this.isCalm ? 0 : Math.floor(this.random() * this.flights.length);
    const flight = this.flights[at];
    if (flight === undefined) return;
    const luck = this.isCalm ? 1 : this.random();
    if (luck > 0.1) this.flights.splice(at, 1);
    if (luck > 0.1 && luck < 0.2) return;
    const member = this.members.get(flight.to);
    if (member === undefined) return;
    this.#run(member, member.replica.receive(flight.from, flight.message, this.now(member)));
  }

  /** Without faults, until everybody has what everybody had. */
  settle(rounds = 8): void {
    this.isCalm = true;
    for (const { node } of this.members.values()) this.commit(node);
    for (let round = 0; round < rounds; round += 1) {
      this.tick(20_000);
      for (const a of this.members.keys()) for (const b of this.members.keys()) this.pull(a, b);
      for (let left = 100_000; this.flights.length > 0; left -= 1) {
        assert(left > 0, "a calm group comes to rest");
        this.deliver();
      }
    }
    this.isCalm = false;
  }

  /** What a reader sees at a member. */
  view(node: string): ReadonlyMap<string, string> {
    const member = this.#member(node);
    return viewOf([...member.disk.keys()].map((id) => [id, this.#read(member, id)] as const));
  }

  /** What a reader must see once everything is known everywhere. */
  idealView(): ReadonlyMap<string, string> {
    return viewOf([...this.ideal]);
  }

  now(member: Member): Now {
    return { wallMs: this.nowMs + member.clockOffsetMs, monotonicMs: this.nowMs };
  }

  #member(node: string): Member {
    const member = this.members.get(node);
    assert(member !== undefined, `no member ${node}`);
    return member;
  }

  #replica(
    options: Pick<Member, "node" | "highWater" | "disk"> & {
      readonly mark: MstReplica["mark"];
    },
  ): MstReplica {
    return new MstReplica({
      clock: new HybridClock(options),
      digest: shaDigest,
      documents: wordDocuments,
      bytesOf: (id) => options.disk.get(id),
      mark: options.mark,
      times: { pullTimeoutMs: 10_000, cutStepMs: this.#cutStepMs },
    });
  }

  #load(member: Member): void {
    for (const id of member.disk.keys()) member.replica.applied(id, this.#read(member, id));
  }

  #read(member: Member, id: string): ObjectState | undefined {
    const bytes = member.disk.get(id);
    return bytes === undefined ? undefined : decodeObject(bytes);
  }

  /** Joined with what is there, as a merge may have come between planning and commit. */
  #store(member: Member, id: string, state: ObjectState): void {
    const stored = this.#read(member, id);
    const joined = stored === undefined ? state : mergeObjects(stored, state, wordDocuments);
    member.disk.set(id, encodeObject(joined));
    member.replica.applied(id, joined);
  }

  #run(member: Member, effects: readonly MstEffect[]): void {
    const queue = [...effects];
    for (const effect of queue) {
      switch (effect.kind) {
        case "send":
          this.messages += 1;
          this.bytes += sizeOf(effect.message);
          this.flights.push({ from: member.node, to: effect.to, message: effect.message });
          break;
        case "merge":
          this.#merge(member, effect.objects);
          this.#run(member, member.replica.merged(effect.from, this.now(member)));
          break;
        case "persist":
          member.replica.persisted(effect.mark);
          break;
        case "purge":
          // Nothing that was planned before the purge may be stored after it.
          this.commit(member.node);
          this.#purge(member, effect.cut);
          // A purge takes time: what was ordered with it is done before it has ended.
          queue.push(...member.replica.purged(effect.cut));
          break;
        case "reserve":
          member.highWater = effect.highWater;
          member.replica.clock.reserved(effect.highWater);
          break;
        case "resync":
          this.resyncs += 1;
          member.disk.clear();
          member.pending = [];
          member.replica = this.#replica({ ...member, mark: { ack: 0, cut: 0, joined: false } });
          this.#run(
            member,
            member.replica.setGeneration(this.generation, [...this.members.keys()]),
          );
          return;
        case "pull-failed":
          break;
      }
    }
  }

  #merge(member: Member, objects: readonly IncomingObject[]): void {
    for (const { id, state } of objects) this.#store(member, id, state);
  }

  #purge(member: Member, cut: number): void {
    for (const id of [...member.disk.keys()]) {
      const state = this.#read(member, id);
      if (state === undefined) continue;
      const left = purgeObject(state, cut);
      if (left === state) continue;
      if (left === undefined) member.disk.delete(id);
      else member.disk.set(id, encodeObject(left));
      member.replica.applied(id, left);
    }
  }
}

function viewOf(
  objects: readonly (readonly [string, ObjectState | undefined])[],
): ReadonlyMap<string, string> {
  const view = new Map<string, string>();
  for (const [id, state] of objects) {
    if (state === undefined) continue;
    const entries = visibleEntries(state, wordDocuments);
    const text = entries.map(({ key, kind, value }) => `${key}=${shown(kind, value)}`).join(";");
    if (entries.length > 0) view.set(id, text);
  }
  return new Map([...view].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function shown(kind: string, value: Uint8Array): string {
  const bytes = kind === "document" ? wordDocuments.identity(value) : value;
  return String.fromCharCode(...bytes);
}

function sizeOf(message: MstMessage): number {
  if (message.kind === "root" || message.kind === "refused") return 60;
  if (message.kind === "fetch") return 60 + 40 * message.ranges.length + 20 * message.wants.length;
  const pages = message.kind === "fetch-reply" ? message.pages : [message.page];
  const objects = message.kind === "fetch-reply" ? message.objects : [];
  let size = 60;
  for (const page of pages) {
    for (const key of page?.keys ?? []) size += key.length + 34;
  }
  for (const object of objects) size += object.id.length + object.bytes.byteLength + 24;
  return size;
}
