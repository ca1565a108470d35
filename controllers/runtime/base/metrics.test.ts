import { describe, expect, it } from "@jest/globals";

import { WIDGET, widget, widgetWorld } from "../testing/widgets.ts";

/**
 * Names, types and labels that dashboards and alerts for controller-runtime and client-go know.
 * Source: controller-runtime 0.24 pkg/internal/controller/metrics, pkg/internal/metrics,
 * pkg/metrics. Not here: controller_runtime_webhook_* and conversion_webhook_* (there are no
 * webhooks).
 */
const KNOWN: Readonly<Record<string, readonly [type: string, labels: readonly string[]]>> = {
  controller_runtime_reconcile_total: ["counter", ["controller", "result"]],
  controller_runtime_reconcile_errors_total: ["counter", ["controller"]],
  controller_runtime_terminal_reconcile_errors_total: ["counter", ["controller"]],
  controller_runtime_reconcile_panics_total: ["counter", ["controller"]],
  controller_runtime_reconcile_timeouts_total: ["counter", ["controller"]],
  controller_runtime_reconcile_time_seconds: ["histogram", ["controller"]],
  controller_runtime_max_concurrent_reconciles: ["gauge", ["controller"]],
  controller_runtime_active_workers: ["gauge", ["controller"]],
  workqueue_depth: ["gauge", ["controller", "name", "priority"]],
  workqueue_adds_total: ["counter", ["controller", "name"]],
  workqueue_queue_duration_seconds: ["histogram", ["controller", "name"]],
  workqueue_work_duration_seconds: ["histogram", ["controller", "name"]],
  workqueue_unfinished_work_seconds: ["gauge", ["controller", "name"]],
  workqueue_longest_running_processor_seconds: ["gauge", ["controller", "name"]],
  workqueue_retries_total: ["counter", ["controller", "name"]],
  rest_client_requests_total: ["counter", ["code", "host", "method"]],
  rest_client_request_duration_seconds: ["histogram", ["host", "verb"]],
  rest_client_request_size_bytes: ["histogram", ["host", "verb"]],
  rest_client_response_size_bytes: ["histogram", ["host", "verb"]],
  rest_client_rate_limiter_duration_seconds: ["histogram", ["host", "verb"]],
  rest_client_request_retries_total: ["counter", ["code", "host", "verb"]],
  leader_election_master_status: ["gauge", ["name"]],
  leader_election_slowpath_total: ["counter", ["name"]],
  certwatcher_read_certificate_total: ["counter", []],
  certwatcher_read_certificate_errors_total: ["counter", []],
};

/** What only we can fill. */
const OURS: typeof KNOWN = {
  cache_lag_seconds: ["histogram", ["kind"]],
  informer_relists_total: ["counter", ["kind", "reason"]],
  informer_bytes_total: ["counter", ["kind"]],
  apply_skipped_total: ["counter", ["controller"]],
  drift_reverted_total: ["counter", ["controller", "kind"]],
};

describe("metrics", () => {
  it("have the names, types and labels that dashboards know", async () => {
    const world = widgetWorld();
    const leaderElection = { leaseName: "op", leaseNamespace: "system" };
    const { manager, stop } = world.start({ leaderElection });
    let failures = 3;
    world.server.intercept = (request) => {
      if (!request.path.includes("configmaps/w-map") || failures-- <= 0) return undefined;
      return { kind: "answer", status: failures === 2 ? 429 : 500 };
    };
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(20_000);
    const metrics = await manager.registry.getMetricsAsJSON();
    const found = Object.fromEntries(
      metrics.map(({ name, type, values }) => {
        const labels = new Set(values.flatMap((one) => Object.keys(one.labels)));
        labels.delete("le");
        return [name, [String(type), [...labels].sort()]];
      }),
    );
    const always = (name: string): boolean =>
      !["drift_reverted_total", "leader_election_slowpath_total"].includes(name);
    for (const [name, want] of Object.entries({ ...KNOWN, ...OURS })) {
      expect([name, found[name]?.[0]]).toEqual([name, want[0]]);
      // A counter with labels that never counted has no labels to show.
      if (always(name)) expect([name, found[name]?.[1]]).toEqual([name, want[1]]);
    }
    await stop();
  });

  it("tell results of passes from the start, so that rates have a beginning", async () => {
    const world = widgetWorld();
    const { manager, stop } = world.start();
    const text = await manager.registry.getSingleMetricAsString(
      "controller_runtime_reconcile_total",
    );
    for (const result of ["success", "error", "requeue", "requeue_after"]) {
      expect(text).toContain(`{controller="widget",result="${result}"} 0`);
    }
    await stop();
  });

  it("describe themselves", async () => {
    const world = widgetWorld();
    const { manager, stop } = world.start();
    for (const { help } of await manager.registry.getMetricsAsJSON()) {
      expect(help).toMatch(/^[A-Z0-9].{8,}\.$/);
    }
    await stop();
  });
});
