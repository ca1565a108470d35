// The OdgmCollection controller's port to the world: members over gRPC, certificates, and the
// writes that are no server-side apply of a child.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { PlatformError } from "#api/base/index.ts";
import { FIELD_MANAGERS } from "#api/meta/index.ts";
import type {
  CertificateRequest,
  CollectionKey,
  CollectionPort,
  MemberTarget,
  MemberView,
  Trust,
} from "#controllers/odgm-collection/port.ts";
import { ORIGINAL_RECLAIM_POLICY } from "#controllers/odgm-collection/port.ts";
import type { Client, ExactObject } from "#controllers/runtime/index.ts";
import { deleteExactly, KINDS } from "#controllers/runtime/index.ts";

import type { CertificateKeeper } from "./certificates/keeper.ts";
import type { MemberClient } from "./grpc/member-client.ts";
import type { MemberPool, PooledMember } from "./grpc/member-pool.ts";

/**
 * How long a pass waits for a member that was never heard: an operator that has just started must
 * not report data as missing because it has not asked yet.
 */
const FIRST_WORD_MS = 3_000;

/** Retried by the framework: something that the call needs is not there yet. */
class NotReadyError extends PlatformError {
  override readonly name = "NotReadyError";
  readonly code = "NOT_READY";
}

/** A connection to one member, as the port uses it. */
export type PortMember = PooledMember &
  Pick<MemberClient, "format" | "propose" | "apply" | "served" | "adopt" | "resign">;

/** Who knows the CA and issues certificates, as the port uses it. */
export type PortKeeper = Pick<CertificateKeeper, "trust" | "issue" | "lead">;

/** See the head of this file. */
export class OperatorCollectionPort implements CollectionPort {
  readonly #pool: MemberPool<PortMember>;
  readonly #keeper: PortKeeper;
  readonly #client: Client;
  readonly #wakes = new Set<(key: CollectionKey) => void>();
  /** Collections that were observed and must hear of a new CA. */
  readonly #keys = new Map<string, CollectionKey>();

  constructor(pool: MemberPool<PortMember>, keeper: PortKeeper, client: Client) {
    this.#pool = pool;
    this.#keeper = keeper;
    this.#client = client;
  }

  async members(
    key: CollectionKey,
    targets: readonly MemberTarget[],
  ): Promise<ReadonlyMap<number, MemberView>> {
    this.#keys.set(`${key.namespace}/${key.name}`, key);
    return await this.#pool.heard(key, targets, FIRST_WORD_MS);
  }

  forget(key: CollectionKey): void {
    this.#keys.delete(`${key.namespace}/${key.name}`);
    this.#pool.forget(key);
  }

  /** To be called when collections came or went: lets go of the members of all but these. */
  retain(keys: readonly CollectionKey[]): void {
    const wanted = new Set(keys.map((key) => `${key.namespace}/${key.name}`));
    for (const text of this.#keys.keys()) if (!wanted.has(text)) this.#keys.delete(text);
    this.#pool.retain(keys);
  }

  trust(): Trust | undefined {
    return this.#keeper.trust;
  }

  start(wake: (key: CollectionKey) => void): () => void {
    this.#wakes.add(wake);
    const unsubscribe = this.#pool.subscribe(wake);
    const unlead = this.#keeper.lead();
    return () => {
      this.#wakes.delete(wake);
      unsubscribe();
      unlead();
    };
  }

  /** To be called when what must be trusted has changed: every collection looks again. */
  trustChanged(): void {
    for (const wake of this.#wakes) for (const key of this.#keys.values()) wake(key);
  }

  async format(target: MemberTarget, collection: string, identity: string): Promise<void> {
    const { ordinal } = target;
    await this.#pool.call(target, (member) => member.format({ collection, ordinal, identity }));
  }

  async propose(target: MemberTarget, expected: bigint, wanted: CollectionSpec): Promise<void> {
    const request = { expectedGeneration: expected, wanted };
    await this.#pool.call(target, (member) => member.propose(request));
  }

  async apply(target: MemberTarget, spec: CollectionSpec): Promise<void> {
    await this.#pool.call(target, (member) => member.apply({ spec }));
  }

  async adoptGeneration(from: MemberTarget, to: MemberTarget): Promise<void> {
    const spec = await this.#pool.call(from, (member) => member.served());
    if (spec === undefined) {
      throw new NotReadyError(`member ${from.ordinal} serves no generation any more`);
    }
    await this.#pool.call(to, (member) => member.adopt({ spec }));
  }

  async resign(target: MemberTarget, seconds: number): Promise<void> {
    await this.#pool.call(target, (member) => member.resign({ seconds }));
  }

  async issueCertificate(request: CertificateRequest): Promise<void> {
    if (this.#keeper.trust === undefined) throw new NotReadyError("the CA is not known yet");
    await this.#keeper.issue(request);
  }

  async restartPod(pod: ExactObject): Promise<void> {
    await deleteExactly(this.#client, KINDS.Pod, pod);
  }

  async deleteClaim(claim: ExactObject): Promise<void> {
    await deleteExactly(this.#client, KINDS.PersistentVolumeClaim, claim);
  }

  async setReclaimPolicy(
    volume: string,
    policy: "Retain" | "Delete",
    original: string,
  ): Promise<void> {
    const annotations = original === "" ? {} : { [ORIGINAL_RECLAIM_POLICY]: original };
    await this.#client.apply(
      KINDS.PersistentVolume,
      {
        apiVersion: "v1",
        kind: "PersistentVolume",
        metadata: { name: volume, annotations },
        ...{ spec: { persistentVolumeReclaimPolicy: policy } },
      },
      { fieldManager: `${FIELD_MANAGERS.odgmCollection}-volumes`, force: true },
    );
  }
}
