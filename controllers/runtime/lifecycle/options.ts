// What a manager needs to be told. Nothing here reads the environment: an operator's options.ts
// does, and hands it in.

import type { Clock, Logger, Rng } from "#api/base/index.ts";

import type { ClusterConfig } from "../client/config.ts";
import type { RequestLogEntry } from "../client/request-log.ts";
import type { Transport } from "../client/transport.ts";
import type { ShardOptions } from "./shard.ts";
import type { Timers } from "../base/timers.ts";

/** Settings of a manager. */
export interface ManagerOptions {
  /** The operator's name: User-Agent, `reportingController` of Events. */
  readonly name: string;
  /** Unique per process, such as the pod's name: lease holder, `reportingInstance` of Events. */
  readonly identity: string;
  /** Where the API server is and how to authenticate, or a transport of one's own (tests). */
  readonly cluster: ClusterConfig | Transport;
  /**
   * Other clusters by name, in which controllers may have children. None of them holds up the
   * manager: a cluster that does not answer is asked less and less often, and calls to it fail at
   * once. More can be added to `Manager.clusters` at any time.
   */
  readonly clusters?: Readonly<Record<string, ClusterConfig | Transport>>;
  readonly logger: Logger;
  /** Without it this process leads from the start; for tests and one-replica development only. */
  readonly leaderElection?: LeaderElectionOptions;
  /**
   * Only these namespaces are watched and written to; kinds that are cluster-scoped are watched
   * as ever. All namespaces if not given. An empty list is a bug.
   */
  readonly watchNamespaces?: readonly string[];
  /**
   * The part of all objects that this process serves; all if not given. Each shard elects a leader
   * of its own, with a Lease per shard. Stop all shards before changing their number, or a shard of
   * the old number and one of the new one serve the same object for as long as the change lasts.
   */
  readonly shard?: ShardOptions;
  /** A watch without a byte for this long is dead; 70,000, above the server's 60 s bookmarks. */
  readonly watchSilenceMs?: number;
  /** From sending a request to its last byte; 30,000, of clusters beside one's own 10,000. */
  readonly requestTimeoutMs?: number;
  /** Where `/healthz`, `/readyz` and `/metrics` are served; nowhere if not given. */
  readonly health?: { readonly host?: string; readonly port: number };
  /** How long a stop waits for running reconciles; 20,000 if not given. */
  readonly shutdownTimeoutMs?: number;
  /** How long the first fill of the caches may take before `/readyz` turns bad; 120,000. */
  readonly cacheSyncTimeoutMs?: number;
  /** Sees every request after its answer; for tests and recordings. */
  readonly onRequest?: (entry: RequestLogEntry) => void;
  /**
   * For development and tests: freezes cached objects deeply, so that a controller that changes one
   * fails, and ends the manager with an error at a status that breaks the API conventions.
   */
  readonly freezeObjects?: boolean;
  /** World: real ones if not given. */
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly rng?: Rng;
}

/** Leader election by Lease. Defaults are those of controller-runtime. */
export interface LeaderElectionOptions {
  readonly leaseName: string;
  readonly leaseNamespace: string;
  /** How long a silent holder is respected; 15,000. */
  readonly leaseDurationMs?: number;
  /** How long the holder goes on without a successful renewal; 10,000, below the duration. */
  readonly renewDeadlineMs?: number;
  /** Between attempts; 2,000. */
  readonly retryPeriodMs?: number;
}
