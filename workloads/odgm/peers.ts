// Links to the other members of the collection, one per member, opened when first needed.
import type { CollectionMember } from "#api/gen/oaas-admin_pb.ts";
import type { Logger } from "#api/base/index.ts";
import type { TlsFolder } from "#workloads/platform/index.ts";
import { StreamClient } from "#workloads/platform/index.ts";

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
  linkTo(member: CollectionMember): StreamClient {
    const address = member.linkAddress;
    const known = this.#links.get(address);
    if (known !== undefined) return known;
    const { tls, log } = this.#options;
    const link = new StreamClient({
      service: "Link",
      target: {
        address,
        ...(tls === undefined ? {} : { tls: { folder: tls.folder, serverIdentity: tls.identity } }),
        // A member that was away is spoken to again soon; two minutes is what grpc-js waits.
        options: { "grpc.max_reconnect_backoff_ms": 1_000 },
      },
      log: calm(log.child({ peer: address })),
    });
    this.#links.set(address, link);
    return link;
  }

  /** Closes links to members that are not in the generation any more. */
  retain(members: readonly CollectionMember[]): void {
    const wanted = new Set(members.map((member) => member.linkAddress));
    for (const [address, link] of this.#links) {
      if (wanted.has(address)) continue;
      this.#links.delete(address);
      link.close();
    }
  }

  close(): void {
    this.retain([]);
  }
}

/** A member that is away is tried several times a second; a line now and then says enough. */
const CALM_MS = 10_000;

function calm(log: Logger): Logger {
  let nextAtMs = 0;
  let untold = 0;
  return {
    debug: (message, fields) => log.debug(message, fields),
    info: (message, fields) => log.info(message, fields),
    error: (message, fields) => log.error(message, fields),
    child: (fields) => log.child(fields),
    warn: (message, fields) => {
      const nowMs = performance.now();
      if (nowMs < nextAtMs) {
        untold += 1;
        return;
      }
      nextAtMs = nowMs + CALM_MS;
      log.warn(message, { ...fields, ...(untold === 0 ? {} : { untold }) });
      untold = 0;
    },
  };
}
