// The program without its command line: what listens where, in which order things start and end.
import { randomUUID } from "node:crypto";

import type { Logger } from "#api/base/index.ts";
import { file_grpc_health } from "#api/gen/grpc-health_pb.ts";
import { DataStream, file_oaas_stream } from "#api/gen/oaas-stream_pb.ts";
import { DataService, file_oprc_data } from "#api/gen/oprc-data_pb.ts";
import { file_oprc_invoke, OprcFunction } from "#api/gen/oprc-invoke_pb.ts";
import type { OdgmConfig, OdgmRole } from "#api/workload/odgm.ts";
import type { GrpcServer, ShutdownStep, TlsFolder } from "#workloads/platform/index.ts";
import {
  addHealthService,
  addReflection,
  openTlsFolder,
  startGrpcServer,
  startHealthServer,
} from "#workloads/platform/index.ts";

import { addAdmin } from "./admin.ts";
import { Calls } from "./calls.ts";
import { DataDir } from "./data-dir.ts";
import { FunctionPool } from "./functions.ts";
import { Member, STANDALONE_OWNER } from "./member.ts";
import { OdgmMetrics } from "./metrics.ts";
import { Peers } from "./peers.ts";
import type { ServiceContext } from "./services.ts";
import { addDataServices, addLink } from "./services.ts";
import { SlotMover } from "./slot-mover.ts";
import { contentDigest } from "./spec.ts";
import { parseCollections } from "./standalone.ts";
import { nodeTimers } from "./timers.ts";

/** What the program needs from the process it runs in. */
export interface OdgmOptions {
  readonly config: OdgmConfig;
  readonly log: Logger;
  readonly version: string;
  /** A commit or sync failed: end the process at once, nothing more may be answered. */
  readonly onStoreFailure: (cause: unknown) => void;
}

/** A program that serves. */
export interface RunningOdgm {
  /** Ports that it listens on; 0 in the configuration picks free ones. */
  readonly ports: {
    readonly grpc: number;
    readonly link: number | undefined;
    readonly admin: number | undefined;
    readonly health: number | undefined;
  };
  /** To be run in this order. */
  readonly shutdown: readonly ShutdownStep[];
}

/** Time that calls get to end once no new ones are taken. */
const DRAIN_MS = 5000;

/** Starts everything or throws; then nothing is left running but what the process' end clears. */
export async function startOdgm(options: OdgmOptions): Promise<RunningOdgm> {
  const { config, log } = options;
  for (const name of config.notServed) log.warn("setting without effect", { name });
  const tls = await openTls(config.role, log);
  const dataDir = DataDir.lock(config.dataDir, log);
  const metrics = new OdgmMetrics();
  const member = await Member.start({
    dataDir,
    owner: ownerOf(config.role),
    peers: new Peers({ tls: tls?.peers, log }),
    metrics,
    log,
    storageLimit: config.storageLimit,
    storageCapacityBytes: config.storageCapacityBytes,
    onStoreFailure: (cause) => {
      dataDir.markSuspect(String(cause));
      options.onStoreFailure(cause);
    },
  });
  if (config.role.kind === "standalone") await prepareStandalone(member, config.role, log);
  observeMember(metrics, member);
  const mover = new SlotMover(member, log, nodeTimers);
  const functions = new FunctionPool();
  const context = { calls: new Calls(member, config, functions), metrics };
  const servers = await startServers(options, { member, context, tls });
  const health = await startHealth(options, metrics);
  const ports = {
    grpc: servers.grpc.port,
    link: servers.link?.port,
    admin: servers.admin?.port,
    health: health?.port,
  };
  log.info("serving", { role: config.role.kind, ...ports });
  return {
    ports,
    shutdown: [
      { name: "moves", run: () => mover.close() },
      { name: "leadership", run: () => member.handOver() },
      { name: "listeners", run: () => closeServers(servers) },
      { name: "functions", run: () => functions.close() },
      { name: "peers", run: () => member.peers.close() },
      { name: "store", run: () => member.close() },
      { name: "health", run: () => health?.close() },
      { name: "certificates", run: () => tls?.folder.close() },
    ],
  };
}

interface MemberTls {
  readonly folder: TlsFolder;
  readonly adminIdentity: string;
  readonly linkIdentities: readonly string[];
  readonly peers: { readonly folder: TlsFolder; readonly identity: string };
}

interface Servers {
  readonly grpc: GrpcServer;
  readonly link: GrpcServer | undefined;
  readonly admin: GrpcServer | undefined;
}

async function openTls(role: OdgmRole, log: Logger): Promise<MemberTls | undefined> {
  if (role.kind !== "member" || role.tls === undefined) return undefined;
  const folder = await openTlsFolder(role.tls.folder, { log });
  // The first identity is the collection's own: that of every member.
  const identity = role.tls.linkIdentities[0] ?? "";
  return { ...role.tls, folder, peers: { folder, identity } };
}

function ownerOf(role: OdgmRole) {
  return role.kind === "standalone"
    ? STANDALONE_OWNER
    : { collection: role.collection, ordinal: role.ordinal };
}

async function prepareStandalone(
  member: Member,
  role: Extract<OdgmRole, { kind: "standalone" }>,
  log: Logger,
): Promise<void> {
  const wanted = role.collections === undefined ? undefined : parseCollections(role.collections);
  if (member.storeView.kind === "empty") {
    if (wanted === undefined && !role.format) {
      log.warn("the folder is empty: give --collections or --format");
      return;
    }
    await member.format(STANDALONE_OWNER, randomUUID());
  }
  if (member.storeView.kind !== "ready" || wanted === undefined) return;
  if (member.collections.length === 0) {
    await member.adopt(wanted);
    return;
  }
  const kept = member.collections.map(({ digest }) => digest).join();
  if (kept !== wanted.map(contentDigest).join()) {
    log.warn("the store keeps other collections than those given; the store's count", {
      collections: member.collections.map(({ name }) => name),
    });
  }
}

function observeMember(metrics: OdgmMetrics, member: Member): void {
  metrics.observe(() => ({
    shards: member.collections.flatMap((collection) =>
      collection.ownShards.map(({ partition, objects }) => {
        return { collection: collection.name, partition, objects };
      }),
    ),
    storage: member.storageLevel,
    generation: member.collections[0]?.spec.generation ?? 0n,
    full: member.storeView.kind === "ready" && !member.mayGrow,
    groups: member.groupStats,
  }));
}

async function startServers(
  options: OdgmOptions,
  parts: { member: Member; context: ServiceContext; tls: MemberTls | undefined },
): Promise<Servers> {
  const { config, version } = options;
  const { member, context, tls } = parts;
  const { role } = config;
  const admit = (identities: readonly string[]) =>
    tls === undefined ? {} : { tls: { folder: tls.folder, admit: identities } };
  const admin =
    role.kind === "member"
      ? await startGrpcServer(
          { listen: role.adminListen, ...admit([tls?.adminIdentity ?? ""]) },
          (server) => addAdmin(server, member, version),
        )
      : undefined;
  const link =
    role.kind === "member"
      ? await startGrpcServer(
          { listen: role.linkListen, ...admit(tls?.linkIdentities ?? []) },
          (server) => addLink(server, context),
        )
      : undefined;
  const grpc = await startGrpcServer({ listen: config.listen }, (server) => {
    addDataServices(server, context);
    addHealthService(server, {
      services: [DataService, OprcFunction, DataStream].map((service) => service.typeName),
      isServing: () => member.collections.length > 0,
    });
    if (!config.reflection) return;
    addReflection(server, [file_oprc_data, file_oprc_invoke, file_oaas_stream, file_grpc_health]);
  });
  return { grpc, link, admin };
}

function startHealth(options: OdgmOptions, metrics: OdgmMetrics) {
  const { healthListen } = options.config;
  if (healthListen === undefined) return undefined;
  return startHealthServer({
    listen: healthListen,
    registry: metrics.registry,
    log: options.log,
  });
}

async function closeServers({ grpc, link, admin }: Servers): Promise<void> {
  const closings = [grpc, link, admin].flatMap((server) => (server === undefined ? [] : [server]));
  await Promise.all(closings.map((server) => server.close(DRAIN_MS)));
}
