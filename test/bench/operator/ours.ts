// The operator under test on our runtime, with the command line of `go/main.go`. Bundled by
// subject.ts as every image of this project is.

import { parseArgs } from "node:util";

import type { ConfigMap, Service } from "kubernetes-types/core/v1.js";

import type { AnyController, Live, Outcome } from "#controllers/runtime/index.ts";
import { createJsonLogger, defineController, KINDS, Manager } from "#controllers/runtime/index.ts";

import type { Site } from "./site.ts";
import { SITE, SITE_FINALIZER } from "./site.ts";

const NAME = "bench-ts";

interface Observed {
  readonly site: Live<Site>;
  readonly config: Live<ConfigMap> | undefined;
  readonly service: Live<Service> | undefined;
}

type Plan = Record<never, never>;

function siteController(): AnyController {
  return defineController<Site, Observed, Plan, { address?: string }, never, undefined, undefined>({
    name: "site",
    kind: SITE,
    fieldManager: NAME,
    children: [{ kind: KINDS.ConfigMap }, { kind: KINDS.Service }],
    permissions: [],
    port: undefined,
    defaults: undefined,
    concurrency: 10,
    observe(key, reader) {
      const site = reader.get(SITE, key);
      if (site === undefined) return undefined;
      const config = reader.get(KINDS.ConfigMap, { ...key, name: `${key.name}-config` });
      return { site, config, service: reader.get(KINDS.Service, key) };
    },
    plan: () => ({}),
    render: ({ site }) => render(site),
    computeStatus: computeStatus,
    finalizer: {
      name: SITE_FINALIZER,
      finalize: () => ({ kind: "done" }),
      timeoutMs: 60_000,
      escapeAnnotation: "bench.example.io/give-up",
    },
  });
}

function render(site: Live<Site>) {
  const { name, namespace = "" } = site.metadata;
  const labels = {
    "app.kubernetes.io/managed-by": NAME,
    "app.kubernetes.io/instance": name,
  };
  const config = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: `${name}-config`, namespace, labels },
    data: { text: site.spec.text, port: String(site.spec.port) },
  };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, labels },
    spec: {
      selector: { "app.kubernetes.io/instance": name },
      ports: [{ name: "http", protocol: "TCP", port: site.spec.port, targetPort: 8080 }],
    },
  };
  return [config, service];
}

function computeStatus(observed: Observed, _plan: Plan, outcome: Outcome) {
  const { config, service } = observed;
  const address = service?.spec?.clusterIP;
  const there = outcome.kind === "applied" && config !== undefined && service !== undefined;
  return {
    fields: address === undefined ? {} : { address },
    conditions: [
      there
        ? {
            type: "Ready",
            status: "True" as const,
            reason: "Available",
            message: "ConfigMap and Service are in place",
          }
        : {
            type: "Ready",
            status: "False" as const,
            reason: "Progressing",
            message: "ConfigMap or Service is missing",
          },
    ],
  };
}

const { values } = parseArgs({
  options: {
    server: { type: "string", default: "" },
    "token-file": { type: "string", default: "" },
    "ca-file": { type: "string", default: "" },
    namespace: { type: "string", default: "" },
    metrics: { type: "string", default: "" },
  },
});
const server = new URL(values.server);
const metrics = new URL(`http://${values.metrics}`);
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
const manager = new Manager({
  name: NAME,
  identity: `${NAME}-${process.pid}`,
  cluster: {
    kind: "in-cluster",
    host: server.hostname,
    port: Number(server.port),
    tokenFile: values["token-file"],
    caFile: values["ca-file"],
  },
  logger: createJsonLogger(NAME, "info"),
  leaderElection: { leaseName: NAME, leaseNamespace: values.namespace },
  health: { host: metrics.hostname, port: Number(metrics.port) },
});
manager.add(siteController());
await manager.run(stop.signal);
