// Turns a ClusterConfig into what a connection needs, again and again: tokens and CAs are rotated
// under a running process. Files are read at most once per `REFRESH_MS`, and at once after a 401 or
// a connection that failed, for which a CA that was replaced is one reason.

import { readFile } from "node:fs/promises";

import type { KubeConfig } from "@kubernetes/client-node";

import { assertNever } from "#api/base/index.ts";

import type { ClusterConfig, InClusterConfig, KubeconfigFile } from "./config.ts";
import type { ExecCredential } from "./exec-plugin.ts";
import { ExecPlugin } from "./exec-plugin.ts";
import type { KubeconfigAccess } from "./kubeconfig.ts";
import { readKubeconfigFile } from "./kubeconfig.ts";

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
  /**
   * What `current` returned is in doubt: read it again next time. `Refused`: the server answered
   * 401, so that plugins are run as well. `Unreachable`: there was no connection.
   */
  invalidate(why: "Refused" | "Unreachable"): void;
}

/** Pods' tokens live an hour and are replaced after 80 % of that; client-go reads each minute. */
const REFRESH_MS = 60_000;

/** Told about every reading of files or a plugin; `error` if it failed. */
export type ReadListener = (error: unknown) => void;

/** Credentials for any {@link ClusterConfig}. `monotonicMs` is the clock for refreshing. */
export function openCredentials(
  config: ClusterConfig,
  monotonicMs: () => number,
  onRead: ReadListener = () => undefined,
): Credentials {
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
      return refreshing(() => readInCluster(config), monotonicMs, onRead);
    case "kubeconfig":
      return kubeconfigCredentials(config, monotonicMs, onRead);
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
function refreshing(
  read: () => Promise<Access>,
  monotonicMs: () => number,
  onRead: ReadListener = () => undefined,
): Credentials {
  let known: Access | undefined;
  let readAtMs = 0;
  let running: Promise<Access> | undefined;
  const refresh = async (): Promise<Access> => {
    // In a turn of its own, so that `running` is set before it is cleared.
    await Promise.resolve();
    const startedAtMs = monotonicMs();
    try {
      known = await read();
      onRead(undefined);
    } catch (cause) {
      onRead(cause);
      // A file that is just being replaced must not stop a process whose token is still good;
      // without a last good one there is nothing to go on with.
      if (known === undefined) throw cause;
    } finally {
      running = undefined;
    }
    readAtMs = startedAtMs;
    return known;
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

/** A kubeconfig file whose plugin, if it has one, outlives the readings of the file. */
function kubeconfigCredentials(
  config: KubeconfigFile,
  monotonicMs: () => number,
  onRead: ReadListener,
): Credentials {
  let plugin: { readonly text: string; readonly run: ExecPlugin } | undefined;
  const read = async (): Promise<Access> => {
    const found = await readKubeconfigFile(config.path, config.context);
    if (found.authProvider) return readByClientNode(config);
    if (found.exec === undefined) return accessFrom(found, {});
    const text = JSON.stringify(found.exec);
    if (plugin?.text !== text) {
      plugin = { text, run: new ExecPlugin(found.exec, { nowMs: () => Date.now(), monotonicMs }) };
    }
    return accessFrom(found, await plugin.run.current());
  };
  const { current, invalidate } = refreshing(read, monotonicMs, onRead);
  return {
    current,
    invalidate(why) {
      if (why === "Refused") plugin?.run.invalidate();
      invalidate(why);
    },
  };
}

function accessFrom(found: KubeconfigAccess, given: ExecCredential): Access {
  const cert = given.certificate ?? found.certificate;
  const key = given.key ?? found.key;
  const authorization = given.token === undefined ? found.authorization : `Bearer ${given.token}`;
  return {
    server: found.server.replace(/\/+$/, ""),
    tls: {
      ...(found.ca === undefined ? {} : { ca: found.ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(found.tlsServerName === undefined ? {} : { servername: found.tlsServerName }),
      ...(found.insecure ? { rejectUnauthorized: false } : {}),
    },
    ...(authorization === undefined ? {} : { authorization }),
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

/** Auth providers, which Kubernetes has retired. */
async function readByClientNode(config: KubeconfigFile): Promise<Access> {
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
