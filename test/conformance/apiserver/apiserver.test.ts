// One suite, run on the fake API server and on a real kube-apiserver with its controller manager: the
// two conversations must be the same, word by word.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { openCredentials } from "#controllers/runtime/client/credentials.ts";
import { UndiciTransport } from "#controllers/runtime/client/undici-transport.ts";
import { FakeApiServer, FakeClock } from "#controllers/runtime/testing/index.ts";
import { openCluster } from "#hack/cluster/index.ts";

import { APPLY_CASES } from "./cases-apply.ts";
import { READ_CASES } from "./cases-reads.ts";
import { WRITE_CASES } from "./cases-writes.ts";
import { GIZMO, GIZMO_CRD } from "./gizmo.ts";
import type { ApiDriver } from "./session.ts";
import { Session } from "./session.ts";

const CASES = [...WRITE_CASES, ...APPLY_CASES, ...READ_CASES];

let real: ApiDriver;
let close: () => Promise<void>;

beforeAll(async () => {
  const cluster = await openCluster({
    name: "conformance-api",
    controlPlaneOnly: true,
    fresh: true,
    controllerManager: true,
  });
  const clock = () => performance.now();
  const config = { kind: "kubeconfig", path: cluster.kubeconfigPath } as const;
  const transport = new UndiciTransport({
    credentials: openCredentials(config, clock),
    userAgent: "conformance",
  });
  close = async () => {
    await transport.close();
    await cluster.down();
  };
  const moment = () => new Promise<void>((resolve) => setTimeout(resolve, 50));
  real = { transport, moment };
  await cluster.kubectl(["apply", "-f", "-"], { input: JSON.stringify(GIZMO_CRD) });
  await cluster.kubectl(["wait", "--for=condition=Established", `crd/${GIZMO_CRD.metadata.name}`]);
  const manifests = CASES.map((_one, at) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: namespaceOf(at) },
  }));
  const list = { apiVersion: "v1", kind: "List", items: manifests };
  await cluster.kubectl(["apply", "-f", "-"], { input: JSON.stringify(list) });
}, 120_000);

afterAll(async () => {
  await close?.();
}, 60_000);

function namespaceOf(at: number): string {
  return `case-${String(at).padStart(2, "0")}`;
}

function fake(): ApiDriver {
  const clock = new FakeClock({ settleTurns: 2 });
  const transport = new FakeApiServer({ clock, kinds: [GIZMO] });
  return { transport, moment: () => clock.advance(1_000) };
}

describe("the fake API server answers as the real one", () => {
  it.each(CASES.map((one, at) => ({ ...one, at })))("$name", async ({ run, at }) => {
    const [ours, theirs] = [fake(), real].map((driver) => new Session(driver, namespaceOf(at)));
    if (ours === undefined || theirs === undefined) throw new TypeError("two sessions");
    await run(theirs);
    await run(ours);
    expect(ours.log).toEqual(theirs.log);
  });
});
