// The life of an operator's process between its options and its exit code: manager, name of the
// cluster, the operator's own start. Signals and the environment stay in the operator's main.
import type { Logger } from "#api/base/index.ts";

import type { ClusterConfig } from "../client/config.ts";
import { readClusterUid } from "./cluster-uid.ts";
import type { ListenAddress } from "./flags.ts";
import { Manager } from "./operator-process.ts";
import type { ShardOptions } from "./shard.ts";

/** What every operator can be told from outside. */
export interface CommonOptions {
  readonly cluster: ClusterConfig;
  /** Namespace of the operator. */
  readonly namespace: string;
  /** Unique per process: lease holder and event reporter. */
  readonly identity: string;
  readonly leaderElect: boolean;
  readonly health: ListenAddress;
  /** All namespaces if not given. */
  readonly watchNamespaces?: readonly string[] | undefined;
  /** All objects if not given. */
  readonly shard?: ShardOptions | undefined;
}

/** What an operator's start is given. */
export interface OperatorParts<Options extends CommonOptions> {
  readonly manager: Manager;
  readonly options: Options;
  readonly clusterUid: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Runs an operator until `signal` aborts and answers the exit code: 0 after an orderly end, 1 if
 * something failed, which is then in the log. `start` adds controllers and runs the manager.
 */
export async function runOperator<Options extends CommonOptions>(setup: {
  readonly name: string;
  readonly options: Options;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly start: (parts: OperatorParts<Options>) => Promise<void>;
}): Promise<number> {
  const { name, options, log, signal, start } = setup;
  const manager = new Manager({
    name,
    identity: options.identity,
    cluster: options.cluster,
    logger: log,
    health: options.health,
    ...(options.watchNamespaces === undefined ? {} : { watchNamespaces: options.watchNamespaces }),
    ...(options.shard === undefined ? {} : { shard: options.shard }),
    ...(options.leaderElect
      ? { leaderElection: { leaseName: name, leaseNamespace: options.namespace } }
      : {}),
  });
  try {
    const clusterUid = await readClusterUid(manager.client, log, signal);
    if (clusterUid !== undefined) await start({ manager, options, clusterUid, log, signal });
    return 0;
  } catch (cause) {
    log.error("the operator ends", { cause });
    return 1;
  }
}
