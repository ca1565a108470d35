// A small operator for tests: a Widget makes a ConfigMap and, if asked, a Service. It shows every
// function that a controller can have.

import type { Clock, Logger } from "#api/base/index.ts";
import type { Condition } from "#api/meta/index.ts";
import { seededRng } from "#api/base/testing/seeded-rng.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.js";

import type {
  AnyController,
  Child,
  ConditionDraft,
  Controller,
  Outcome,
  Rendered,
} from "../controller/types.ts";
import { defineController } from "../controller/types.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { Kind, KubeObject, Live, ObjectKey } from "../kinds/kind.ts";
import { defineKind } from "../kinds/kind.ts";
import type { ManagerOptions } from "../lifecycle/options.ts";
import { Manager } from "../lifecycle/operator-process.ts";
import { FakeApiServer } from "./fake-api-server.ts";
import type { FakeClock } from "./fake-clock.ts";
import { fakeWorld, settle } from "./fake-clock.ts";
import { memoryLogger } from "./memory-logger.ts";

export interface Widget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly text: string;
    readonly service?: boolean;
    readonly kept?: boolean;
    readonly invalid?: boolean;
    readonly unserved?: string;
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly text?: string;
    readonly conditions?: readonly Condition[];
  };
}

export const WIDGET: Kind<Widget> = defineKind<Widget>({
  group: "example.io",
  version: "v1",
  kind: "Widget",
  plural: "widgets",
  namespaced: true,
});

export interface Observed {
  readonly widget: Live<Widget>;
  readonly texts: readonly string[];
}

type WidgetController = Controller<
  Widget,
  Observed,
  { readonly text: string },
  { readonly text?: string },
  string,
  WidgetPort,
  undefined
>;

/** What is outside Kubernetes for a widget. */
export interface WidgetPort {
  readonly calls: string[];
  fail: boolean;
}

/** The controller, with parts replaced as a test wants. */
export function widgetController(
  port: WidgetPort,
  overrides: Partial<WidgetController> = {},
): AnyController {
  return defineController<
    Widget,
    Observed,
    { readonly text: string },
    { readonly text?: string },
    string,
    WidgetPort,
    undefined
  >({
    name: "widget",
    kind: WIDGET,
    fieldManager: "example-widget",
    children: [{ kind: KINDS.ConfigMap }, { kind: KINDS.Service }],
    permissions: [],
    served: ["invalid", "kept", "service", "text"],
    port,
    defaults: undefined,
    observe(key, reader) {
      const widget = reader.get(WIDGET, key);
      if (widget === undefined) return undefined;
      const maps = reader.owned(KINDS.ConfigMap, widget.metadata.uid);
      return { widget, texts: maps.map((map) => map.data?.["text"] ?? "") };
    },
    plan: (observed) => ({ text: observed.widget.spec.text }),
    render: (observed) => renderWidget(observed.widget),
    calls: (plan) => (plan.text === "" ? [] : [`announce ${plan.text}`]),
    async act(calls, target) {
      await Promise.resolve();
      if (target.fail) throw new Error("nobody listens");
      target.calls.push(...calls);
    },
    computeStatus: (observed, _plan, outcome) => ({
      fields: observed.texts[0] === undefined ? {} : { text: observed.texts[0] },
      conditions: [readyOf(observed, outcome)],
    }),
    ...overrides,
  });
}

/** All children of a widget. */
export function renderWidget(widget: Live<Widget>): Rendered {
  const { spec, metadata } = widget;
  if (spec.invalid === true) {
    return { refused: { reason: "Invalid", message: "must not be", path: "spec.invalid" } };
  }
  const namespace = metadata.namespace ?? "";
  const labels = { "app.kubernetes.io/instance": metadata.name };
  const children: Child[] = [
    configMap({ namespace, name: `${metadata.name}-map`, labels, text: spec.text }),
  ];
  if (spec.service === true) {
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace, name: `${metadata.name}-svc`, labels },
      spec: { selector: labels, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    };
    children.push(service);
  }
  if (spec.kept === true) {
    const object = configMap({ namespace, name: `${metadata.name}-kept`, labels, text: "kept" });
    children.push({ object, ownership: "Label", prune: "Keep" });
  }
  return children;
}

function configMap(options: {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly text: string;
}): KubeObject {
  const { namespace, name, labels, text } = options;
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace, name, labels },
    data: { text },
  };
  return object;
}

function readyOf(observed: Observed, outcome: Outcome): ConditionDraft {
  const there = observed.texts.includes(observed.widget.spec.text);
  return there && outcome.kind === "applied"
    ? { type: "Ready", status: "True", reason: "Available", message: "all is there" }
    : { type: "Ready", status: "False", reason: "Progressing", message: "not there yet" };
}

/** A widget as a user would apply it. */
export function widget(
  name: string,
  spec: Widget["spec"],
  namespace = "shop",
): Widget & KubeObject {
  return { apiVersion: "example.io/v1", kind: "Widget", metadata: { namespace, name }, spec };
}

/** Key in the namespace of {@link widget}. */
export function inShop(name: string): ObjectKey {
  return { namespace: "shop", name };
}

/** An operator on a fake server in a fake world. */
export interface WidgetWorld {
  readonly server: FakeApiServer;
  readonly clock: FakeClock;
  readonly port: WidgetPort;
  readonly logger: Logger & { readonly lines: readonly { readonly message: string }[] };
  /** Starts a manager; `stop` stops it and waits. */
  start(options?: Partial<ManagerOptions>, overrides?: Partial<WidgetController>): RunningManager;
}

export interface RunningManager {
  readonly manager: Manager;
  stop(): Promise<void>;
}

/** Everything that a test of a whole operator needs. */
export function widgetWorld(
  options: { readonly seed?: number; readonly streamingLists?: boolean } = {},
): WidgetWorld {
  const world = fakeWorld(options.seed);
  const server = new FakeApiServer({
    clock: world.clock,
    kinds: [WIDGET],
    streamingLists: options.streamingLists ?? true,
  });
  const port: WidgetPort = { calls: [], fail: false };
  const logger = memoryLogger();
  let started = 0;
  return {
    server,
    clock: world.clock,
    port,
    logger,
    start(managerOptions = {}, overrides = {}) {
      const controller = new AbortController();
      const clock: Clock = world.clock;
      const manager = new Manager({
        name: "widget-operator",
        identity: `pod-${started++}`,
        cluster: server,
        logger,
        clock,
        timers: world.clock,
        rng: seededRng(started),
        freezeObjects: true,
        ...managerOptions,
      });
      manager.add(widgetController(port, overrides));
      const running = manager.run(controller.signal);
      return {
        manager,
        async stop() {
          controller.abort();
          for (let turn = 0; turn < 40; turn++) {
            await settle();
            await world.clock.advance(1_000);
          }
          await running;
        },
      };
    },
  };
}
