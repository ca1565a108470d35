// CollectionPort of one operator process: members over a network that is late and sometimes cut,
// certificates and pods over the API server, as operators/oaas does it.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { errorMessage } from "#api/base/index.ts";
import { ANNOTATIONS } from "#api/meta/index.ts";
import type {
  CertificateRequest,
  CollectionKey,
  CollectionPort,
  MemberTarget,
  MemberView,
  Trust,
} from "#controllers/odgm-collection/port.ts";
import {
  CERTIFICATE_ANNOTATIONS,
  ORIGINAL_RECLAIM_POLICY,
} from "#controllers/odgm-collection/port.ts";
import type { Client, Kind } from "#controllers/runtime/index.ts";
import { ApiError, KINDS, sleep } from "#controllers/runtime/index.ts";

import type { Dice, Host, SimProcess } from "#controllers/runtime/testing/index.ts";
import type { Fleet } from "./fleet.ts";
import { MemberError } from "./stores.ts";

const TRUST: Trust = { clusterUid: "sim-cluster", bundle: "bundle-1", issuer: "issuer-1" };
const RENEW_AT = "2031-01-01T00:00:00Z";
const STATUS_LAG_MS_MAX = 1_000;

interface Contact {
  view: MemberView;
  readonly key: CollectionKey;
}

/** Faults of the network between operator and members; zero when all is well. */
export interface MemberNetwork {
  /** Probability that a call is lost, and as often that its answer is. */
  loss: number;
}

/** See the head of this file. */
export class SimCollectionPort implements CollectionPort {
  readonly #kube: Client;
  readonly #fleet: Fleet;
  readonly #process: SimProcess;
  readonly #dice: Dice;
  readonly #network: MemberNetwork;
  readonly #contacts = new Map<string, Contact>();
  readonly #wakes = new Set<(key: CollectionKey) => void>();

  constructor(host: Host<unknown>, fleet: Fleet, network: MemberNetwork) {
    const { client, process, dice } = host;
    this.#kube = client;
    this.#fleet = fleet;
    this.#process = process;
    this.#dice = dice;
    this.#network = network;
    fleet.subscribe((address) => this.#heard(address));
  }

  async members(
    key: CollectionKey,
    targets: readonly MemberTarget[],
  ): Promise<ReadonlyMap<number, MemberView>> {
    const wanted = new Set(targets.map((target) => target.address));
    for (const [address, contact] of this.#contacts) {
      const mine = contact.key.namespace === key.namespace && contact.key.name === key.name;
      if (mine && !wanted.has(address)) this.#contacts.delete(address);
    }
    if (targets.some((target) => !this.#contacts.has(target.address))) {
      await sleep(this.#process, this.#dice.int(1, 100));
    }
    const views = new Map<number, MemberView>();
    for (const { address, ordinal } of targets) {
      const known = this.#contacts.get(address);
      const contact = known ?? { key, view: this.#look(address) };
      this.#contacts.set(address, contact);
      if (known === undefined && contact.view.kind !== "known") this.#lookAgain(address, 2_000);
      views.set(ordinal, contact.view);
    }
    return views;
  }

  forget(key: CollectionKey): void {
    for (const [address, contact] of this.#contacts) {
      const mine = contact.key.namespace === key.namespace && contact.key.name === key.name;
      if (mine) this.#contacts.delete(address);
    }
  }

  trust(): Trust {
    return TRUST;
  }

  start(wake: (key: CollectionKey) => void): () => void {
    this.#wakes.add(wake);
    return () => this.#wakes.delete(wake);
  }

  async format(target: MemberTarget, collection: string, identity: string): Promise<void> {
    const { address, ordinal } = target;
    await this.#call(() => this.#fleet.format(address, collection, identity, ordinal));
  }

  async propose(target: MemberTarget, expected: bigint, wanted: CollectionSpec): Promise<void> {
    await this.#call(() => this.#fleet.propose(target.address, expected, wanted));
  }

  async apply(target: MemberTarget, spec: CollectionSpec): Promise<void> {
    await this.#call(() => this.#fleet.apply(target.address, spec));
  }

  async adoptGeneration(from: MemberTarget, to: MemberTarget): Promise<void> {
    await this.#call(() => this.#fleet.adopt(from.address, to.address));
  }

  async resign(target: MemberTarget, seconds: number): Promise<void> {
    await this.#call(() => this.#fleet.resign(target.address, seconds));
  }

  async issueCertificate(request: CertificateRequest): Promise<void> {
    const { namespace, secretName: name, labels, owner } = request;
    const annotations = {
      [ANNOTATIONS.certificateExpiry]: "2031-02-01T00:00:00Z",
      [CERTIFICATE_ANNOTATIONS.bundle]: TRUST.bundle,
      [CERTIFICATE_ANNOTATIONS.issuer]: TRUST.issuer,
      [CERTIFICATE_ANNOTATIONS.renewAt]: RENEW_AT,
    };
    const ownerReferences = [{ ...owner, controller: true }];
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace, name, labels: { ...labels }, annotations, ownerReferences },
    };
    await this.#kube.apply(KINDS.Secret, secret, { fieldManager: "sim-certificates" });
  }

  async restartPod(pod: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  }): Promise<void> {
    await this.#deleteExactly(KINDS.Pod, pod);
  }

  async deleteClaim(claim: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  }): Promise<void> {
    await this.#deleteExactly(KINDS.PersistentVolumeClaim, claim);
  }

  async #deleteExactly(
    kind: Kind,
    { namespace, name, uid }: { namespace: string; name: string; uid: string },
  ): Promise<void> {
    try {
      await this.#kube.delete(kind, { namespace, name }, { uid });
    } catch (cause) {
      if (!(cause instanceof ApiError) || cause.status !== 409) throw cause;
    }
  }

  async setReclaimPolicy(
    volume: string,
    policy: "Retain" | "Delete",
    original: string,
  ): Promise<void> {
    const annotations = original === "" ? {} : { [ORIGINAL_RECLAIM_POLICY]: original };
    const object = {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: volume, annotations },
      spec: { persistentVolumeReclaimPolicy: policy },
    };
    await this.#kube.apply(KINDS.PersistentVolume, object, { fieldManager: "sim-volumes" });
  }

  async #call(deed: () => void): Promise<void> {
    await sleep(this.#process, this.#dice.int(1, 30));
    if (this.#dice.chance(this.#network.loss)) throw new MemberError("connection reset");
    deed();
    await sleep(this.#process, this.#dice.int(1, 30));
    if (this.#dice.chance(this.#network.loss)) throw new MemberError("answer lost");
  }

  #look(address: string): MemberView {
    try {
      return { kind: "known", status: this.#fleet.status(address) };
    } catch (cause) {
      return { kind: "unreachable", message: errorMessage(cause) };
    }
  }

  #heard(address: string): void {
    if (this.#contacts.has(address)) {
      this.#lookAgain(address, this.#dice.int(0, STATUS_LAG_MS_MAX));
    }
  }

  #lookAgain(address: string, delayMs: number): void {
    this.#process.schedule(delayMs, () => {
      const contact = this.#contacts.get(address);
      if (contact === undefined) return;
      const before = contact.view;
      contact.view = this.#look(address);
      if (contact.view.kind === "unreachable" && before.kind === "unreachable") {
        this.#lookAgain(address, 2_000);
        return;
      }
      for (const wake of this.#wakes) wake(contact.key);
    });
  }
}
