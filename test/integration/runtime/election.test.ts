// Leader election on a real API server: release, takeover, and no write by the one that has lost.

import { describe, expect, it, jest } from "@jest/globals";

import { KINDS } from "#controllers/runtime/index.ts";
import { WIDGET, widget } from "#controllers/runtime/testing/widgets.ts";

import { eventually, freshNamespace, realServerOfFile, untilReady, userApply } from "./support.ts";

jest.setTimeout(60_000);

const server = realServerOfFile("runtime-election");

const leaderElection = (leaseNamespace: string) => ({
  leaseName: "widget-operator",
  leaseNamespace,
  leaseDurationMs: 4_000,
  renewDeadlineMs: 3_000,
  retryPeriodMs: 500,
});

describe("two operators with one lease", () => {
  it("one leads; the other follows at once when it stops", async () => {
    const ns = await freshNamespace(server.user, "release");
    const one = server.start({ identity: "one", leaderElection: leaderElection(ns) });
    await eventually("one leads", () => Promise.resolve(one.manager.isLeading));
    const two = server.start({ identity: "two", leaderElection: leaderElection(ns) });
    await userApply(server.user, WIDGET, widget("w", { text: "a" }, ns));
    await untilReady(server.user, widget("w", { text: "a" }, ns));
    expect(two.manager.isLeading).toBe(false);
    expect(two.requests.filter((entry) => entry.method !== "GET")).toEqual([]);
    await one.stop();
    const stoppedAtMs = performance.now();
    await eventually("two leads", () => Promise.resolve(two.manager.isLeading));
    expect(performance.now() - stoppedAtMs).toBeLessThan(3_000);
    await userApply(server.user, WIDGET, widget("w", { text: "b" }, ns));
    await untilReady(server.user, widget("w", { text: "b" }, ns));
    await two.stop();
    const lease = await server.user.get(KINDS.Lease, { namespace: ns, name: "widget-operator" });
    expect(lease?.spec?.holderIdentity ?? "").toBe("");
  });

  it("a holder whose lease was taken writes nothing more and comes back as a standby", async () => {
    const ns = await freshNamespace(server.user, "taken");
    const one = server.start({ identity: "one", leaderElection: leaderElection(ns) });
    await eventually("one leads", () => Promise.resolve(one.manager.isLeading));
    await server.user.jsonPatch(
      KINDS.Lease,
      { namespace: ns, name: "widget-operator" },
      [{ op: "replace", path: "/spec/holderIdentity", value: "somebody" }],
      { fieldManager: "test" },
    );
    await eventually("one has noticed", () => Promise.resolve(!one.manager.isLeading));
    one.requests.length = 0;
    await userApply(server.user, WIDGET, widget("w", { text: "a" }, ns));
    // The foreign holder never renews; after the lease has run out, one leads again.
    await eventually("one leads again", () => Promise.resolve(one.manager.isLeading));
    await untilReady(server.user, widget("w", { text: "a" }, ns));
    await one.stop();
  });
});
