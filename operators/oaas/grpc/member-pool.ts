// All members that this replica watches, by collection. A collection names the members that it has
// now; connections to others of it are closed.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import type { CollectionKey, MemberTarget, MemberView } from "#controllers/odgm-collection/port.ts";

import type { OwnCertificate } from "./identity.ts";
import { MemberClient } from "./member-client.ts";

/** The pool of member connections of one process. */
export class MemberPool {
  readonly #own: OwnCertificate;
  readonly #clients = new Map<string, Map<string, MemberClient>>();
  readonly #listeners = new Set<(key: CollectionKey) => void>();

  constructor(own: OwnCertificate) {
    this.#own = own;
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
    for (const [id, client] of clients) {
      if (wanted.has(id)) continue;
      client.close();
      clients.delete(id);
    }
    return new Map(
      targets.map((target) => [target.ordinal, this.#client(key, clients, target).view]),
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
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, waitMs)));
    await Promise.race([Promise.all(clients.map((client) => client.heard)), late]);
    clearTimeout(timer);
    return this.views(key, targets);
  }

  /** Closes every connection to members of this collection. */
  forget(key: CollectionKey): void {
    const clients = this.#clients.get(keyText(key));
    if (clients === undefined) return;
    for (const client of clients.values()) client.close();
    this.#clients.delete(keyText(key));
  }

  /** Forgets every collection but these. */
  retain(keys: readonly CollectionKey[]): void {
    const wanted = new Set(keys.map(keyText));
    for (const [text, clients] of this.#clients) {
      if (wanted.has(text)) continue;
      for (const client of clients.values()) client.close();
      this.#clients.delete(text);
    }
  }

  /** The connection to a member that {@link views} was asked for before, or a passing one. */
  async call<T>(target: MemberTarget, use: (client: MemberClient) => Promise<T>): Promise<T> {
    for (const clients of this.#clients.values()) {
      const client = clients.get(targetId(target));
      if (client !== undefined) return await use(client);
    }
    const passing = new MemberClient(target, this.#own, () => undefined);
    try {
      return await use(passing);
    } finally {
      passing.close();
    }
  }

  /** The committed generation as a voter of this collection last told it. */
  committed(key: CollectionKey): CollectionSpec | undefined {
    let newest: CollectionSpec | undefined;
    for (const client of this.#clients.get(keyText(key))?.values() ?? []) {
      const view = client.view;
      const spec = view.kind === "known" ? view.status.committed : undefined;
      if (spec !== undefined && spec.generation > (newest?.generation ?? 0n)) newest = spec;
    }
    return newest;
  }

  /** Closes all connections. */
  close(): void {
    for (const clients of this.#clients.values()) {
      for (const client of clients.values()) client.close();
    }
    this.#clients.clear();
  }

  #clientsOf(key: CollectionKey): Map<string, MemberClient> {
    const known = this.#clients.get(keyText(key));
    if (known !== undefined) return known;
    const fresh = new Map<string, MemberClient>();
    this.#clients.set(keyText(key), fresh);
    return fresh;
  }

  #client(
    key: CollectionKey,
    clients: Map<string, MemberClient>,
    target: MemberTarget,
  ): MemberClient {
    const id = targetId(target);
    const known = clients.get(id);
    if (known !== undefined) return known;
    const wake = (): void => {
      for (const listener of this.#listeners) listener(key);
    };
    const fresh = new MemberClient(target, this.#own, wake);
    clients.set(id, fresh);
    return fresh;
  }
}

function keyText(key: CollectionKey): string {
  return `${key.namespace}/${key.name}`;
}

function targetId(target: MemberTarget): string {
  return `${target.ordinal} ${target.address} ${target.identity}`;
}
