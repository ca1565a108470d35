// What the odgm image is promised by whoever starts it: ports, probes, mounted paths, environment
// names and their schema. The controller renders a pod's environment, the program parses it.
// Command line flags are turned into the same names (flags win), so there is one schema. The seeds'
// names are honoured under their own spelling; what is not is in ODGM_ENV_NOT_SERVED with a reason.
import type { HostPort } from "./gateway.ts";
import { isLoopbackHost, parseHostPort } from "./gateway.ts";

/** Ports of the odgm container. */
export const ODGM_PORTS = {
  /** gRPC, plaintext: DataService, OprcFunction, oaas.DataStream, health. */
  grpc: 8080,
  /** oaas.Link over mTLS: the gateway and members of the same collection. */
  link: 8081,
  /** oaas.OdgmAdmin over mTLS: the operator only. */
  admin: 8082,
  /** Plain HTTP: health and metrics. */
  health: 9090,
} as const;

/** Names of the container's ports, in the pod and in its Services. */
export const ODGM_PORT_NAMES = {
  grpc: "grpc",
  link: "link",
  admin: "admin",
  health: "health",
} as const;

/** Paths on the health port. All judge the process, never a quorum or the store's state. */
export const ODGM_PROBES = { live: "/healthz", ready: "/readyz", metrics: "/metrics" } as const;

/** Paths inside the container. The program writes below `data` only. */
export const ODGM_PATHS = { data: "/data", tls: "/tls" } as const;

/** How ids of a hashed collection become slots: XXH3-64 (id bytes, seed 0) modulo the count. */
export const ODGM_SLOTS = { count: 4096, hashVersion: 1 } as const;

/** Every environment name that the program reads. */
export const ODGM_ENV = {
  collectionName: "ODGM_COLLECTION_NAME",
  ordinal: "ODGM_ORDINAL",
  dataDir: "ODGM_DATA_DIR",
  tlsDir: "ODGM_TLS_DIR",
  adminIdentity: "ODGM_ADMIN_IDENTITY",
  linkIdentities: "ODGM_LINK_IDENTITIES",
  httpPort: "ODGM_HTTP_PORT",
  listen: "ODGM_LISTEN",
  linkListen: "ODGM_LINK_LISTEN",
  adminListen: "ODGM_ADMIN_LISTEN",
  healthListen: "ODGM_HEALTH_LISTEN",
  insecure: "ODGM_INSECURE",
  collection: "ODGM_COLLECTION",
  format: "ODGM_FORMAT",
  reflection: "ODGM_REFLECTION_ENABLED",
  idLengthMax: "ODGM_MAX_STRING_ID_LEN",
  entryKeys: "ODGM_ENABLE_STRING_ENTRY_KEYS",
  invokeTimeoutMs: "ODGM_INVOKE_TIMEOUT_MS",
  storageLimit: "ODGM_STORAGE_LIMIT",
  storageCapacityBytes: "ODGM_STORAGE_CAPACITY_BYTES",
  serviceName: "OPRC_SERVICE_NAME",
  log: "ODGM_LOG",
  rustLog: "RUST_LOG",
  logFormat: "LOG_FORMAT",
} as const;

/** Names of the seeds and of upstream that have no effect, each with the reason. */
export const ODGM_ENV_NOT_SERVED: Readonly<Record<string, string>> = {
  ODGM_NODE_ID: "members are (collection, ordinal, incarnation); the store keeps the incarnation",
  ODGM_NODE_ADDR: "addresses of members come with the generation",
  ODGM_MEMBERS: "members come with the generation, so that it is the same on every node",
  ODGM_MAX_SESSIONS: "sized the pool of Zenoh sessions; links are gRPC streams",
  ODGM_ENABLE_GRANULAR_STORAGE: "objects are always stored per entry",
  ODGM_GRANULAR_PREFETCH_LIMIT: "an object is read in one pass",
  ODGM_CAPS_QUERYABLE_ENABLED: "was a Zenoh queryable; the rpc Capabilities is always there",
  ODGM_EVENTS_ENABLED: "events are not served yet; Capabilities says so",
  ODGM_MAX_TRIGGER_DEPTH: "events are not served yet",
  ODGM_TRIGGER_TIMEOUT_MS: "events are not served yet",
  ODGM_EVENT_PIPELINE_V2: "events are not served yet; Capabilities says so",
  ODGM_EVENT_PIPELINE_BRIDGE: "was only reported, never used",
  ODGM_EVENT_QUEUE_BOUND: "events are not served yet",
  ODGM_EVENT_BCAST_BOUND: "events are not served yet",
  ODGM_MAX_BATCH_TRIGGER_FANOUT: "events are not served yet",
  ODGM_EVENT_SUMMARY_KEY_SAMPLE: "events are not served yet",
  ODGM_CLUSTER_ID: "was set and never read",
  ODGM_TRIGGER_TEST_TAP: "was for upstream's own tests",
  ODGM_FORCE_TRIGGER_PUBLISH_FAIL: "was for upstream's own tests",
  OPRC_ZENOH_CONFIG: "the transport Zenoh is not served yet",
  OPRC_ZENOH_MODE: "the transport Zenoh is not served yet",
  OPRC_ZENOH_PROTOCOL: "the transport Zenoh is not served yet",
  OPRC_ZENOH_PORT: "the transport Zenoh is not served yet",
  OPRC_ZENOH_PEERS: "the transport Zenoh is not served yet",
  OPRC_ZENOH_GOSSIP_ENABLED: "the transport Zenoh is not served yet",
  OPRC_ZENOH_GOSSIP_MULTIHOP: "the transport Zenoh is not served yet",
  OPRC_ZENOH_SCOUTING_MULTICAST_ENABLED: "the transport Zenoh is not served yet",
  OPRC_ZENOH_LINKSTATE: "the transport Zenoh is not served yet",
  OPRC_ZENOH_MAX_SESSIONS: "the transport Zenoh is not served yet",
  OPRC_ZENOH_MAX_LINKS: "the transport Zenoh is not served yet",
  OPRC_ZENOH_BUFFER_SIZE: "the transport Zenoh is not served yet",
  OPRC_ZENOH_DEFAULT_TIMEOUT: "the transport Zenoh is not served yet",
  OPRC_ZENOH_ADMINSPACE_ENABLED: "the transport Zenoh is not served yet",
  OPRC_ZENOH_SHARE_SESSION: "the transport Zenoh is not served yet",
  OTEL_EXPORTER_OTLP_ENDPOINT: "metrics are on /metrics; traces are handed on, not exported yet",
  OTEL_SERVICE_NAME: "metrics are on /metrics; traces are handed on, not exported yet",
  OTEL_TRACES_ENABLED: "metrics are on /metrics; traces are handed on, not exported yet",
  OTEL_LOGS_ENABLED: "metrics are on /metrics; traces are handed on, not exported yet",
  OTEL_TRACES_SAMPLER: "metrics are on /metrics; traces are handed on, not exported yet",
  OTEL_TRACES_SAMPLER_ARG: "metrics are on /metrics; traces are handed on, not exported yet",
};

/** What the controller says about one StatefulSet; {@link renderOdgmEnv} turns it into env. */
export interface OdgmPodConfig {
  /** Wire name, "package.Class". */
  readonly collection: string;
  /** URI SAN that a client of 8082 must have. */
  readonly adminIdentity: string;
  /** URI SANs that a client of 8081 may have: the collection's own, always first; the gateway's. */
  readonly linkIdentities: readonly string[];
  readonly reflection?: boolean;
  readonly logLevel?: string;
}

/** The part of core/v1 EnvVar that is rendered here. */
export interface OdgmEnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

/** The environment of the odgm container, in a fixed order. The same for every pod of the set. */
export function renderOdgmEnv(config: OdgmPodConfig): readonly OdgmEnvVar[] {
  const podIndex = "metadata.labels['apps.kubernetes.io/pod-index']";
  return [
    { name: ODGM_ENV.collectionName, value: config.collection },
    { name: ODGM_ENV.ordinal, valueFrom: { fieldRef: { fieldPath: podIndex } } },
    { name: ODGM_ENV.dataDir, value: ODGM_PATHS.data },
    { name: ODGM_ENV.tlsDir, value: ODGM_PATHS.tls },
    { name: ODGM_ENV.adminIdentity, value: config.adminIdentity },
    { name: ODGM_ENV.linkIdentities, value: config.linkIdentities.join(",") },
    ...(config.reflection === undefined
      ? []
      : [{ name: ODGM_ENV.reflection, value: String(config.reflection) }]),
    ...(config.logLevel === undefined ? [] : [{ name: ODGM_ENV.log, value: config.logLevel }]),
    { name: ODGM_ENV.logFormat, value: "json" },
  ];
}

/** Who the program is. */
export type OdgmRole =
  | {
      /** A member of one collection; the operator formats it and hands it generations. */
      readonly kind: "member";
      readonly collection: string;
      readonly ordinal: number;
      readonly linkListen: HostPort;
      readonly adminListen: HostPort;
      /** undefined = plaintext (loopback only, asked for by name). */
      readonly tls:
        | {
            readonly folder: string;
            readonly adminIdentity: string;
            readonly linkIdentities: readonly string[];
          }
        | undefined;
    }
  | {
      /** No operator: collections come from ODGM_COLLECTION and are kept in the store. */
      readonly kind: "standalone";
      /** The JSON text; counts only for an empty store. */
      readonly collections: string | undefined;
      /** Format an empty folder even if no collections are given. */
      readonly format: boolean;
    };

/** Everything that the odgm program needs to start. */
export interface OdgmConfig {
  readonly role: OdgmRole;
  readonly listen: HostPort;
  /** undefined = no health server (standalone without --health-listen). */
  readonly healthListen: HostPort | undefined;
  readonly dataDir: string;
  readonly reflection: boolean;
  /** At most 160, which the key layout of the store allows. */
  readonly idLengthMax: number;
  /** false: rpcs that name entries answer UNIMPLEMENTED, as upstream does. */
  readonly entryKeys: boolean;
  /** Longest time of an invocation if neither the caller nor the function says less. */
  readonly invokeTimeoutMs: number;
  /** Share of the capacity above which writes that grow the store are refused. */
  readonly storageLimit: number;
  /** Capacity if it is less than that of the file system. */
  readonly storageCapacityBytes: number | undefined;
  readonly serviceName: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly logFormat: "json" | "plain";
  /** Names that are set and have no effect, with the reason; to be logged. */
  readonly notServed: readonly string[];
}

/** Result of {@link parseOdgmEnv}; every problem is reported at once. */
export type OdgmEnvResult =
  | { readonly kind: "ok"; readonly config: OdgmConfig }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

type Env = Readonly<Record<string, string | undefined>>;

/** Names and values as the program sees them -> its configuration. Never throws. */
export function parseOdgmEnv(env: Env): OdgmEnvResult {
  const reader = new EnvReader(env);
  const role = parseRole(reader, env);
  const listen = reader.address(ODGM_ENV.listen, {
    host: "0.0.0.0",
    port: reader.integer(ODGM_ENV.httpPort, { min: 0, max: 65535, otherwise: ODGM_PORTS.grpc }),
  });
  const dataDir = reader.text(ODGM_ENV.dataDir);
  if (dataDir === undefined) reader.problems.push(`${ODGM_ENV.dataDir} is required`);
  const config: OdgmConfig = {
    role,
    listen,
    healthListen:
      role.kind === "member" || reader.text(ODGM_ENV.healthListen) !== undefined
        ? reader.address(ODGM_ENV.healthListen, { host: "0.0.0.0", port: ODGM_PORTS.health })
        : undefined,
    dataDir: dataDir ?? "",
    reflection: reader.flag(ODGM_ENV.reflection, false),
    idLengthMax: reader.integer(ODGM_ENV.idLengthMax, { min: 1, max: 160, otherwise: 160 }),
    entryKeys: reader.flag(ODGM_ENV.entryKeys, true),
    invokeTimeoutMs: reader.integer(ODGM_ENV.invokeTimeoutMs, {
      min: 1,
      max: 86_400_000,
      otherwise: 300_000,
    }),
    storageLimit: reader.ratio(ODGM_ENV.storageLimit, 0.85),
    storageCapacityBytes: reader.optionalInteger(ODGM_ENV.storageCapacityBytes),
    serviceName: reader.text(ODGM_ENV.serviceName) ?? "odgm",
    logLevel: parseLogLevel(reader.text(ODGM_ENV.log) ?? reader.text(ODGM_ENV.rustLog)),
    logFormat: reader.text(ODGM_ENV.logFormat) === "json" ? "json" : "plain",
    notServed: Object.entries(ODGM_ENV_NOT_SERVED)
      .filter(([name]) => reader.text(name) !== undefined)
      .map(([name, why]) => `${name}: ${why}`),
  };
  if (reader.problems.length > 0) return { kind: "invalid", problems: reader.problems };
  return { kind: "ok", config };
}

/**
 * The level that a RUST_LOG-like filter asks of this program: the first directive without a target
 * or with a target that starts with "oprc" or "odgm". `trace` is debug, unknown text is info.
 */
export function parseLogLevel(filter: string | undefined): OdgmConfig["logLevel"] {
  for (const directive of (filter ?? "").split(",")) {
    const [target, level] = directive.includes("=") ? directive.split("=", 2) : ["", directive];
    if (target !== undefined && target !== "" && !/^(oprc|odgm)/.test(target.trim())) continue;
    const name = (level ?? "").trim().toLowerCase();
    if (name === "trace" || name === "debug") return "debug";
    if (name === "info" || name === "warn" || name === "error") return name;
    if (name === "off") return "error";
  }
  return "info";
}

function parseRole(reader: EnvReader, env: Env): OdgmRole {
  const collection = reader.text(ODGM_ENV.collectionName);
  if (collection === undefined) {
    return {
      kind: "standalone",
      collections: reader.text(ODGM_ENV.collection),
      format: reader.flag(ODGM_ENV.format, false),
    };
  }
  const linkListen = reader.address(ODGM_ENV.linkListen, {
    host: "0.0.0.0",
    port: ODGM_PORTS.link,
  });
  const adminListen = reader.address(ODGM_ENV.adminListen, {
    host: "0.0.0.0",
    port: ODGM_PORTS.admin,
  });
  const ordinal = parseOrdinal(reader, env);
  return {
    kind: "member",
    collection,
    ordinal,
    linkListen,
    adminListen,
    tls: parseTls(reader, [linkListen, adminListen]),
  };
}

function parseTls(
  reader: EnvReader,
  listeners: readonly HostPort[],
): Extract<OdgmRole, { kind: "member" }>["tls"] {
  if (reader.flag(ODGM_ENV.insecure, false)) {
    const open = listeners.find((at) => !isLoopbackHost(at.host));
    if (open !== undefined) {
      reader.problems.push(`${ODGM_ENV.insecure}: refused, ${open.host} is not a loopback address`);
    }
    return undefined;
  }
  const folder = reader.required(ODGM_ENV.tlsDir);
  const adminIdentity = reader.required(ODGM_ENV.adminIdentity);
  const linkIdentities = reader
    .required(ODGM_ENV.linkIdentities)
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "");
  return { folder, adminIdentity, linkIdentities };
}

function parseOrdinal(reader: EnvReader, env: Env): number {
  const text = reader.text(ODGM_ENV.ordinal) ?? /-(\d+)$/.exec(env["HOSTNAME"] ?? "")?.[1];
  if (text !== undefined && /^\d{1,6}$/.test(text)) return Number(text);
  reader.problems.push(
    `${ODGM_ENV.ordinal}: not a number, and HOSTNAME does not end in "-<number>"`,
  );
  return 0;
}

class EnvReader {
  readonly problems: string[] = [];
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  text(name: string): string | undefined {
    const value = this.#env[name];
    return value === undefined || value === "" ? undefined : value;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) this.problems.push(`${name} is required`);
    return value ?? "";
  }

  flag(name: string, otherwise: boolean): boolean {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined) return otherwise;
    if (text === "true" || text === "1") return true;
    if (text === "false" || text === "0") return false;
    this.problems.push(`${name}: "${text}" is not true or false`);
    return otherwise;
  }

  optionalInteger(name: string): number | undefined {
    if (this.text(name) === undefined) return undefined;
    return this.integer(name, { min: 1, max: Number.MAX_SAFE_INTEGER, otherwise: 1 });
  }

  integer(name: string, bounds: { min: number; max: number; otherwise: number }): number {
    const text = this.text(name);
    if (text === undefined) return bounds.otherwise;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= bounds.min && value <= bounds.max) return value;
    this.problems.push(`${name}: "${text}" is not an integer from ${bounds.min} to ${bounds.max}`);
    return bounds.otherwise;
  }

  ratio(name: string, otherwise: number): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const value = /^(0?\.\d+|1(\.0+)?)$/.test(text) ? Number(text) : Number.NaN;
    if (value > 0 && value <= 1) return value;
    this.problems.push(`${name}: "${text}" is not a ratio above 0 and up to 1`);
    return otherwise;
  }

  address(name: string, otherwise: HostPort): HostPort {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const parsed = parseHostPort(text);
    if (parsed === undefined) this.problems.push(`${name}: "${text}" is not HOST:PORT`);
    return parsed ?? otherwise;
  }
}
