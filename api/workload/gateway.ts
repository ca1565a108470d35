// What the gateway image is promised by whoever starts it: ports, mounted paths, environment names
// and their schema. One side renders, the other parses. Command line flags are turned into the same
// names (flags win), so that there is one schema. Upstream's five names are honoured with and
// without their prefix; our own only with it.

/** Ports of the gateway container. */
export const GATEWAY_PORTS = { api: 8080, health: 9090 } as const;

/** Paths inside the gateway container that `config/gateway` mounts. */
export const GATEWAY_PATHS = {
  /** Secret `gateway-tls`: ca.crt, tls.crt, tls.key and `routing-identity`. */
  tls: "/tls",
  /** ConfigMap `oaas-routes`. */
  routes: "/routes/routes.json",
  /** Expected URI SAN of the operator's RoutingService, written beside the certificates. */
  routingIdentity: "/tls/routing-identity",
} as const;

/** Probe paths on the health port; the API port answers them too, as upstream does. */
export const GATEWAY_PROBES = { live: "/healthz", ready: "/readyz", metrics: "/metrics" } as const;

/** Names without the prefix `OPRC_GW_`. */
export const GATEWAY_ENV = {
  httpPort: "HTTP_PORT",
  requestTimeoutMs: "REQUEST_TIMEOUT_MS",
  maxPayloadBytes: "MAX_PAYLOAD_BYTES",
  retryAttempts: "RETRY_ATTEMPTS",
  retryBackoffMs: "RETRY_BACKOFF_MS",
  metricsPort: "METRICS_PORT",
  listen: "LISTEN",
  healthListen: "HEALTH_LISTEN",
  routing: "ROUTING",
  routingIdentity: "ROUTING_IDENTITY",
  routingIdentityFile: "ROUTING_IDENTITY_FILE",
  tlsDir: "TLS_DIR",
  routesFile: "ROUTES",
  odgm: "ODGM",
  insecure: "INSECURE",
  logLevel: "LOG_LEVEL",
  logFormat: "LOG_FORMAT",
} as const;

/** Upstream's name of the log filter, honoured without a prefix when LOG_LEVEL is not set. */
export const RUST_LOG_ENV = "RUST_LOG";

/** Prefix of every name in {@link GATEWAY_ENV}. */
export const GATEWAY_ENV_PREFIX = "OPRC_GW_";

/** Names that are also honoured without the prefix (the prefixed one wins). */
const PLAIN_NAMES: ReadonlySet<string> = new Set([
  GATEWAY_ENV.httpPort,
  GATEWAY_ENV.requestTimeoutMs,
  GATEWAY_ENV.maxPayloadBytes,
  GATEWAY_ENV.retryAttempts,
  GATEWAY_ENV.retryBackoffMs,
  GATEWAY_ENV.logFormat,
]);

/** `host:port`, split. IPv6 hosts are written in brackets and kept without them here. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** How the gateway finds out where classes are served. Exactly one of the two forms. */
export type GatewayTargets =
  | {
      readonly kind: "routed";
      /** The operator's RoutingService (mTLS); absent = file only. */
      readonly routing?: HostPort;
      /** Expected URI SAN of that server, or the file that holds it. */
      readonly routingIdentity?: string;
      readonly routingIdentityFile?: string;
      /** routes.json: table at start, read again whenever it changes. */
      readonly routesFile?: string;
    }
  | { readonly kind: "standalone"; readonly odgm: HostPort };

/** Everything that the gateway program needs to start. */
export interface GatewayConfig {
  readonly listen: HostPort;
  /** undefined = no health server (standalone without an address for it). */
  readonly healthListen: HostPort | undefined;
  readonly targets: GatewayTargets;
  /** Folder with ca.crt, tls.crt, tls.key for links and routing; absent only if `insecure`. */
  readonly tlsDir?: string;
  /** Plaintext links; refused unless every listener is on loopback. */
  readonly insecure: boolean;
  /** Time that a call may take if the caller says nothing. Upstream's default, 30000. */
  readonly requestTimeoutMs: number;
  /** Largest request body and largest gRPC message. Upstream's default, 4 MiB. */
  readonly maxPayloadBytes: number;
  /**
   * Further attempts of a call that is idempotent or was surely not sent. Upstream's name; its
   * default is 0 and its retries never ran, ours is 2.
   */
  readonly retryAttempts: number;
  /** Pause before the first further attempt; doubles. */
  readonly retryBackoffMs: number;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly logFormat: "json" | "plain";
}

/** Result of {@link parseGatewayEnv}; every problem is reported at once. */
export type GatewayEnvResult =
  | { readonly kind: "ok"; readonly config: GatewayConfig }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

type Env = Readonly<Record<string, string | undefined>>;

/** True for 127.0.0.0/8, ::1 and localhost. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** `host:port`, `:port` (all addresses) or `[v6]:port`; undefined if it is none of them. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port > 65535) return undefined;
  const host = match[1] ?? match[2] ?? "";
  return { host: host === "" ? "0.0.0.0" : host, port };
}

/** The inverse of {@link parseHostPort}. */
export function formatHostPort(at: HostPort): string {
  return at.host.includes(":") ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`;
}

class Reader {
  readonly problems: string[] = [];
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  text(name: string): string | undefined {
    const prefixed = this.#env[GATEWAY_ENV_PREFIX + name];
    const value = prefixed ?? (PLAIN_NAMES.has(name) ? this.#env[name] : undefined);
    return value === undefined || value === "" ? undefined : value;
  }

  integer(name: string, bounds: { min: number; max: number; otherwise: number }): number {
    const text = this.text(name);
    if (text === undefined) return bounds.otherwise;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= bounds.min && value <= bounds.max) return value;
    const range = `an integer from ${bounds.min} to ${bounds.max}`;
    this.problems.push(`${GATEWAY_ENV_PREFIX}${name}: "${text}" is not ${range}`);
    return bounds.otherwise;
  }

  address(name: string): HostPort | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const parsed = parseHostPort(text);
    if (parsed === undefined) {
      this.problems.push(`${GATEWAY_ENV_PREFIX}${name}: "${text}" is not HOST:PORT`);
    }
    return parsed;
  }

  flag(name: string): boolean {
    const text = this.text(name);
    if (text === undefined || text === "false" || text === "0") return false;
    if (text === "true" || text === "1") return true;
    this.problems.push(`${GATEWAY_ENV_PREFIX}${name}: "${text}" is not true or false`);
    return false;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const found = allowed.find((value) => value === text);
    if (found === undefined) {
      this.problems.push(
        `${GATEWAY_ENV_PREFIX}${name}: "${text}" is not one of ${allowed.join(", ")}`,
      );
    }
    return found ?? otherwise;
  }
}

function readTargets(read: Reader): GatewayTargets {
  const odgm = read.address(GATEWAY_ENV.odgm);
  const routing = read.address(GATEWAY_ENV.routing);
  const routesFile = read.text(GATEWAY_ENV.routesFile);
  const routingIdentity = read.text(GATEWAY_ENV.routingIdentity);
  const routingIdentityFile = read.text(GATEWAY_ENV.routingIdentityFile);
  if (odgm !== undefined) {
    if (routing !== undefined || routesFile !== undefined) {
      read.problems.push("odgm cannot be given together with routing or routes");
    }
    if (!isLoopbackHost(odgm.host)) {
      read.problems.push(
        `odgm: ${odgm.host} is not a loopback address; plaintext streams stay on this machine`,
      );
    }
    return { kind: "standalone", odgm };
  }
  if (routing === undefined && routesFile === undefined) {
    read.problems.push("one of routing, routes or odgm must be given");
  }
  return {
    kind: "routed",
    ...(routing === undefined ? {} : { routing }),
    ...(routingIdentity === undefined ? {} : { routingIdentity }),
    ...(routingIdentityFile === undefined ? {} : { routingIdentityFile }),
    ...(routesFile === undefined ? {} : { routesFile }),
  };
}

function readHealthListen(
  read: Reader,
  listen: HostPort,
  targets: GatewayTargets,
): HostPort | undefined {
  const given = read.address(GATEWAY_ENV.healthListen);
  if (given !== undefined) return given;
  const named = read.text(GATEWAY_ENV.metricsPort) !== undefined;
  if (targets.kind === "standalone" && !named) return undefined;
  const otherwise = GATEWAY_PORTS.health;
  const port = read.integer(GATEWAY_ENV.metricsPort, { min: 0, max: 65535, otherwise });
  return { host: isLoopbackHost(listen.host) ? listen.host : "0.0.0.0", port };
}

function checkSecurity(read: Reader, config: GatewayConfig): void {
  if (config.insecure) {
    for (const at of [config.listen, config.healthListen]) {
      if (at !== undefined && !isLoopbackHost(at.host)) {
        read.problems.push(`insecure is allowed only on loopback, not on ${formatHostPort(at)}`);
      }
    }
    return;
  }
  if (config.targets.kind !== "routed") return;
  if (config.tlsDir === undefined) {
    read.problems.push(
      "tls-dir is missing: links to members are mTLS (or say insecure on loopback)",
    );
  }
  const { routing, routingIdentity, routingIdentityFile } = config.targets;
  if (routing !== undefined && routingIdentity === undefined && routingIdentityFile === undefined) {
    read.problems.push("routing-identity or routing-identity-file must be given with routing");
  }
}

/** Level of the directive of a RUST_LOG filter that has no target or names the gateway. */
function levelOfFilter(filter: string | undefined): GatewayConfig["logLevel"] {
  for (const directive of (filter ?? "").split(",")) {
    const match = /^(?:oprc_gateway=)?(trace|debug|info|warn|error)$/.exec(directive.trim());
    if (match === null) continue;
    const level = match[1];
    if (level === "trace" || level === "debug") return "debug";
    if (level === "warn" || level === "error") return level;
    return "info";
  }
  return "info";
}

/** Reads the whole configuration; defaults as documented on {@link GatewayConfig}. Pure. */
export function parseGatewayEnv(env: Env): GatewayEnvResult {
  const read = new Reader(env);
  const port = read.integer(GATEWAY_ENV.httpPort, {
    min: 0,
    max: 65535,
    otherwise: GATEWAY_PORTS.api,
  });
  const listen = read.address(GATEWAY_ENV.listen) ?? { host: "0.0.0.0", port };
  const targets = readTargets(read);
  const tlsDir = read.text(GATEWAY_ENV.tlsDir);
  const config: GatewayConfig = {
    listen,
    healthListen: readHealthListen(read, listen, targets),
    targets,
    ...(tlsDir === undefined ? {} : { tlsDir }),
    insecure: read.flag(GATEWAY_ENV.insecure),
    requestTimeoutMs: read.integer(GATEWAY_ENV.requestTimeoutMs, {
      min: 1,
      max: 3_600_000,
      otherwise: 30_000,
    }),
    maxPayloadBytes: read.integer(GATEWAY_ENV.maxPayloadBytes, {
      min: 1024,
      max: 268_435_456,
      otherwise: 4_194_304,
    }),
    retryAttempts: read.integer(GATEWAY_ENV.retryAttempts, { min: 0, max: 10, otherwise: 2 }),
    retryBackoffMs: read.integer(GATEWAY_ENV.retryBackoffMs, {
      min: 1,
      max: 60_000,
      otherwise: 25,
    }),
    logLevel: read.oneOf(
      GATEWAY_ENV.logLevel,
      ["debug", "info", "warn", "error"],
      levelOfFilter(env[RUST_LOG_ENV]),
    ),
    logFormat: read.oneOf(GATEWAY_ENV.logFormat, ["json", "plain"], "json"),
  };
  checkSecurity(read, config);
  if (read.problems.length > 0) return { kind: "invalid", problems: read.problems };
  return { kind: "ok", config };
}

/** The environment that makes {@link parseGatewayEnv} answer this configuration, sorted by name. */
export function renderGatewayEnv(config: GatewayConfig): Readonly<Record<string, string>> {
  const values: [string, string | undefined][] = [
    [GATEWAY_ENV.listen, formatHostPort(config.listen)],
    [
      GATEWAY_ENV.healthListen,
      config.healthListen === undefined ? undefined : formatHostPort(config.healthListen),
    ],
    [GATEWAY_ENV.tlsDir, config.tlsDir],
    [GATEWAY_ENV.insecure, config.insecure ? "true" : undefined],
    [GATEWAY_ENV.requestTimeoutMs, String(config.requestTimeoutMs)],
    [GATEWAY_ENV.maxPayloadBytes, String(config.maxPayloadBytes)],
    [GATEWAY_ENV.retryAttempts, String(config.retryAttempts)],
    [GATEWAY_ENV.retryBackoffMs, String(config.retryBackoffMs)],
    [GATEWAY_ENV.logLevel, config.logLevel],
    [GATEWAY_ENV.logFormat, config.logFormat],
  ];
  if (config.targets.kind === "standalone") {
    values.push([GATEWAY_ENV.odgm, formatHostPort(config.targets.odgm)]);
  } else {
    const { routing, routingIdentity, routingIdentityFile, routesFile } = config.targets;
    values.push(
      [GATEWAY_ENV.routing, routing === undefined ? undefined : formatHostPort(routing)],
      [GATEWAY_ENV.routingIdentity, routingIdentity],
      [GATEWAY_ENV.routingIdentityFile, routingIdentityFile],
      [GATEWAY_ENV.routesFile, routesFile],
    );
  }
  const entries = values
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]): [string, string] => [GATEWAY_ENV_PREFIX + name, value])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}
