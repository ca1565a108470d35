// One link per member that is in use, made on demand and closed after a while without calls.
import type { Logger } from "#api/base/index.ts";
import { isLoopbackHost, parseHostPort } from "#api/workload/gateway.ts";
import { StreamClient } from "#workloads/platform/stream/index.ts";
import type { TlsFolder } from "#workloads/platform/tls/index.ts";

/** How links are secured: mTLS, or plaintext to loopback addresses only. */
export type LinkSecurity =
  | { readonly kind: "tls"; readonly folder: TlsFolder }
  | { readonly kind: "plaintext"; readonly service: "Link" | "DataStream" };

/** Calls in flight on one link; beyond, OVERLOADED. */
export const MEMBER_CALLS_MAX = 8192;

const IDLE_MAX_MS = 300_000;
const SWEEP_MS = 30_000;

interface Member {
  readonly client: StreamClient;
  usedAtMs: number;
}

/** See the head of the file. */
export class MemberPool {
  readonly #security: LinkSecurity;
  readonly #log: Logger;
  readonly #members = new Map<string, Member>();
  readonly #sweeper: NodeJS.Timeout;

  constructor(security: LinkSecurity, log: Logger) {
    this.#security = security;
    this.#log = log;
    this.#sweeper = setInterval(() => this.#sweep(performance.now()), SWEEP_MS);
    this.#sweeper.unref();
  }

  /** Links that are open or opening. */
  get size(): number {
    return this.#members.size;
  }

  /** The link to this address, or why there must not be one. */
  get(address: string, identity: string): StreamClient | string {
    const key = `${identity}@${address}`;
    const known = this.#members.get(key);
    if (known !== undefined) {
      known.usedAtMs = performance.now();
      return known.client;
    }
    const made = this.#open(address, identity);
    if (typeof made === "string") return made;
    this.#members.set(key, { client: made, usedAtMs: performance.now() });
    return made;
  }

  /** A call to this member would wait for a connection; see `StreamClient.isAway`. */
  isAway(address: string, identity: string): boolean {
    return this.#members.get(`${identity}@${address}`)?.client.isAway ?? false;
  }

  /** Closes all links; calls in flight fail. */
  close(): void {
    clearInterval(this.#sweeper);
    for (const { client } of this.#members.values()) client.close();
    this.#members.clear();
  }

  #open(address: string, identity: string): StreamClient | string {
    const security = this.#security;
    const host = parseHostPort(address)?.host;
    if (host === undefined) return `"${address}" is not HOST:PORT`;
    if (security.kind === "tls" && identity === "") return `${address} has no identity to check`;
    if (security.kind === "plaintext" && !isLoopbackHost(host)) {
      return `a plaintext link to ${address} is refused: it is not on loopback`;
    }
    return new StreamClient({
      service: security.kind === "plaintext" ? security.service : "Link",
      log: this.#log.child({ member: address }),
      target: {
        address,
        ...(security.kind === "tls"
          ? { tls: { folder: security.folder, serverIdentity: identity } }
          : {}),
        options: {
          // A pod that moved has a new address at once, and a node that is gone sends no reset.
          "grpc.dns_min_time_between_resolutions_ms": 500,
          "grpc.max_reconnect_backoff_ms": 1000,
          // Together no longer than a group needs for another leader.
          "grpc.keepalive_time_ms": 500,
          "grpc.keepalive_timeout_ms": 750,
        },
      },
    });
  }

  #sweep(nowMs: number): void {
    for (const [key, member] of this.#members) {
      if (nowMs - member.usedAtMs <= IDLE_MAX_MS || member.client.inflight > 0) continue;
      member.client.close();
      this.#members.delete(key);
    }
  }
}
