// The gateway put together from its configuration. Everything that is started here can be ended
// again, so that tests run it in their own process.
import type { Logger } from "#api/base/index.ts";
import type { GatewayConfig } from "#api/workload/gateway.ts";
import { formatHostPort } from "#api/workload/gateway.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";
import { startHealthServer } from "#workloads/platform/http/index.ts";
import type { TlsFolder } from "#workloads/platform/tls/index.ts";
import { openTlsFolder } from "#workloads/platform/tls/index.ts";

import { Dispatcher } from "./calls/dispatcher.ts";
import { FunctionPool } from "./calls/function-pool.ts";
import type { LinkSecurity } from "./calls/member-pool.ts";
import { MemberPool } from "./calls/member-pool.ts";
import type { Targets } from "./calls/options.ts";
import { GatewayMetrics, MeteredCaller } from "./metrics.ts";
import { FileSource } from "./routing/file-source.ts";
import { identityFromFile, OperatorSource } from "./routing/operator-source.ts";
import { RouteTable } from "./routing/table.ts";
import { http1Exchange, http2Exchange } from "./serve/exchange.ts";
import type { FrontHandlers } from "./serve/front.ts";
import { startFront } from "./serve/front.ts";
import type { GrpcOptions } from "./serve/grpc.ts";
import { isGrpc, serveGrpc } from "./serve/grpc.ts";
import { grpcMethods } from "./serve/grpc-services.ts";
import { serveObjects } from "./serve/rest-objects.ts";
import type { RestOptions } from "./serve/rest.ts";
import { serveRest } from "./serve/rest.ts";

/** A gateway that serves. */
export interface Gateway {
  readonly port: number;
  /** undefined without a health server. */
  readonly healthPort: number | undefined;
  /** Not ready from now on; lets requests end for `graceMs`, then closes everything. */
  close(graceMs: number): Promise<void>;
}

function securityOf(config: GatewayConfig, folder: TlsFolder | undefined): LinkSecurity {
  if (config.targets.kind === "standalone") return { kind: "plaintext", service: "DataStream" };
  if (folder !== undefined) return { kind: "tls", folder };
  return { kind: "plaintext", service: "Link" };
}

interface Sources {
  readonly targets: Targets;
  readonly table: RouteTable | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
}

function openSources(
  config: GatewayConfig,
  folder: TlsFolder | undefined,
  about: { readonly metrics: GatewayMetrics; readonly log: Logger },
): Sources {
  const { targets } = config;
  const { log } = about;
  if (targets.kind === "standalone") {
    return {
      targets: { kind: "standalone", address: formatHostPort(targets.odgm) },
      table: undefined,
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    };
  }
  const table = new RouteTable(log);
  const file =
    targets.routesFile === undefined ? undefined : new FileSource(targets.routesFile, table, log);
  const { routing, routingIdentity, routingIdentityFile } = targets;
  const identity =
    routingIdentity === undefined
      ? identityFromFile(routingIdentityFile ?? "")
      : () => Promise.resolve(routingIdentity);
  const operator =
    routing === undefined
      ? undefined
      : new OperatorSource({
          address: formatHostPort(routing),
          tls: folder === undefined ? undefined : { folder, identity },
          table,
          log,
          onPresence: (present) => about.metrics.operatorPresent.set(present ? 1 : 0),
        });
  return {
    targets: { kind: "routed", routes: table },
    table,
    start: async () => {
      await file?.start();
      operator?.start();
    },
    stop: async () => {
      file?.stop();
      await operator?.stop();
    },
  };
}

/** What the port does with each kind of request. */
function edges(
  config: GatewayConfig,
  parts: {
    readonly dispatcher: Dispatcher;
    readonly metrics: GatewayMetrics;
    readonly ready: () => string | undefined;
    readonly ending: () => boolean;
  },
): FrontHandlers {
  const { dispatcher, metrics, ready } = parts;
  const { requestTimeoutMs, maxPayloadBytes } = config;
  const caller = new MeteredCaller(dispatcher, metrics);
  const rest: RestOptions = {
    caller,
    maxPayloadBytes,
    ready,
    onResponse: (seen) => metrics.rest(seen),
  };
  const grpc: GrpcOptions = {
    methods: grpcMethods({ caller, dispatcher, requestTimeoutMs, ready }),
    messageBytesMax: maxPayloadBytes,
    onEnd: (seen) => metrics.grpc(seen),
  };
  return {
    http1: (request, response) =>
      serveRest(http1Exchange(request, response, parts.ending), rest, serveObjects),
    http2: (stream, headers) => {
      if (isGrpc(headers)) serveGrpc(stream, headers, grpc);
      else serveRest(http2Exchange(stream, headers), rest, serveObjects);
    },
  };
}

/** Starts a gateway. Throws if an address cannot be bound or the certificates cannot be read. */
export async function startGateway(config: GatewayConfig, log: Logger): Promise<Gateway> {
  const metrics = new GatewayMetrics();
  const routed = config.targets.kind === "routed";
  const folder =
    routed && !config.insecure && config.tlsDir !== undefined
      ? await openTlsFolder(config.tlsDir, { log })
      : undefined;
  const sources = openSources(config, folder, { metrics, log });
  const members = new MemberPool(securityOf(config, folder), log);
  const functions = new FunctionPool();
  const dispatcher = new Dispatcher({
    targets: sources.targets,
    members,
    functions,
    hash: xxh3,
    requestTimeoutMs: config.requestTimeoutMs,
    retryAttempts: config.retryAttempts,
    retryBackoffMs: config.retryBackoffMs,
    onRetry: () => metrics.retries.inc(),
  });
  let ending = false;
  const ready = (): string | undefined => {
    if (ending) return "the gateway is shutting down";
    if (sources.table?.loaded === false) return "no routing table was loaded yet";
    return undefined;
  };
  await sources.start();
  const front = await startFront(
    config.listen,
    edges(config, { dispatcher, metrics, ready, ending: () => ending }),
    log,
  );
  metrics.watch({
    connections: () => front.connectionCount,
    classes: () => sources.table?.size ?? 0,
    links: () => members.size,
  });
  const health =
    config.healthListen === undefined
      ? undefined
      : await startHealthServer({
          listen: config.healthListen,
          registry: metrics.registry,
          log,
          ready,
        });
  return {
    port: front.port,
    healthPort: health?.port,
    close: async (graceMs) => {
      ending = true;
      await front.close(graceMs);
      await sources.stop();
      members.close();
      functions.close();
      folder?.close();
      await health?.close();
    },
  };
}
