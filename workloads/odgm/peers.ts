// Links to the other members of the collection, opened when first needed: per member one for what is
// short and urgent, and one for what is large, so that it does not stand in the way.
import type { CollectionMember } from "#api/gen/oaas-admin_pb.ts";
import type { Logger } from "#api/base/index.ts";
import type { TlsFolder } from "#workloads/platform/index.ts";
import { StreamClient } from "#workloads/platform/index.ts";

import type { Lane } from "./raft/ports.ts";

/** How members know each other. */
export interface PeerOptions {
  /** undefined = plaintext. */
  readonly tls: { readonly folder: TlsFolder; readonly identity: string } | undefined;
  readonly log: Logger;
}

/** The links of one collection's member. */
export class Peers {
  readonly #options: PeerOptions;
  readonly #links = new Map<string, StreamClient>();
  readonly #known = new Map<string, CollectionMember>();

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  /** The members of a generation; those of earlier ones are not forgotten. */
  learn(members: readonly CollectionMember[]): void {
    for (const member of members) {
      if (member.incarnation !== "") this.#known.set(member.incarnation, member);
    }
  }

  /** The member whose store has this incarnation, as of the last generation that named it. */
  memberOf(incarnation: string): CollectionMember | undefined {
    return this.#known.get(incarnation);
  }

  /** The link to this member's address. */
  linkTo(member: CollectionMember, lane: Lane = "control"): StreamClient {
    const address = member.linkAddress;
    const name = `${lane} ${address}`;
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const { tls, log } = this.#options;
    const link = new StreamClient({
      service: "Link",
      target: {
        address,
        ...(tls === undefined ? {} : { tls: { folder: tls.folder, serverIdentity: tls.identity } }),
      },
      log: log.child({ peer: address, lane }),
    });
    this.#links.set(name, link);
    return link;
  }

  /** Closes links to members that are not in the generation any more. */
  retain(members: readonly CollectionMember[]): void {
    const wanted = new Set(members.map((member) => member.linkAddress));
    for (const [name, link] of this.#links) {
      if (wanted.has(name.slice(name.indexOf(" ") + 1))) continue;
      this.#links.delete(name);
      link.close();
    }
  }

  close(): void {
    this.retain([]);
  }
}
