// The target put together: disk, store, recovery, server, in this order; the other way round at the
// end.
import type { Logger } from "#api/base/index.ts";
import type { OstConfig, OstStatus } from "#api/workload/ost.ts";

import type { HealthServer } from "./health.ts";
import { startHealth } from "./health.ts";
import type { Intake } from "./intake.ts";
import { OstMetrics } from "./metrics.ts";
import { OstServer } from "./server.ts";
import { OstStore } from "./store.ts";
import type { OpenDisk } from "./superblock.ts";
import { openDisk } from "./superblock.ts";

/** How long a peer may take to read its last answers at the end. */
const END_GRACE_MS = 5000;
/** READ bytes in flight per connection: a few of the largest. */
const READ_BACKLOG_BYTES_MAX = 128 << 20;

/** A target that serves. */
export interface RunningOst {
  /** Port of the Rawstor protocol, also if 0 was asked for. */
  readonly port: number;
  /** Answers what was started, flushes, marks the disk clean, lets it go. */
  close(): Promise<void>;
}

/**
 * Opens the disk and serves it. Health is served first, so that a long recovery is seen as not
 * ready and not as dead. Throws DiskRefusedError, or what the system says about a port.
 */
export async function startOst(config: OstConfig, logger: Logger): Promise<RunningOst> {
  const metrics = new OstMetrics();
  let store: OstStore | undefined;
  let server: OstServer | undefined;
  const health = await startHealthIfAsked(config, {
    metrics,
    logger,
    notReady: () => (server === undefined ? "starting" : store?.problem()),
    status: () => store?.status() ?? Promise.resolve(undefined),
    // Only while it serves: at the end the disk is no longer ours.
    intake: () => (server === undefined ? undefined : store?.intake),
  });
  let disk: OpenDisk | undefined;
  try {
    disk = await openDisk(config);
    const { superblock, formatted } = disk;
    logger.info(formatted ? "formatted a blank disk" : "opened the disk", { ...superblock });
    const opened = await OstStore.open({ ...storeOptions(config), disk, logger, metrics });
    store = opened.store;
    await store.recover(opened.left);
    server = await OstServer.listen({ ...serverOptions(config), store, metrics, logger });
  } catch (cause: unknown) {
    disk?.release();
    await health?.close();
    throw cause;
  }
  const running = { disk, store, server, health };
  logger.info("serving", { host: config.listen.host, port: server.port });
  return { port: server.port, close: () => close(running, () => (server = undefined)) };
}

function storeOptions(config: OstConfig) {
  const { capacityBytes, listLimit } = config;
  return capacityBytes === undefined ? { listLimit } : { listLimit, capacityBytes };
}

function serverOptions(config: OstConfig) {
  const { listen, connectionsMax, spinMicroseconds, writeBacklogBytes } = config;
  const limits = {
    writeBacklogBytesMax: writeBacklogBytes,
    readBacklogBytesMax: READ_BACKLOG_BYTES_MAX,
  };
  return { listen, connectionsMax, spinMicroseconds, limits };
}

async function startHealthIfAsked(
  config: OstConfig,
  options: {
    readonly metrics: OstMetrics;
    readonly logger: Logger;
    readonly notReady: () => string | undefined;
    readonly status: () => Promise<OstStatus | undefined>;
    readonly intake: () => Intake | undefined;
  },
): Promise<HealthServer | undefined> {
  if (config.healthListen === undefined) return undefined;
  const health = await startHealth({ ...options, listen: config.healthListen });
  options.logger.info("serving health", { port: health.port });
  return health;
}

async function close(
  running: {
    readonly disk: OpenDisk;
    readonly store: OstStore;
    readonly server: OstServer;
    readonly health: HealthServer | undefined;
  },
  stopped: () => void,
): Promise<void> {
  stopped();
  await running.server.close(END_GRACE_MS);
  await running.store.close();
  running.disk.release();
  await running.health?.close();
}
