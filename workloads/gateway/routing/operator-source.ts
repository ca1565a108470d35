// The operator's oprc.RoutingService, watched for as long as the gateway runs. When it is away the
// table keeps what it said; the watch is begun again with backoff, at any of its replicas.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { create } from "@bufbuild/protobuf";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import { ClsRoutingRequestSchema, RoutingService } from "#api/gen/oprc-route_pb.ts";
import { createGrpcClient } from "#workloads/platform/grpc/index.ts";
import type { TlsFolder } from "#workloads/platform/tls/index.ts";

import type { RouteTable } from "./table.ts";

/** Whom to ask. */
export interface OperatorSourceOptions {
  /** host:port */
  readonly address: string;
  /** undefined = plaintext, on loopback only. */
  readonly tls:
    | {
        readonly folder: TlsFolder;
        /** Expected URI SAN; asked at every connect. */
        readonly identity: () => Promise<string>;
      }
    | undefined;
  readonly table: RouteTable;
  readonly log: Logger;
  /** Told when a snapshot is complete (true) and when the watch breaks (false). */
  readonly onPresence?: (present: boolean) => void;
}

const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 5000;
/** A watch is begun anew after so long, so that it spreads over the operator's replicas. */
const WATCH_MS = 3_600_000;

/** The identity in a file, without white space around it. */
export function identityFromFile(path: string): () => Promise<string> {
  return async () => {
    const text = (await readFile(path, "utf8")).trim();
    if (text === "") throw new Error(`${path} is empty`);
    return text;
  };
}

/** See the head of the file. */
export class OperatorSource {
  readonly #options: OperatorSourceOptions;
  readonly #stop = new AbortController();
  #backoffMs = BACKOFF_MIN_MS;
  #complaint: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: OperatorSourceOptions) {
    this.#options = options;
  }

  /** Begins to watch; returns at once. */
  start(): void {
    this.#running = this.#run();
  }

  /** Ends the watch. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { table, log, address, onPresence } = this.#options;
    while (!this.#stop.signal.aborted) {
      const why = await this.#watch();
      table.watchEnded();
      onPresence?.(false);
      if (this.#stop.signal.aborted) return;
      if (why !== this.#complaint) log.warn("the watch of routes ended", { address, why });
      this.#complaint = why;
      const delayMs = this.#backoffMs * (0.5 + Math.random() / 2);
      this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MAX_MS);
      await sleep(delayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  /** One watch from its beginning to its end; answers why it ended. */
  async #watch(): Promise<string> {
    const { address, tls, table, log, onPresence } = this.#options;
    let close: () => void = () => undefined;
    try {
      const client = createGrpcClient(RoutingService, {
        address,
        ...(tls === undefined
          ? {}
          : { tls: { folder: tls.folder, serverIdentity: await tls.identity() } }),
      });
      close = () => client.close();
      table.watchStarted();
      const options = { timeoutMs: WATCH_MS, signal: this.#stop.signal };
      for await (const entry of client.watchClsRouting(create(ClsRoutingRequestSchema), options)) {
        table.watchEvent(entry);
        if (!entry.snapshotEnd) continue;
        this.#backoffMs = BACKOFF_MIN_MS;
        this.#complaint = undefined;
        onPresence?.(true);
        log.info("the operator's routes are complete", { address, classes: table.size });
      }
      return "the operator ended it";
    } catch (cause: unknown) {
      return errorMessage(cause);
    } finally {
      close();
    }
  }
}
