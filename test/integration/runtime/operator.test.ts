// The operator framework against a real kube-apiserver: what the fake server's tests claim must
// hold here too.

import { describe, expect, it, jest } from "@jest/globals";

import { KINDS, keyOf } from "#controllers/runtime/index.ts";
import { computeKstatus } from "#controllers/runtime/conditions/kstatus.ts";
import { WIDGET, widget } from "#controllers/runtime/testing/widgets.ts";

import {
  eventually,
  freshNamespace,
  realServerOfFile,
  untilQuiet,
  untilReady,
  userApply,
  writesOf,
} from "./support.ts";

jest.setTimeout(120_000);

const server = realServerOfFile("runtime-operator");

const key = (namespace: string, name: string) => ({ namespace, name });

describe("preconditions of server-side apply that the runtime relies on", () => {
  const map = (namespace: string, text: string) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace, name: "m" },
    data: { text },
  });

  it("create-only applies create, and touch nothing that exists", async () => {
    const ns = await freshNamespace(server.user, "create-only");
    const options = { fieldManager: "one", expect: "Create" } as const;
    const made = await server.user.apply(KINDS.ConfigMap, map(ns, "1"), options);
    expect(made.metadata.deletionTimestamp).toBeUndefined();
    const again = server.user.apply(KINDS.ConfigMap, map(ns, "2"), options);
    await expect(again).rejects.toMatchObject({ status: 409 });
    const other = server.user.apply(KINDS.ConfigMap, map(ns, "3"), {
      fieldManager: "two",
      expect: "Create",
    });
    await expect(other).rejects.toMatchObject({ status: 409 });
    const now = await server.user.get(KINDS.ConfigMap, key(ns, "m"));
    expect(now?.data).toEqual({ text: "1" });
    expect(now?.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  });

  it("an apply with a uid neither creates nor touches another object", async () => {
    const ns = await freshNamespace(server.user, "by-uid");
    const options = { fieldManager: "one", expect: { uid: "not-this-one" } };
    await expect(server.user.apply(KINDS.ConfigMap, map(ns, "1"), options)).rejects.toMatchObject({
      status: 409,
    });
    await userApply(server.user, KINDS.ConfigMap, map(ns, "1"));
    await expect(server.user.apply(KINDS.ConfigMap, map(ns, "2"), options)).rejects.toMatchObject({
      status: 422,
      causes: [{ field: "metadata.uid" }, {}],
    });
  });

  // Applies do not ask for strict validation: the server refuses these in any case.
  it.each([
    { name: "a field of a built-in kind", kind: KINDS.ConfigMap, at: [] },
    { name: "metadata of a built-in kind", kind: KINDS.ConfigMap, at: ["metadata"] },
    { name: "a field of a custom kind", kind: WIDGET, at: ["spec"] },
    { name: "metadata of a custom kind", kind: WIDGET, at: ["metadata"] },
  ])("an apply with $name that is unknown is refused", async ({ kind, at: [part] }) => {
    const namespace = await freshNamespace(server.user, "unknown-field");
    const object = kind === WIDGET ? widget("w", { text: "a" }, namespace) : map(namespace, "1");
    const unknown = { unheardOf: "x" };
    const below = (object as unknown as Readonly<Record<string, object>>)[part ?? ""];
    const wrong = part === undefined ? unknown : { [part]: { ...below, ...unknown } };
    const options = { fieldManager: "one" };
    await expect(server.user.apply<object>(kind, { ...object, ...wrong }, options)).rejects.toThrow(
      /unheardOf.*not declared/,
    );
    expect(await server.user.get<object>(kind, keyOf(object))).toBeUndefined();
  });

  it("a status apply at an old version is a conflict", async () => {
    const ns = await freshNamespace(server.user, "status-version");
    const first = await userApply(server.user, WIDGET, widget("w", { text: "a" }, ns));
    await userApply(server.user, WIDGET, widget("w", { text: "b" }, ns));
    const { uid, resourceVersion } = first.metadata;
    const status = { ...widget("w", { text: "a" }, ns), status: { observedGeneration: 1 } };
    const { spec: _spec, ...document } = status;
    await expect(
      server.user.apply(WIDGET, document, {
        fieldManager: "status",
        subresource: "status",
        expect: { uid, resourceVersion },
      }),
    ).rejects.toMatchObject({ status: 409 });
  });
});

describe("an operator", () => {
  it("brings an object to Ready in three requests and is quiet then and after a restart", async () => {
    const ns = await freshNamespace(server.user, "ready");
    let operator = server.start();
    await untilQuiet(operator);
    operator.requests.length = 0;
    const object = widget("w", { text: "a", service: true }, ns);
    await userApply(server.user, WIDGET, object);
    await untilReady(server.user, object);
    await untilQuiet(operator);
    expect(writesOf(operator)).toEqual([
      `PATCH /api/v1/namespaces/${ns}/configmaps/w-map 201`,
      `PATCH /api/v1/namespaces/${ns}/services/w-svc 201`,
      `PATCH /apis/example.io/v1/namespaces/${ns}/widgets/w/status 200`,
    ]);
    expect(operator.requests.filter((one) => one.method === "GET")).toEqual([]);
    await operator.stop();
    operator = server.start();
    await untilQuiet(operator);
    expect(writesOf(operator)).toEqual([]);
    expect(operator.requests.every((one) => one.watch)).toBe(true);
  });

  it("reverts its own fields, leaves foreign ones, and removes what it no longer says", async () => {
    const ns = await freshNamespace(server.user, "drift");
    server.start();
    const object = widget("w", { text: "a", service: true }, ns);
    await userApply(server.user, WIDGET, object);
    await untilReady(server.user, object);
    const map = key(ns, "w-map");
    await server.user.apply(
      KINDS.ConfigMap,
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { ...map, labels: { mine: "yes" } },
        data: { text: "hacked", extra: "x" },
      } as Parameters<typeof server.user.apply>[1],
      { fieldManager: "kubectl-edit" },
    );
    const reverted = await eventually("the field is reverted", async () => {
      const live = await server.user.get(KINDS.ConfigMap, map);
      return live?.data?.["text"] === "a" ? live : undefined;
    });
    expect(reverted.data?.["extra"]).toBe("x");
    expect(reverted.metadata.labels?.["mine"]).toBe("yes");
    await userApply(server.user, WIDGET, widget("w", { text: "a", service: false }, ns));
    await eventually("the Service is pruned", async () => {
      const live = await server.user.get(KINDS.Service, key(ns, "w-svc"));
      return live === undefined;
    });
    const events = await eventually("the Events are there", async () => {
      const found = await server.user.list(KINDS.Event, { namespace: ns });
      const reasons = found.map((event) => event.reason);
      return reasons.includes("Pruned") && reasons.includes("Reverted") ? found : undefined;
    });
    const about = events.map((event) => event.regarding?.name);
    expect(new Set(about)).toEqual(new Set(["w"]));
  });

  it("never touches a foreign object of the same name", async () => {
    const ns = await freshNamespace(server.user, "conflict");
    server.start();
    const foreign = await userApply(server.user, KINDS.ConfigMap, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: ns, name: "w-map" },
    });
    const object = widget("w", { text: "a" }, ns);
    await userApply(server.user, WIDGET, object);
    const stalled = await eventually("the widget is stalled", async () => {
      const live = await server.user.get(WIDGET, keyOf(object));
      return live?.status?.conditions?.some((one) => one.type === "Stalled") ? live : undefined;
    });
    expect(stalled.status?.conditions?.map((one) => one.reason)).toEqual([
      "NameConflict",
      "NameConflict",
    ]);
    expect(computeKstatus(stalled)).toBe("Failed");
    const now = await server.user.get(KINDS.ConfigMap, key(ns, "w-map"));
    expect(now?.metadata.resourceVersion).toBe(foreign.metadata.resourceVersion);
  });

  it.each(["Background", "Foreground"] as const)(
    "lets children go with the object (%s), keeps what must be kept and finds it again",
    async (propagation) => {
      const ns = await freshNamespace(server.user, `gone-${propagation.toLowerCase()}`);
      server.start();
      const object = widget("w", { text: "a", service: true, kept: true }, ns);
      await userApply(server.user, WIDGET, object);
      await untilReady(server.user, object);
      await server.user.delete(WIDGET, keyOf(object), { propagation });
      await eventually("the object and its Service are gone", async () => {
        const live = await server.user.get(WIDGET, keyOf(object));
        const service = await server.user.get(KINDS.Service, key(ns, "w-svc"));
        return live === undefined && service === undefined;
      });
      await eventually("the ConfigMap is gone", async () => {
        return (await server.user.get(KINDS.ConfigMap, key(ns, "w-map"))) === undefined;
      });
      expect(await server.user.get(KINDS.ConfigMap, key(ns, "w-kept"))).toBeDefined();
      await userApply(server.user, WIDGET, object);
      await untilReady(server.user, object);
    },
  );

  it("holds an object by its finalizer and lets it go last", async () => {
    const ns = await freshNamespace(server.user, "finalizer");
    const verdict = { done: false };
    server.start(
      {},
      {
        finalizer: {
          name: "example.io/widget",
          timeoutMs: 300_000,
          escapeAnnotation: "example.io/abandon",
          finalize: () =>
            verdict.done
              ? { kind: "done", children: [] }
              : { kind: "waiting", reason: "Draining", message: "3 left", requeueAfterMs: 100 },
        },
      },
    );
    const object = widget("w", { text: "a", service: true }, ns);
    await userApply(server.user, WIDGET, object);
    await untilReady(server.user, object);
    await server.user.delete(WIDGET, keyOf(object));
    await eventually("it says that it drains", async () => {
      const live = await server.user.get(WIDGET, keyOf(object));
      return live?.status?.conditions?.some((one) => one.reason === "Draining");
    });
    expect(await server.user.get(KINDS.Service, key(ns, "w-svc"))).toBeDefined();
    verdict.done = true;
    await eventually("it is gone", async () => {
      return (await server.user.get(WIDGET, keyOf(object))) === undefined;
    });
    expect(await server.user.get(KINDS.Service, key(ns, "w-svc"))).toBeUndefined();
  });
});
