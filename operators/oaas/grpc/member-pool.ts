// All members that this replica watches, by collection. A collection names the members that it has
// now; connections to others of it are closed.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import type { CollectionKey, MemberTarget, MemberView } from "#controllers/odgm-collection/port.ts";

import type { CancelTimer, Timers } from "#controllers/runtime/index.ts";
import { systemTimers } from "#controllers/runtime/index.ts";

import { isOtherThanCounts } from "./member-news.ts";

/** What the pool needs of a connection. */
export interface PooledMember {
  readonly view: MemberView;
  /** Resolves once the member has said something or cannot be reached. */
  readonly heard: Promise<void>;
  close(): void;
}

/** Opens a connection; `onChange` fires after every change of its view. */
export type Connect<Member extends PooledMember> = (
  target: MemberTarget,
  onChange: () => void,
) => Member;

/** Counts of objects and bytes alone wake a collection at most this often. */
export const COUNTS_MS = 15_000;

interface Held<Member> {
  readonly member: Member;
  /** What listeners were last told about. */
  told: MemberView;
}

/** The pool of member connections of one process. */
export class MemberPool<Member extends PooledMember> {
  readonly #connect: Connect<Member>;
  readonly #timers: Timers;
  readonly #clients = new Map<string, Map<string, Held<Member>>>();
  readonly #listeners = new Set<(key: CollectionKey) => void>();
  /** Collections whose counts have changed and are told soon. */
  readonly #counting = new Map<string, CancelTimer>();

  constructor(connect: Connect<Member>, timers: Timers = systemTimers) {
    this.#connect = connect;
    this.#timers = timers;
  }

  /** Connections that are open, over all collections. */
  get size(): number {
    return [...this.#clients.values()].reduce((sum, clients) => sum + clients.size, 0);
  }

  /** Calls back whenever a member of a collection says something new. */
  subscribe(listener: (key: CollectionKey) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Newest view per ordinal; see the controller's port. */
  views(key: CollectionKey, targets: readonly MemberTarget[]): ReadonlyMap<number, MemberView> {
    const clients = this.#clientsOf(key);
    const wanted = new Set(targets.map(targetId));
    for (const [id, { member }] of clients) {
      if (wanted.has(id)) continue;
      member.close();
      clients.delete(id);
    }
    return new Map(
      targets.map((target) => [target.ordinal, this.#member(key, clients, target).view]),
    );
  }

  /** As {@link views}, after every member has said something, but at most `waitMs` later. */
  async heard(
    key: CollectionKey,
    targets: readonly MemberTarget[],
    waitMs: number,
  ): Promise<ReadonlyMap<number, MemberView>> {
    this.views(key, targets);
    const clients = [...(this.#clients.get(keyText(key))?.values() ?? [])];
    let cancel: CancelTimer = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#timers.schedule(waitMs, resolve);
    });
    await Promise.race([Promise.all(clients.map(({ member }) => member.heard)), late]);
    cancel();
    return this.views(key, targets);
  }

  /** Closes every connection to members of this collection. */
  forget(key: CollectionKey): void {
    this.#end(keyText(key));
  }

  /** Forgets every collection but these. */
  retain(keys: readonly CollectionKey[]): void {
    const wanted = new Set(keys.map(keyText));
    for (const text of [...this.#clients.keys()]) if (!wanted.has(text)) this.#end(text);
  }

  /** The connection to a member that {@link views} was asked for before, or a passing one. */
  async call<T>(target: MemberTarget, use: (member: Member) => Promise<T>): Promise<T> {
    for (const clients of this.#clients.values()) {
      const held = clients.get(targetId(target));
      if (held !== undefined) return await use(held.member);
    }
    const passing = this.#connect(target, () => undefined);
    try {
      return await use(passing);
    } finally {
      passing.close();
    }
  }

  /** The committed generation as a voter of this collection last told it. */
  committed(key: CollectionKey): CollectionSpec | undefined {
    let newest: CollectionSpec | undefined;
    for (const { member } of this.#clients.get(keyText(key))?.values() ?? []) {
      const { view } = member;
      const spec = view.kind === "known" ? view.status.committed : undefined;
      if (spec !== undefined && spec.generation > (newest?.generation ?? 0n)) newest = spec;
    }
    return newest;
  }

  /** Closes all connections. */
  close(): void {
    this.retain([]);
  }

  #end(text: string): void {
    for (const { member } of this.#clients.get(text)?.values() ?? []) member.close();
    this.#clients.delete(text);
    this.#counting.get(text)?.();
    this.#counting.delete(text);
  }

  #clientsOf(key: CollectionKey): Map<string, Held<Member>> {
    const known = this.#clients.get(keyText(key));
    if (known !== undefined) return known;
    const fresh = new Map<string, Held<Member>>();
    this.#clients.set(keyText(key), fresh);
    return fresh;
  }

  #member(key: CollectionKey, clients: Map<string, Held<Member>>, target: MemberTarget): Member {
    const id = targetId(target);
    const known = clients.get(id);
    if (known !== undefined) return known.member;
    const member = this.#connect(target, () => {
      const held = clients.get(id);
      if (held !== undefined) this.#news(key, held);
    });
    clients.set(id, { member, told: member.view });
    return member;
  }

  #news(key: CollectionKey, held: Held<Member>): void {
    const { view } = held.member;
    const text = keyText(key);
    const now = isOtherThanCounts(held.told, view);
    held.told = view;
    if (now) this.#tell(key);
    else if (!this.#counting.has(text)) {
      const cancel = this.#timers.schedule(COUNTS_MS, () => {
        this.#counting.delete(text);
        this.#tell(key);
      });
      this.#counting.set(text, cancel);
    }
  }

  #tell(key: CollectionKey): void {
    for (const listener of this.#listeners) listener(key);
  }
}

function keyText(key: CollectionKey): string {
  return `${key.namespace}/${key.name}`;
}

function targetId(target: MemberTarget): string {
  return `${target.ordinal} ${target.address} ${target.identity}`;
}
