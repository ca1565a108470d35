// A real kube-apiserver for the runtime's tests, with the widget kind of its unit tests served.

import { afterAll, afterEach, beforeAll } from "@jest/globals";

import type { KubeObject, Live, RequestLogEntry } from "#controllers/runtime/index.ts";
import { Client, isStatus, keyOf, Manager } from "#controllers/runtime/index.ts";
import { openCredentials } from "#controllers/runtime/client/credentials.ts";
import { RestClient } from "#controllers/runtime/client/rest-client.ts";
import { UndiciTransport } from "#controllers/runtime/client/undici-transport.ts";
import type { Kind } from "#controllers/runtime/kinds/kind.ts";
import { defineKind } from "#controllers/runtime/kinds/kind.ts";
import { createMetrics } from "#controllers/runtime/base/metrics.ts";
import type { ManagerOptions } from "#controllers/runtime/lifecycle/options.ts";
import { systemClock, systemRng, systemTimers } from "#controllers/runtime/base/timers.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";
import type { WidgetPort } from "#controllers/runtime/testing/widgets.ts";
import { WIDGET, widgetController } from "#controllers/runtime/testing/widgets.ts";
import { openCluster } from "#hack/cluster/index.ts";

const CRD = defineKind<
  KubeObject & {
    readonly status?: {
      readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    };
  }
>({
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
});

/** Namespaces, which no operator of ours writes. */
export const NAMESPACE: Kind = defineKind({
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  namespaced: false,
});

/** One real API server. */
export interface RealServer {
  readonly kubeconfigPath: string;
  /** A user of the API server beside the operator. */
  readonly user: Client;
  /** Runs a manager with the widget controller on it. */
  start(
    options?: Partial<ManagerOptions>,
    overrides?: Parameters<typeof widgetController>[1],
  ): RealOperator;
  close(): Promise<void>;
}

/** A running operator and what it has done. */
export interface RealOperator {
  readonly manager: Manager;
  readonly port: WidgetPort;
  /** Requests so far; Events and Leases are left out. */
  readonly requests: RequestLogEntry[];
  readonly lines: readonly { readonly message: string }[];
  stop(): Promise<void>;
}

/** Starts the control plane and installs the CRD. */
export async function realServer(name: string): Promise<RealServer> {
  const cluster = await openCluster({
    name,
    controlPlaneOnly: true,
    fresh: true,
    controllerManager: true,
  });
  const transport = new UndiciTransport({
    credentials: openCredentials({ kind: "kubeconfig", path: cluster.kubeconfigPath }, () =>
      performance.now(),
    ),
    userAgent: "runtime-tests",
  });
  const user = new Client(
    new RestClient({
      transport,
      world: { clock: systemClock, timers: systemTimers, rng: systemRng },
      logger: memoryLogger(),
      metrics: createMetrics(),
    }),
  );
  await installWidgets(user);
  return {
    kubeconfigPath: cluster.kubeconfigPath,
    user,
    start: (options, overrides) => startOperator(cluster.kubeconfigPath, options, overrides),
    async close() {
      await transport.close();
      await cluster.down();
    },
  };
}

/**
 * The API server of one test file, from before its first test until after its last. Operators that
 * a test has started are stopped when it ends.
 */
export function realServerOfFile(name: string): Pick<RealServer, "start" | "user"> {
  let server: RealServer | undefined;
  const started: RealOperator[] = [];
  const running = (): RealServer => {
    if (server === undefined) throw new Error(`${name} is not up yet`);
    return server;
  };
  beforeAll(async () => {
    server = await realServer(name);
  }, 120_000);
  afterEach(async () => {
    await Promise.all(started.splice(0).map((operator) => operator.stop()));
  });
  afterAll(async () => {
    await server?.close();
  }, 60_000);
  return {
    get user() {
      return running().user;
    },
    start(options, overrides) {
      const operator = running().start(options, overrides);
      started.push(operator);
      return operator;
    },
  };
}

function startOperator(
  kubeconfigPath: string,
  options: Partial<ManagerOptions> = {},
  overrides: Parameters<typeof widgetController>[1] = {},
): RealOperator {
  const port: WidgetPort = { calls: [], fail: false };
  const requests: RequestLogEntry[] = [];
  const logger = memoryLogger();
  const controller = new AbortController();
  const manager = new Manager({
    name: "widget-operator",
    identity: "pod-0",
    cluster: { kind: "kubeconfig", path: kubeconfigPath },
    logger,
    freezeObjects: true,
    onRequest: (entry) => {
      if (!/\/(events|leases)(\/|$)/.test(entry.path)) requests.push(entry);
    },
    ...options,
  });
  manager.add(widgetController(port, overrides));
  const running = manager.run(controller.signal);
  return {
    manager,
    port,
    requests,
    lines: logger.lines,
    async stop() {
      controller.abort();
      await running;
    },
  };
}

async function installWidgets(user: Client): Promise<void> {
  await user.apply(CRD, widgetCrd(), { fieldManager: "test" });
  await eventually("the CRD is established", async () => {
    const crd = await user.get(CRD, { namespace: "", name: "widgets.example.io" });
    return crd?.status?.conditions?.some(
      (one) => one.type === "Established" && one.status === "True",
    );
  });
}

function widgetCrd(): KubeObject {
  const text = { type: "string", maxLength: 200 };
  const flag = { type: "boolean" };
  const condition = {
    type: "object",
    required: ["type", "status", "reason", "lastTransitionTime", "message"],
    properties: {
      type: text,
      status: text,
      reason: text,
      message: { type: "string" },
      lastTransitionTime: { type: "string", format: "date-time" },
      observedGeneration: { type: "integer", format: "int64" },
    },
  };
  const spec = { text, service: flag, kept: flag, invalid: flag, unserved: text };
  const conditions = {
    type: "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
    items: condition,
  };
  const status = { observedGeneration: { type: "integer", format: "int64" }, text, conditions };
  const object = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.io" },
    spec: {
      group: "example.io",
      scope: "Namespaced",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: {
                spec: { type: "object", properties: spec },
                status: {
                  type: "object",
                  default: { observedGeneration: -1 },
                  properties: status,
                },
              },
            },
          },
        },
      ],
    },
  };
  return object;
}

/**
 * Waits for a condition of the outside world; fails after 60 s with `what`. The garbage collector
 * looks for new kinds only every 30 s.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A namespace of its own for a test. */
export async function freshNamespace(user: Client, name: string): Promise<string> {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
  try {
    await user.create(NAMESPACE, namespace, { fieldManager: "test" });
  } catch (cause) {
    if (!isStatus(cause, 409)) throw cause;
  }
  return name;
}

/** Applies as kubectl would. */
export function userApply<T extends object>(
  user: Client,
  kind: Kind<T>,
  object: KubeObject,
): Promise<Live<T>> {
  return user.apply(kind, object, { fieldManager: "kubectl" });
}

/** Waits until the widget is Ready for its present generation. */
export async function untilReady(user: Client, object: KubeObject): Promise<void> {
  await eventually(`${object.metadata.name ?? ""} is Ready`, async () => {
    const live = await user.get(WIDGET, keyOf(object));
    const ready = live?.status?.conditions?.find((one) => one.type === "Ready");
    return (
      ready?.status === "True" && live?.status?.observedGeneration === live?.metadata.generation
    );
  });
}

/** Waits until the operator has had nothing to do for a while. */
export async function untilQuiet(operator: RealOperator): Promise<void> {
  let seen = -1;
  let since = performance.now();
  await eventually("the operator is quiet", () => {
    if (operator.requests.length !== seen || !operator.manager.isQuiet) {
      seen = operator.requests.length;
      since = performance.now();
    }
    return Promise.resolve(performance.now() - since > 400);
  });
}

/** What was written, as `VERB path status`. */
export function writesOf(operator: RealOperator): readonly string[] {
  return operator.requests
    .filter((one) => one.method !== "GET")
    .map((one) => `${one.method} ${one.path} ${one.status}`);
}
