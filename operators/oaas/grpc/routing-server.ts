// oprc.RoutingService for the gateways: every replica of the operator serves it, leader or not, so
// that a gateway which starts while there is no leader still learns where everything is.
import { create } from "@bufbuild/protobuf";
import type {
  handleServerStreamingCall,
  handleUnaryCall,
  ServerWritableStream,
} from "@grpc/grpc-js";
import { Server, status as grpcStatus } from "@grpc/grpc-js";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { ClsRouting, ClsRoutingRequest, ClsRoutingTable } from "#api/gen/oprc-route_pb.ts";
import { ClsRoutingSchema, RoutingService } from "#api/gen/oprc-route_pb.ts";

import { serviceDefinition } from "./definition.ts";
import type { OwnCertificate } from "./identity.ts";
import { peerIdentity, serverCredentials } from "./identity.ts";

/** The newest routing table and news of it. */
export interface RouteSource {
  /** The table as of now; the same object until it changes. Undefined before caches synced. */
  current(): ClsRoutingTable | undefined;
  /** Calls back after every change; answers how to stop that. */
  subscribe(listener: () => void): () => void;
}

type WatchCall = ServerWritableStream<ClsRoutingRequest, ClsRouting>;

/** What `after` says that `before` did not: changed and new classes, then those that went away. */
export function routingChanges(
  before: ReadonlyMap<string, ClsRouting>,
  after: ReadonlyMap<string, ClsRouting>,
): readonly ClsRouting[] {
  const changes: ClsRouting[] = [];
  for (const [name, route] of after) if (before.get(name) !== route) changes.push(route);
  for (const [name, route] of before) {
    if (after.has(name)) continue;
    changes.push(create(ClsRoutingSchema, { name, generation: route.generation, removed: true }));
  }
  return changes;
}

function byName(table: ClsRoutingTable): ReadonlyMap<string, ClsRouting> {
  return new Map(table.clss.map((route) => [route.name, route]));
}

/** Serves routes on 8083. Only peers whose URI SAN is in `admitted` may call. */
export class RoutingServer {
  readonly #server: Server;
  readonly #source: RouteSource;
  readonly #admitted: () => ReadonlySet<string>;
  readonly #log: Logger;

  constructor(source: RouteSource, admitted: () => ReadonlySet<string>, log: Logger) {
    this.#source = source;
    this.#admitted = admitted;
    this.#log = log;
    this.#server = new Server({ "grpc.keepalive_time_ms": 20_000 });
    const get: handleUnaryCall<ClsRoutingRequest, ClsRoutingTable> = (call, reply) => {
      const refusal = this.#refusal(call.getAuthContext());
      const table = this.#source.current();
      if (refusal !== undefined) reply({ code: grpcStatus.PERMISSION_DENIED, details: refusal });
      else if (table === undefined) reply({ code: grpcStatus.UNAVAILABLE, details: NOT_SYNCED });
      else reply(null, table);
    };
    const watch: handleServerStreamingCall<ClsRoutingRequest, ClsRouting> = (call) =>
      this.#watch(call);
    this.#server.addService(serviceDefinition(RoutingService), {
      getClsRouting: get,
      watchClsRouting: watch,
    });
  }

  /** Listens; answers the bound port. */
  listen(address: string, own: OwnCertificate): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, serverCredentials(own), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }

  /** Ends all streams; gateways keep what they have and connect to another replica. */
  close(): void {
    this.#server.forceShutdown();
  }

  #refusal(context: ReturnType<WatchCall["getAuthContext"]>): string | undefined {
    const name = peerIdentity(context?.sslPeerCertificate);
    if (name !== undefined && this.#admitted().has(name)) return undefined;
    this.#log.warn("routing call refused", { peer: name ?? "" });
    return `${name ?? "a peer without identity"} is not admitted to routes`;
  }

  #watch(call: WatchCall): void {
    const refusal = this.#refusal(call.getAuthContext());
    if (refusal !== undefined) {
      call.emit("error", { code: grpcStatus.PERMISSION_DENIED, details: refusal });
      return;
    }
    let known: ReadonlyMap<string, ClsRouting> = new Map();
    let first = true;
    const push = (): void => {
      const table = this.#source.current();
      if (table === undefined) return;
      const now = byName(table);
      for (const change of routingChanges(known, now)) call.write(change);
      if (first) call.write(create(ClsRoutingSchema, { snapshotEnd: true }));
      known = now;
      first = false;
    };
    const stop = this.#source.subscribe(push);
    call.on("cancelled", stop);
    call.on("close", stop);
    call.on("error", (error) => {
      stop();
      this.#log.debug("routing watch ended", { error: errorMessage(error) });
    });
    push();
  }
}

const NOT_SYNCED = "the operator has not read the cluster yet";
