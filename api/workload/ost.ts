// What the OstTarget controller promises the ost image and what the image promises back: ports,
// paths, environment, probes, exit codes, the status document. The controller renders it, the
// program parses it; the flags of the program are made from the same table.
import { assertNever } from "#api/base/index.ts";

/** Rawstor protocol, and HTTP for health, status and metrics. */
export const ostPorts = { protocol: 7777, health: 9090 } as const;

/** Where the disk is mounted, and the only path that the program writes to. */
export const ostDataDir = "/data";

/**
 * `/healthz`: the process turns its loop. `/readyz`: it accepts connections and writes; 503 with
 * the reason while recovering, after a failed sync, and at the end. `/status`: {@link OstStatus}.
 * `/closed`: `PUT ?for=X` refuses new objects durably, `DELETE ?for=X` takes them again unless they
 * are refused for somebody else (409); 204 once it is so.
 */
export const ostHealthPaths = {
  live: "/healthz",
  ready: "/readyz",
  metrics: "/metrics",
  status: "/status",
  closed: "/closed",
} as const;

/**
 * Probe timings. The program listens for health before it checks the disk's dirty regions, so that
 * liveness never ends a long recovery.
 */
export const ostProbes = {
  liveness: { path: "/healthz", periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
  readiness: { path: "/readyz", periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 1 },
} as const;

/** Time from SIGTERM in which everything is flushed and regions are marked clean. */
export const ostTerminationGraceSeconds = 60;

/**
 * Why a disk is refused, by the name that OstTarget shows as condition reason.
 *
 * | name | meaning |
 * |---|---|
 * | EmptyDisk | nothing is on the disk, and formatting is not allowed: was the disk swapped? |
 * | WrongDisk | the superblock names another cluster or target |
 * | ForeignDisk | there are files and no superblock |
 * | NewerFormat | written by a newer program |
 * | DamagedSuperblock | the superblock does not match its checksum |
 * | DiskInUse | another process holds the disk's lock |
 * | DiskUnavailable | the folder cannot be read or written |
 */
export type OstRefusal =
  | "EmptyDisk"
  | "WrongDisk"
  | "ForeignDisk"
  | "NewerFormat"
  | "DamagedSuperblock"
  | "DiskInUse"
  | "DiskUnavailable";

/** Process exit codes; each refusal has its own, so that the pod's status tells it. */
export const ostExitCodes = {
  Ok: 0,
  Crash: 1,
  Usage: 64,
  EmptyDisk: 80,
  WrongDisk: 81,
  ForeignDisk: 82,
  NewerFormat: 83,
  DamagedSuperblock: 84,
  DiskInUse: 85,
  DiskUnavailable: 86,
} as const satisfies Record<OstRefusal | "Ok" | "Crash" | "Usage", number>;

/** The refusal that a terminated container's exit code tells, if it tells one. */
export function refusalOfExitCode(exitCode: number): OstRefusal | undefined {
  return refusals.find((name) => ostExitCodes[name] === exitCode);
}

const refusals: readonly OstRefusal[] = [
  "EmptyDisk",
  "WrongDisk",
  "ForeignDisk",
  "NewerFormat",
  "DamagedSuperblock",
  "DiskInUse",
  "DiskUnavailable",
];

/**
 * May a blank disk be given a superblock? `Never` once the target was registered: a blank disk is
 * then a lost or swapped one.
 */
export type OstFormatPolicy = "Never" | "IfBlank";

/** Host name or numeric address, and port. */
export interface OstEndpoint {
  readonly host: string;
  readonly port: number;
}

/** Everything that the program can be told. */
export interface OstConfig {
  readonly listen: OstEndpoint;
  /** Absent: no HTTP. */
  readonly healthListen?: OstEndpoint;
  readonly dataDir: string;
  readonly format: OstFormatPolicy;
  /** Identity that the superblock must name, and gets at format. Absent: any; drawn at format. */
  readonly cluster?: string;
  readonly target?: string;
  /** Sum of object sizes allowed. Absent: the size of the file system. */
  readonly capacityBytes?: number;
  /** WRITE payload in flight per connection, above which WRITE is answered -EBUSY. */
  readonly writeBacklogBytes: number;
  /** Ids per LIST page at most. */
  readonly listLimit: number;
  readonly connectionsMax: number;
  /** After an answer the event loop polls this long before it sleeps; 0 = sleep at once. */
  readonly spinMicroseconds: number;
  readonly logLevel: OstLogLevel;
}

/** From the most to the least talkative. */
export const ostLogLevels = ["debug", "info", "warn", "error"] as const;
/** Least severe level that is logged. */
export type OstLogLevel = (typeof ostLogLevels)[number];

type Kind = "endpoint" | "text" | "bytes" | "count" | "policy" | "level";

/** One setting: its key, environment name and flag, and what it takes. */
export interface OstOption {
  readonly key: keyof OstConfig;
  readonly env: string;
  readonly flag: string;
  readonly kind: Kind;
  readonly description: string;
  /** As text, the way a user would write it. Absent: the setting is optional and unset. */
  readonly fallback?: string;
}

/** All settings, in the order in which `--help` shows them. Flags win over the environment. */
export const ostOptions: readonly OstOption[] = [
  {
    key: "listen",
    env: "OST_LISTEN",
    flag: "--listen",
    kind: "endpoint",
    description: "HOST:PORT of the Rawstor protocol",
    fallback: "127.0.0.1:7777",
  },
  {
    key: "healthListen",
    env: "OST_HEALTH_LISTEN",
    flag: "--health-listen",
    kind: "endpoint",
    description: "HOST:PORT of /healthz, /readyz, /status and /metrics; unset = none",
  },
  {
    key: "dataDir",
    env: "OST_DATA_DIR",
    flag: "--data",
    kind: "text",
    description: "folder of the store, the root of its own disk in production",
    fallback: ostDataDir,
  },
  {
    key: "format",
    env: "OST_FORMAT",
    flag: "--format",
    kind: "policy",
    description: "format a blank disk (in the environment: Never | IfBlank)",
    fallback: "Never",
  },
  {
    key: "cluster",
    env: "OST_CLUSTER",
    flag: "--cluster",
    kind: "text",
    description: "cluster uid that the superblock must name",
  },
  {
    key: "target",
    env: "OST_TARGET",
    flag: "--target",
    kind: "text",
    description: "target uid that the superblock must name",
  },
  {
    key: "capacityBytes",
    env: "OST_CAPACITY",
    flag: "--capacity",
    kind: "bytes",
    description: "sum of object sizes allowed, e.g. 10Gi; unset = size of the file system",
  },
  {
    key: "writeBacklogBytes",
    env: "OST_WRITE_BACKLOG",
    flag: "--write-backlog",
    kind: "bytes",
    description: "WRITE bytes in flight per connection before -EBUSY",
    fallback: "256Mi",
  },
  {
    key: "listLimit",
    env: "OST_LIST_LIMIT",
    flag: "--list-limit",
    kind: "count",
    description: "ids per LIST page",
    fallback: "1000",
  },
  {
    key: "connectionsMax",
    env: "OST_CONNECTIONS_MAX",
    flag: "--connections-max",
    kind: "count",
    description: "connections at a time; further ones are closed at once",
    fallback: "4096",
  },
  {
    key: "spinMicroseconds",
    env: "OST_SPIN_MICROSECONDS",
    flag: "--spin-microseconds",
    kind: "count",
    description: "poll this long after an answer before sleeping; less latency for more CPU",
    fallback: "0",
  },
  {
    key: "logLevel",
    env: "OST_LOG_LEVEL",
    flag: "--log-level",
    kind: "level",
    description: ostLogLevels.join(" | "),
    fallback: "info",
  },
];

/** A setting that cannot be used, naming it as the user wrote it. */
export interface OstConfigProblem {
  readonly option: OstOption;
  readonly message: string;
}

/** A usable configuration, or everything that is wrong with the settings. */
export type OstConfigResult =
  | { readonly kind: "ok"; readonly config: OstConfig }
  | { readonly kind: "invalid"; readonly problems: readonly OstConfigProblem[] };

/** Text values by key, from flags or the environment. Empty text counts as unset. */
export type OstSettings = Readonly<Partial<Record<keyof OstConfig, string>>>;

/** The settings in an environment. Names that are not ours are ignored. */
export function settingsOfEnv(env: Readonly<Record<string, string | undefined>>): OstSettings {
  const entries = ostOptions.flatMap(({ key, env: name }) => {
    const value = env[name];
    return value === undefined || value === "" ? [] : [[key, value] as const];
  });
  return Object.fromEntries(entries);
}

/** Parses settings, filling in what is unset; reports every bad one at once. */
export function parseOstSettings(settings: OstSettings): OstConfigResult {
  const problems: OstConfigProblem[] = [];
  const values: Partial<Record<keyof OstConfig, unknown>> = {};
  for (const option of ostOptions) {
    const text = settings[option.key] ?? option.fallback;
    if (text === undefined) continue;
    const parsed = parseValue(option.kind, text);
    if (parsed.kind === "ok") values[option.key] = parsed.value;
    else problems.push({ option, message: `${JSON.stringify(text)} is not ${parsed.expected}` });
  }
  if (problems.length > 0) return { kind: "invalid", problems };
  // The loop above put a value of the option's type under every key that is not optional.
  return { kind: "ok", config: values as unknown as OstConfig };
}

/** Environment of a container, sorted by name; only what differs from the defaults. */
export function renderOstEnv(
  config: Partial<OstConfig>,
): readonly { readonly name: string; readonly value: string }[] {
  const entries = ostOptions.flatMap(({ key, env, fallback }) => {
    const value = config[key];
    if (value === undefined) return [];
    const text = typeof value === "object" ? `${value.host}:${String(value.port)}` : String(value);
    return text === fallback ? [] : [{ name: env, value: text }];
  });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

type Parsed =
  | { readonly kind: "ok"; readonly value: unknown }
  | { readonly kind: "bad"; readonly expected: string };

const good = (value: unknown): Parsed => ({ kind: "ok", value });
const bad = (expected: string): Parsed => ({ kind: "bad", expected });

function parseValue(kind: Kind, text: string): Parsed {
  switch (kind) {
    case "text":
      return good(text);
    case "endpoint": {
      const match = /^(.+):(\d{1,5})$/.exec(text);
      const port = Number(match?.[2]);
      const host = match?.[1]?.replace(/^\[(.*)\]$/, "$1");
      if (host === undefined || !(port <= 65535)) return bad("HOST:PORT");
      return good({ host, port });
    }
    case "count":
      return /^\d{1,9}$/.test(text) ? good(Number(text)) : bad("a whole number");
    case "bytes": {
      const bytes = parseBytes(text);
      return bytes === undefined ? bad("a size such as 10Gi") : good(bytes);
    }
    case "policy":
      return text === "Never" || text === "IfBlank" ? good(text) : bad("Never or IfBlank");
    case "level":
      return (ostLogLevels as readonly string[]).includes(text)
        ? good(text)
        : bad(ostLogLevels.join(", "));
    default:
      return assertNever(kind);
  }
}

const byteUnits: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** Bytes of a whole Quantity such as 512Mi, 10G or 4096; undefined if it is none. */
function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,15})([kMGTP]|[KMGTP]i)?$/.exec(text);
  const unit = byteUnits[match?.[2] ?? ""];
  const bytes = match === null || unit === undefined ? NaN : Number(match[1]) * unit;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `GET /status`, JSON. What the operator reads to register and to judge the disk. */
export interface OstStatus {
  readonly cluster: string;
  readonly target: string;
  /** UUID drawn when the disk was formatted. */
  readonly incarnation: string;
  readonly formatVersion: number;
  /** Failed: a sync failed; reads go on, writes answer -EIO until the process is restarted. */
  readonly state: "Recovering" | "Serving" | "Failed" | "Stopping";
  readonly capacityBytes: number;
  /** Sum of the sizes of all objects. */
  readonly usedBytes: number;
  /** What the file system has left. */
  readonly availableBytes: number;
  readonly objects: number;
  /**
   * For whose end no new objects are taken (ALLOCATE is answered -EROFS), durably: `objects` only
   * falls. Absent: they are taken.
   */
  readonly closedFor?: string;
  /** Newest first, at most 10. */
  readonly lastErrors: readonly OstDiskError[];
}

/** Something that the disk did, as `/status` tells it. */
export interface OstDiskError {
  /** RFC 3339. */
  readonly time: string;
  readonly code: "Checksum" | "Io" | "Sync" | "NoSpace";
  readonly message: string;
}
