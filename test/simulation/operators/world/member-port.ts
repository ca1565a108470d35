// The collection port of one operator process: the real one of operators/oaas, over members behind a
// network that is late and sometimes cut, and certificates that are signed by nobody.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";

import { errorMessage } from "#api/base/index.ts";
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import {
  AdoptRequestSchema,
  ApplyRequestSchema,
  FormatRequestSchema,
  ProposeRequestSchema,
  ResignRequestSchema,
} from "#api/gen/oaas-admin_pb.ts";
import { ANNOTATIONS } from "#api/meta/index.ts";
import type {
  CertificateRequest,
  MemberTarget,
  MemberView,
  Trust,
} from "#controllers/odgm-collection/port.ts";
import { CERTIFICATE_ANNOTATIONS } from "#controllers/odgm-collection/port.ts";
import type { CancelTimer, Client } from "#controllers/runtime/index.ts";
import { KINDS, sleep } from "#controllers/runtime/index.ts";
import type { Dice, Host, SimProcess } from "#controllers/runtime/testing/index.ts";
import type { PortKeeper, PortMember } from "#operators/oaas/collection-port.ts";
import { OperatorCollectionPort } from "#operators/oaas/collection-port.ts";
import { MemberPool } from "#operators/oaas/grpc/member-pool.ts";

import type { Fleet } from "./fleet.ts";
import { MemberError } from "./stores.ts";

const TRUST: Trust = { clusterUid: "sim-cluster", bundle: "bundle-1", issuer: "issuer-1" };
const RENEW_AT = "2031-01-01T00:00:00Z";
const FIRST_WORD_MS_MAX = 100;
const STATUS_LAG_MS_MAX = 1_000;
const RECONNECT_MS = 2_000;

/** Faults of the network between operator and members; zero when all is well. */
export interface MemberNetwork {
  /** Probability that a call is lost, and as often that its answer is. */
  loss: number;
}

/** The operator's own port, as one simulated process has it. */
export function simCollectionPort(
  host: Host<unknown>,
  fleet: Fleet,
  network: MemberNetwork,
): OperatorCollectionPort {
  const pool = new MemberPool<PortMember>(
    (target, onChange) => new SimMember(target, onChange, { host, fleet, network }),
    host.process,
  );
  return new OperatorCollectionPort(pool, simKeeper(host.client), host.client);
}

/** Issues certificates of which only the annotations matter. */
function simKeeper(kube: Client): PortKeeper {
  return {
    trust: TRUST,
    lead: () => () => undefined,
    async issue({ namespace, secretName: name, labels, owner }: CertificateRequest) {
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
      await kube.apply(KINDS.Secret, secret, { fieldManager: "sim-certificates" });
    },
  };
}

interface Surroundings {
  readonly host: Host<unknown>;
  readonly fleet: Fleet;
  readonly network: MemberNetwork;
}

/** A connection to one member: hears of its changes a moment late, and finds it again. */
class SimMember implements PortMember {
  view: MemberView = { kind: "connecting" };
  readonly heard: Promise<void>;
  readonly #target: MemberTarget;
  readonly #onChange: () => void;
  readonly #fleet: Fleet;
  readonly #process: SimProcess;
  readonly #dice: Dice;
  readonly #network: MemberNetwork;
  readonly #timers = new Set<CancelTimer>();
  readonly #unsubscribe: () => void;

  constructor(target: MemberTarget, onChange: () => void, surroundings: Surroundings) {
    const { host, fleet, network } = surroundings;
    this.#target = target;
    this.#onChange = onChange;
    this.#fleet = fleet;
    this.#process = host.process;
    this.#dice = host.dice;
    this.#network = network;
    this.heard = new Promise((resolve) => {
      this.#later(this.#dice.int(1, FIRST_WORD_MS_MAX), () => {
        this.#look();
        resolve();
      });
    });
    this.#unsubscribe = fleet.subscribe((address) => {
      if (address !== target.address) return;
      this.#later(this.#dice.int(0, STATUS_LAG_MS_MAX), () => this.#look());
    });
  }

  async format(request: MessageInitShape<typeof FormatRequestSchema>): Promise<string> {
    const { collection, identity, ordinal } = create(FormatRequestSchema, request);
    return await this.#call((address) =>
      this.#fleet.format(address, collection, identity, ordinal),
    );
  }

  async propose(request: MessageInitShape<typeof ProposeRequestSchema>): Promise<bigint> {
    const { expectedGeneration, wanted } = create(ProposeRequestSchema, request);
    return await this.#call((address) =>
      this.#fleet.propose(address, expectedGeneration, given(wanted)),
    );
  }

  async apply(request: MessageInitShape<typeof ApplyRequestSchema>): Promise<bigint> {
    const spec = given(create(ApplyRequestSchema, request).spec);
    return await this.#call((address) => this.#fleet.apply(address, spec));
  }

  async adopt(request: MessageInitShape<typeof AdoptRequestSchema>): Promise<bigint> {
    const spec = given(create(AdoptRequestSchema, request).spec);
    return await this.#call((address) => this.#fleet.adopt(address, spec));
  }

  async served(): Promise<CollectionSpec | undefined> {
    return await this.#call((address) => this.#fleet.served(address));
  }

  async resign(request: MessageInitShape<typeof ResignRequestSchema>): Promise<void> {
    const { seconds } = create(ResignRequestSchema, request);
    await this.#call((address) => this.#fleet.resign(address, seconds));
  }

  close(): void {
    this.#unsubscribe();
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  async #call<T>(deed: (address: string) => T): Promise<T> {
    await sleep(this.#process, this.#dice.int(1, 30));
    if (this.#dice.chance(this.#network.loss)) throw new MemberError("connection reset");
    const answer = deed(this.#target.address);
    await sleep(this.#process, this.#dice.int(1, 30));
    if (this.#dice.chance(this.#network.loss)) throw new MemberError("answer lost");
    return answer;
  }

  #look(): void {
    const before = this.view;
    try {
      this.view = { kind: "known", status: this.#fleet.status(this.#target.address) };
    } catch (cause) {
      this.view = { kind: "unreachable", message: errorMessage(cause) };
      this.#later(RECONNECT_MS, () => this.#look());
      if (before.kind === "unreachable") return;
    }
    this.#onChange();
  }

  #later(delayMs: number, run: () => void): void {
    const cancel = this.#process.schedule(delayMs, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }
}

function given(spec: CollectionSpec | undefined): CollectionSpec {
  if (spec === undefined) throw new MemberError("no generation is given");
  return spec;
}
