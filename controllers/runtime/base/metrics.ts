// Metrics under the names that dashboards and alerts for controller-runtime know, and a few that
// only we can fill. One registry per manager; nothing global, so that tests do not meet.

import { Counter, Gauge, Histogram, Registry } from "prom-client";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const QUEUE_SECONDS = Array.from({ length: 12 }, (_, index) => 1e-8 * 10 ** index);
const BYTES = [64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216];

/** All metrics of a manager. */
export interface Metrics {
  readonly registry: Registry;
  /** Calls `measure` before every reading of the registry, for gauges about what is going on. */
  readonly onRead: (measure: () => void) => void;
  readonly reconciles: Counter<"controller" | "result">;
  readonly reconcileErrors: Counter<"controller">;
  readonly terminalErrors: Counter<"controller">;
  readonly panics: Counter<"controller">;
  readonly timeouts: Counter<"controller">;
  readonly reconcileSeconds: Histogram<"controller">;
  readonly maxConcurrent: Gauge<"controller">;
  readonly activeWorkers: Gauge<"controller">;
  readonly queueDepth: Gauge<"name" | "controller" | "priority">;
  readonly queueAdds: Counter<"name" | "controller">;
  readonly queueSeconds: Histogram<"name" | "controller">;
  readonly workSeconds: Histogram<"name" | "controller">;
  readonly unfinishedSeconds: Gauge<"name" | "controller">;
  readonly longestRunningSeconds: Gauge<"name" | "controller">;
  readonly queueRetries: Counter<"name" | "controller">;
  readonly requests: Counter<"code" | "method" | "host">;
  readonly requestSeconds: Histogram<"verb" | "host">;
  readonly requestBytes: Histogram<"verb" | "host">;
  readonly responseBytes: Histogram<"verb" | "host">;
  readonly rateLimiterSeconds: Histogram<"verb" | "host">;
  readonly requestRetries: Counter<"code" | "verb" | "host">;
  readonly leader: Gauge<"name">;
  readonly leaderSlowpath: Counter<"name">;
  readonly cacheLagSeconds: Histogram<"kind">;
  readonly relists: Counter<"kind" | "reason">;
  readonly informerBytes: Counter<"kind">;
  readonly cacheObjects: Gauge<"kind">;
  readonly applySkipped: Counter<"controller">;
  readonly driftReverted: Counter<"controller" | "kind">;
  readonly pruned: Counter<"controller" | "kind">;
  readonly statusSkipped: Counter<"controller">;
  readonly restless: Counter<"controller" | "what">;
  readonly stuck: Gauge<"controller">;
  readonly eventsDropped: Counter<"reason">;
  readonly clusterUp: Gauge<"cluster">;
  readonly credentialReads: Counter;
  readonly credentialErrors: Counter;
}

/** Results of passes as controller-runtime names them. */
const RESULTS = ["success", "error", "requeue", "requeue_after"] as const;

/** Begins the counters of a controller at 0, so that rates have a beginning. */
export function beginCounting(metrics: Metrics, controller: string): void {
  for (const result of RESULTS) metrics.reconciles.inc({ controller, result }, 0);
  for (const counter of [
    metrics.reconcileErrors,
    metrics.terminalErrors,
    metrics.panics,
    metrics.timeouts,
    metrics.applySkipped,
    metrics.statusSkipped,
  ]) {
    counter.inc({ controller }, 0);
  }
}

/** A fresh registry with all metrics at zero. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const measures: (() => void)[] = [];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    buckets: number[],
  ): Histogram<L> => new Histogram({ name, help, labelNames, buckets, registers });
  const measured: MakeGauge = (name, help, labelNames) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect: () => measures.forEach((measure) => measure()),
    });
  return {
    registry,
    onRead: (measure) => void measures.push(measure),
    ...controllerMetrics(counter, gauge, histogram),
    ...queueMetrics(counter, gauge, measured, histogram),
    ...clientMetrics(counter, histogram),
    ...cacheMetrics(counter, gauge, histogram),
    ...clusterMetrics(counter, gauge),
    leader: gauge("leader_election_master_status", "1 while this process leads.", ["name"]),
    leaderSlowpath: counter(
      "leader_election_slowpath_total",
      "Renewals that had to read the Lease first.",
      ["name"],
    ),
    applySkipped: counter("apply_skipped_total", "Children that were as desired.", ["controller"]),
    driftReverted: counter("drift_reverted_total", "Foreign changes of our fields undone.", [
      "controller",
      "kind",
    ]),
    pruned: counter("pruned_total", "Children deleted as no longer desired.", [
      "controller",
      "kind",
    ]),
    statusSkipped: counter("status_skipped_total", "Status as before, not written.", [
      "controller",
    ]),
    restless: counter(
      "reconcile_restless_total",
      "Writes and passes put off because an object does not come to rest.",
      ["controller", "what"],
    ),
    stuck: gauge("reconcile_stuck", "Passes that go on although their time is over.", [
      "controller",
    ]),
    eventsDropped: counter("events_dropped_total", "Events not written, by why.", ["reason"]),
  };
}

type MakeCounter = <L extends string>(name: string, help: string, labels: L[]) => Counter<L>;
type MakeGauge = <L extends string>(name: string, help: string, labels: L[]) => Gauge<L>;
type MakeHistogram = <L extends string>(
  name: string,
  help: string,
  labels: L[],
  buckets: number[],
) => Histogram<L>;

function controllerMetrics(counter: MakeCounter, gauge: MakeGauge, histogram: MakeHistogram) {
  const p = "controller_runtime";
  return {
    reconciles: counter(`${p}_reconcile_total`, "Passes by result.", ["controller", "result"]),
    reconcileErrors: counter(`${p}_reconcile_errors_total`, "Passes that failed.", ["controller"]),
    terminalErrors: counter(
      `${p}_terminal_reconcile_errors_total`,
      "Passes refused until an edit.",
      ["controller"],
    ),
    panics: counter(`${p}_reconcile_panics_total`, "Passes that met a bug.", ["controller"]),
    timeouts: counter(`${p}_reconcile_timeouts_total`, "Passes over their time.", ["controller"]),
    reconcileSeconds: histogram(
      `${p}_reconcile_time_seconds`,
      "Length of a pass.",
      ["controller"],
      SECONDS,
    ),
    maxConcurrent: gauge(`${p}_max_concurrent_reconciles`, "Most passes at once.", ["controller"]),
    activeWorkers: gauge(`${p}_active_workers`, "Passes running now.", ["controller"]),
  };
}

function queueMetrics(
  counter: MakeCounter,
  gauge: MakeGauge,
  measured: MakeGauge,
  histogram: MakeHistogram,
) {
  return {
    queueDepth: gauge("workqueue_depth", "Keys waiting.", ["name", "controller", "priority"]),
    queueAdds: counter("workqueue_adds_total", "Keys added.", ["name", "controller"]),
    queueSeconds: histogram(
      "workqueue_queue_duration_seconds",
      "From adding a key to its pass.",
      ["name", "controller"],
      QUEUE_SECONDS,
    ),
    workSeconds: histogram(
      "workqueue_work_duration_seconds",
      "Length of the work on a key.",
      ["name", "controller"],
      QUEUE_SECONDS,
    ),
    unfinishedSeconds: measured("workqueue_unfinished_work_seconds", "Work in progress, summed.", [
      "name",
      "controller",
    ]),
    longestRunningSeconds: gauge(
      "workqueue_longest_running_processor_seconds",
      "The oldest work in progress.",
      ["name", "controller"],
    ),
    queueRetries: counter("workqueue_retries_total", "Keys added again after a failure.", [
      "name",
      "controller",
    ]),
  };
}

function clientMetrics(counter: MakeCounter, histogram: MakeHistogram) {
  const p = "rest_client";
  return {
    requests: counter(`${p}_requests_total`, "Requests by code and method.", [
      "code",
      "method",
      "host",
    ]),
    requestSeconds: histogram(
      `${p}_request_duration_seconds`,
      "Length of a request.",
      ["verb", "host"],
      SECONDS,
    ),
    requestBytes: histogram(
      `${p}_request_size_bytes`,
      "Size of a request.",
      ["verb", "host"],
      BYTES,
    ),
    responseBytes: histogram(
      `${p}_response_size_bytes`,
      "Size of a response.",
      ["verb", "host"],
      BYTES,
    ),
    rateLimiterSeconds: histogram(
      `${p}_rate_limiter_duration_seconds`,
      "Waits that a server asked for by Retry-After.",
      ["verb", "host"],
      SECONDS,
    ),
    requestRetries: counter(`${p}_request_retries_total`, "Requests sent again.", [
      "code",
      "verb",
      "host",
    ]),
  };
}

function cacheMetrics(counter: MakeCounter, gauge: MakeGauge, histogram: MakeHistogram) {
  return {
    cacheLagSeconds: histogram(
      "cache_lag_seconds",
      "From an event's arrival to its handlers' return.",
      ["kind"],
      SECONDS,
    ),
    relists: counter("informer_relists_total", "Full lists, by why.", ["kind", "reason"]),
    informerBytes: counter("informer_bytes_total", "Bytes received by lists and watches.", [
      "kind",
    ]),
    cacheObjects: gauge("informer_objects", "Objects in the cache.", ["kind"]),
  };
}

function clusterMetrics(counter: MakeCounter, gauge: MakeGauge) {
  return {
    credentialReads: counter(
      "certwatcher_read_certificate_total",
      "Readings of tokens and certificates.",
      [],
    ),
    credentialErrors: counter(
      "certwatcher_read_certificate_errors_total",
      "Readings of tokens and certificates that failed; the last good ones stay.",
      [],
    ),
    clusterUp: gauge("cluster_up", "0 while a cluster beside our own does not answer.", [
      "cluster",
    ]),
  };
}
