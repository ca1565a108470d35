// Turns a ClusterConfig into what a connection needs, again and again: tokens and CAs are rotated
// under a running process. Files are read at most once per `REFRESH_MS`, and at once after a 401.

import { readFile } from "node:fs/promises";

import type { KubeConfig } from "@kubernetes/client-node";

import { assertNever } from "#api/base/index.ts";

import type { ClusterConfig, InClusterConfig, KubeconfigFile } from "./config.ts";

/** What a connection needs now. */
export interface Access {
  /** `https://host:port` without a trailing slash, optionally with a path prefix. */
  readonly server: string;
  readonly tls: TlsMaterial;
  /** Value of the Authorization header. */
  readonly authorization?: string;
}

/** PEM and names of one connection; everything absent means the system's defaults. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Current credentials of one cluster. Safe for concurrent use; reads are shared. */
export interface Credentials {
  /** Rejects with the file system's or the plugin's error. */
  current(): Promise<Access>;
  /** The server refused what `current` returned: read everything again next time. */
  invalidate(): void;
}

/** Pods' tokens live an hour and are replaced after 80 % of that; client-go reads each minute. */
const REFRESH_MS = 60_000;

/** Credentials for any {@link ClusterConfig}. `monotonicMs` is the clock for refreshing. */
export function openCredentials(config: ClusterConfig, monotonicMs: () => number): Credentials {
  switch (config.kind) {
    case "inline": {
      const access: Access = {
        server: config.server.replace(/\/+$/, ""),
        tls: {
          ...(config.ca === undefined ? {} : { ca: config.ca }),
          ...(config.clientCertificate === undefined ? {} : { cert: config.clientCertificate }),
          ...(config.clientKey === undefined ? {} : { key: config.clientKey }),
          ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
        },
        ...(config.token === undefined ? {} : { authorization: `Bearer ${config.token}` }),
      };
      return { current: () => Promise.resolve(access), invalidate: () => undefined };
    }
    case "in-cluster":
      return refreshing(() => readInCluster(config), monotonicMs);
    case "kubeconfig":
      return refreshing(() => readKubeconfig(config), monotonicMs);
    default:
      return assertNever(config);
  }
}

/**
 * Credentials of a kubeconfig that somebody else holds and may still change: what it says is read
 * again as often as files are.
 */
export function heldCredentials(
  kubeConfig: () => KubeConfig,
  monotonicMs: () => number,
): Credentials {
  // Async, so that what throws at once is a failed read like any other.
  return refreshing(async () => accessOf(kubeConfig()), monotonicMs);
}

/** Shares one read between callers and keeps the last good one if a refresh fails. */
function refreshing(read: () => Promise<Access>, monotonicMs: () => number): Credentials {
  let known: Access | undefined;
  let readAtMs = 0;
  let running: Promise<Access> | undefined;
  const refresh = async (): Promise<Access> => {
    try {
      const access = await read();
      known = access;
      readAtMs = monotonicMs();
      return access;
    } catch (cause) {
      // A file that is just being replaced must not stop a process whose token is still good;
      // without a last good one there is nothing to go on with.
      if (known === undefined) throw cause;
      readAtMs = monotonicMs();
      return known;
    } finally {
      running = undefined;
    }
  };
  return {
    current(): Promise<Access> {
      if (known !== undefined && monotonicMs() - readAtMs < REFRESH_MS) {
        return Promise.resolve(known);
      }
      running ??= refresh();
      return running;
    },
    invalidate(): void {
      readAtMs = Number.NEGATIVE_INFINITY;
    },
  };
}

async function readInCluster(config: InClusterConfig): Promise<Access> {
  const [token, ca] = await Promise.all([
    readFile(config.tokenFile, "utf8"),
    readFile(config.caFile, "utf8"),
  ]);
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  return {
    server: `https://${host}:${config.port}`,
    tls: { ca },
    authorization: `Bearer ${token.trim()}`,
  };
}

async function readKubeconfig(config: KubeconfigFile): Promise<Access> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const kubeconfig = new KubeConfig();
  kubeconfig.loadFromFile(config.path);
  if (config.context !== undefined) kubeconfig.setCurrentContext(config.context);
  return accessOf(kubeconfig);
}

/** What the kubeconfig's current context means now; plugins are run, files are read. */
async function accessOf(kubeconfig: KubeConfig): Promise<Access> {
  const cluster = kubeconfig.getCurrentCluster();
  if (cluster === null) {
    throw new Error(`no cluster for context "${kubeconfig.getCurrentContext()}" in the kubeconfig`);
  }
  const https: Record<string, unknown> = {};
  await kubeconfig.applyToHTTPSOptions(https);
  const authorization = (https["headers"] as Record<string, string> | undefined)?.["Authorization"];
  const pem = (name: string): string | undefined => {
    const value = https[name];
    if (typeof value === "string") return value;
    return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : undefined;
  };
  const [ca, cert, key] = [pem("ca"), pem("cert"), pem("key")];
  return {
    server: cluster.server.replace(/\/+$/, ""),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(cluster.tlsServerName === undefined ? {} : { servername: cluster.tlsServerName }),
      ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
    },
    ...(authorization !== undefined
      ? { authorization }
      : typeof https["auth"] === "string"
        ? { authorization: `Basic ${Buffer.from(https["auth"]).toString("base64")}` }
        : {}),
  };
}
