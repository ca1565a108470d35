// Members of one collection as real processes with mutual TLS, and the operator's side of them.
import { join } from "node:path";

import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { CollectionSpecSchema, OdgmAdmin } from "#api/gen/oaas-admin_pb.ts";
import { evenSlots } from "#workloads/core/slots/index.ts";
import type { GrpcClient, TlsFolder } from "#workloads/platform/index.ts";
import { createGrpcClient, openTlsFolder, silentLogger } from "#workloads/platform/index.ts";

import type { Authority } from "./certificates.ts";
import { makeAuthority, writeLeaf } from "./certificates.ts";
import type { OdgmProcess } from "./odgm-process.ts";
import { ODGM_MAIN, scratch, startOdgm } from "./odgm-process.ts";

/** URI SAN of the operator. */
export const OPERATOR = "spiffe://c/ns/oaas-system/operator";
/** URI SAN of a gateway. */
export const GATEWAY = "spiffe://c/ns/oaas-system/gateway";
/** The collection that all members serve. */
export const COLLECTION = "shop.Cart";
/** URI SAN of every member. */
export const MEMBER = "spiffe://c/ns/shop/odgm/cart";

/** One member: its folders stay over restarts of its process. */
export interface MemberPod {
  readonly ordinal: number;
  readonly dataDir: string;
  odgm: OdgmProcess;
  admin: GrpcClient<typeof OdgmAdmin>;
}

/** Call options of the operator. */
export const options = { timeoutMs: 10_000 };

/** An authority, certificates of everybody, and members that are started. */
export class Grid {
  readonly #authority: Authority;
  readonly #home: string;
  readonly #folders: TlsFolder[] = [];
  readonly #clients: GrpcClient<typeof OdgmAdmin>[] = [];
  readonly #main: string;
  readonly pods: MemberPod[] = [];

  private constructor(authority: Authority, home: string, main: string) {
    this.#authority = authority;
    this.#home = home;
    this.#main = main;
  }

  /** `main`: another build of the program than its sources. */
  static async make(main: string = ODGM_MAIN): Promise<Grid> {
    const grid = new Grid(await makeAuthority("test"), scratch(), main);
    for (const uri of [OPERATOR, GATEWAY, MEMBER]) {
      await writeLeaf(grid.tlsDir(uri), { uri, by: grid.#authority });
    }
    return grid;
  }

  /** The folder with the certificate of this identity. */
  tlsDir(uri: string): string {
    return join(this.#home, encodeURIComponent(uri));
  }

  /** The certificates of an identity, for a client. */
  async tls(uri: string): Promise<TlsFolder> {
    const folder = await openTlsFolder(this.tlsDir(uri), { log: silentLogger });
    this.#folders.push(folder);
    return folder;
  }

  /** An identity that is not among the usual ones, or one of another authority. */
  async stranger(uri: string, authority?: Authority): Promise<TlsFolder> {
    const folder = join(scratch(), "tls");
    await writeLeaf(folder, {
      uri,
      by: authority ?? this.#authority,
      trusted: [this.#authority],
    });
    const opened = await openTlsFolder(folder, { log: silentLogger });
    this.#folders.push(opened);
    return opened;
  }

  /** The member with this ordinal. Throws if it was never started. */
  pod(ordinal: number): MemberPod {
    const found = this.pods.find((pod) => pod.ordinal === ordinal);
    if (found === undefined) throw new Error(`no member ${ordinal}`);
    return found;
  }

  /** Ends its process as a power cut does, and waits until it is gone. */
  async kill(ordinal: number): Promise<void> {
    const { odgm } = this.pod(ordinal);
    odgm.kill("SIGKILL");
    await odgm.ended;
  }

  /** Starts a process for this ordinal; its store is kept if it had one. */
  async start(ordinal: number, args: readonly string[] = []): Promise<MemberPod> {
    const known = this.pods.find((pod) => pod.ordinal === ordinal);
    const dataDir = known?.dataDir ?? scratch();
    const odgm = await startOdgm({
      args: [...this.args(ordinal, dataDir), ...args],
      main: this.#main,
    });
    const admin = await this.adminAt(odgm.at("admin"));
    if (known !== undefined) return Object.assign(known, { odgm, admin });
    const pod = { ordinal, dataDir, odgm, admin };
    this.pods.push(pod);
    return pod;
  }

  /** Command line of a member on free ports. */
  args(ordinal: number, dataDir: string): readonly string[] {
    return [
      ...["--member", COLLECTION, "--ordinal", String(ordinal), "--data", dataDir],
      ...["--listen", "127.0.0.1:0", "--link-listen", "127.0.0.1:0"],
      ...["--admin-listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"],
      ...["--tls-dir", this.tlsDir(MEMBER), "--admin-identity", OPERATOR],
      ...["--link-identities", `${MEMBER},${GATEWAY}`],
    ];
  }

  /** The operator's client of an admin port; another certificate if one is given. */
  async adminAt(address: string, as?: TlsFolder): Promise<GrpcClient<typeof OdgmAdmin>> {
    const folder = as ?? (await this.tls(OPERATOR));
    const target = { address, tls: { folder, serverIdentity: MEMBER } };
    const client = createGrpcClient(OdgmAdmin, target);
    this.#clients.push(client);
    return client;
  }

  /** Formats every member that is empty; answers incarnations by ordinal. */
  async format(): Promise<readonly string[]> {
    const incarnations: string[] = [];
    for (const { admin, ordinal } of this.pods) {
      const request = { collection: COLLECTION, ordinal, identity: "identity-1" };
      incarnations[ordinal] = (await admin.format(request, options)).incarnation;
    }
    return incarnations;
  }

  /** Content for these members as they are: `partitions` shared out over them in turn. */
  spec(
    partitions: number,
    more: MessageInitShape<typeof CollectionSpecSchema> = {},
  ): CollectionSpec {
    const ids = this.pods.map((pod) => BigInt(pod.ordinal + 1));
    return create(CollectionSpecSchema, {
      collection: COLLECTION,
      package: "shop",
      partitioning: "Hashed",
      hashVersion: 1,
      shardType: "Basic",
      persistent: true,
      members: this.pods.map(({ ordinal, odgm }) => ({
        id: BigInt(ordinal + 1),
        environment: "default",
        ordinal,
        linkAddress: odgm.at("link"),
        dataUrl: `http://${odgm.at("grpc")}`,
      })),
      partitions: Array.from({ length: partitions }, (_, partition) => ({
        partition,
        members: [ids[partition % ids.length] ?? 1n],
      })),
      slots: [...evenSlots(partitions)],
      ...more,
    });
  }

  /** Proposes at ordinal 0 and applies everywhere; answers the generation. */
  async rollOut(expectedGeneration: bigint, wanted: CollectionSpec): Promise<bigint> {
    const voter = this.pods.find((pod) => pod.ordinal === 0);
    if (voter === undefined) throw new Error("no ordinal 0");
    const { generation } = await voter.admin.propose({ expectedGeneration, wanted }, options);
    const spec = create(CollectionSpecSchema, { ...wanted, generation });
    for (const { admin } of this.pods) await admin.apply({ spec }, options);
    return generation;
  }

  close(): void {
    for (const client of this.#clients) client.close();
    for (const folder of this.#folders) folder.close();
  }
}
