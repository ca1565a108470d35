// What a cluster is called: the uid of its namespace kube-system, which lives as long as it does.
import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";

import type { Client } from "../client/client.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { Timers } from "../base/timers.ts";
import { sleep, systemTimers } from "../base/timers.ts";

const RETRY_MS = 2_000;

/**
 * The uid of the cluster; undefined if `signal` aborts first. Waits for an API server that does not
 * answer yet, and says so in the log.
 */
export async function readClusterUid(
  client: Client,
  log: Logger,
  signal: AbortSignal,
  timers: Timers = systemTimers,
): Promise<string | undefined> {
  while (!signal.aborted) {
    try {
      const found = await client.get(KINDS.Namespace, { namespace: "", name: "kube-system" });
      if (found !== undefined) return found.metadata.uid;
      log.warn("namespace kube-system is not there, trying again");
    } catch (cause) {
      log.warn("the API server does not answer, trying again", { error: errorMessage(cause) });
    }
    await sleep(timers, RETRY_MS, signal);
  }
  return undefined;
}
