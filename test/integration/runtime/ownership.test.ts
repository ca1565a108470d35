// Who owns which field, and which object, on a real API server: fields of managers that we have
// replaced, children that change hands or are out of the garbage collector's reach, and what one
// change costs.

import { describe, expect, it, jest } from "@jest/globals";

import type { KubeObject, Rendered } from "#controllers/runtime/index.ts";
import { isStatus, KINDS } from "#controllers/runtime/index.ts";
import { WIDGET, widget } from "#controllers/runtime/testing/widgets.ts";

import { eventually, freshNamespace, realServerOfFile, untilQuiet, userApply } from "./support.ts";

jest.setTimeout(60_000);

const server = realServerOfFile("runtime-ownership");

function map(namespace: string, name: string, data: Readonly<Record<string, string>>): KubeObject {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name }, data };
  return object;
}

async function managers(name: string, namespace: string): Promise<readonly string[]> {
  const key = { namespace, name };
  const found = await server.user.readManagedFields(KINDS.ConfigMap, key);
  return (found?.entries ?? []).map((one) => `${one.manager} ${one.operation}`).sort();
}

describe("fields of a manager that was replaced", () => {
  const NS = "replaced";
  const within = { watchNamespaces: [NS] };
  const render = (): Rendered => [{ object: map(NS, "old", { text: "a" }), adopt: true }];

  it("stay for ever without a migration, and go with one", async () => {
    await freshNamespace(server.user, NS);
    const key = { namespace: NS, name: "old" };
    const old = map(NS, "old", { text: "was", stale: "x" });
    await server.user.create(KINDS.ConfigMap, old, { fieldManager: "old-operator" });
    await userApply(server.user, WIDGET, widget("w", { text: "a" }, NS));
    let operator = server.start(within, { render });
    await eventually("it is adopted", async () => {
      const data = (await server.user.get(KINDS.ConfigMap, key))?.data;
      return data?.["text"] === "a";
    });
    await untilQuiet(operator);
    expect((await server.user.get(KINDS.ConfigMap, key))?.data).toEqual({ text: "a", stale: "x" });
    await operator.stop();

    operator = server.start(within, { render, formerManagers: ["old-operator"] });
    await eventually("the stale field is gone", async () => {
      const data = (await server.user.get(KINDS.ConfigMap, key))?.data;
      return data !== undefined && !("stale" in data);
    });
    expect(await managers("old", NS)).toEqual(["example-widget Apply"]);
    await untilQuiet(operator);
    operator.requests.length = 0;
    await operator.stop();
    operator = server.start(within, { render, formerManagers: ["old-operator"] });
    await untilQuiet(operator);
    expect(operator.requests.filter((one) => one.method !== "GET")).toEqual([]);
  });

  it("go from a status as well", async () => {
    const namespace = "replaced-status";
    await freshNamespace(server.user, namespace);
    const key = { namespace, name: "w" };
    await userApply(server.user, WIDGET, widget("w", { text: "a" }, namespace));
    const stale = [{ op: "add", path: "/status/text", value: "stale" }] as const;
    await server.user.jsonPatch(WIDGET, key, stale, {
      fieldManager: "old-operator",
      subresource: "status",
    });
    const conditions = [
      { type: "Ready", status: "True", reason: "Available", message: "" },
    ] as const;
    server.start(
      { watchNamespaces: [namespace] },
      {
        formerManagers: ["old-operator"],
        render: () => [],
        computeStatus: () => ({ fields: {}, conditions }),
      },
    );
    await eventually("the status is ours", async () => {
      const status = (await server.user.get(WIDGET, key))?.status;
      return status?.observedGeneration === 1 && status.text === undefined;
    });
  });
});

describe("children", () => {
  it("in another namespace go with their parent, which waits for them", async () => {
    await freshNamespace(server.user, "parents");
    await freshNamespace(server.user, "depot");
    await userApply(server.user, WIDGET, widget("w", { text: "a" }, "parents"));
    server.start(
      { watchNamespaces: ["parents", "depot"] },
      { render: () => [map("depot", "far", { text: "a" })] },
    );
    const far = { namespace: "depot", name: "far" };
    await eventually("it is there", async () => {
      return (await server.user.get(KINDS.ConfigMap, far)) !== undefined;
    });
    const key = { namespace: "parents", name: "w" };
    const held = await server.user.get(WIDGET, key);
    expect(held?.metadata.finalizers).toEqual(["example.io/children"]);
    await server.user.delete(WIDGET, key);
    await eventually("both are gone", async () => {
      const left = await server.user.get(WIDGET, key);
      return left === undefined && (await server.user.get(KINDS.ConfigMap, far)) === undefined;
    });
  });

  it("change hands without being made anew", async () => {
    const namespace = "hands";
    await freshNamespace(server.user, namespace);
    let owner = "a";
    const object = map(namespace, "treasure", { text: "x" });
    const render = ({ widget: { metadata } }: { readonly widget: KubeObject }): Rendered => {
      if (metadata.name === owner) return [object];
      const handOver = { kind: "Widget", namespace, name: owner };
      return metadata.name === "a" ? [{ object, handOver }] : [];
    };
    await userApply(server.user, WIDGET, widget("a", { text: "a" }, namespace));
    server.start({ watchNamespaces: [namespace] }, { render });
    const key = { namespace, name: "treasure" };
    await eventually("it is there", async () => {
      return (await server.user.get(KINDS.ConfigMap, key)) !== undefined;
    });
    const before = await server.user.get(KINDS.ConfigMap, key);
    owner = "b";
    await userApply(server.user, WIDGET, widget("b", { text: "b" }, namespace));
    await userApply(server.user, WIDGET, widget("a", { text: "c" }, namespace));
    const heir = await server.user.get(WIDGET, { namespace, name: "b" });
    await eventually("it has changed hands", async () => {
      const references = (await server.user.get(KINDS.ConfigMap, key))?.metadata.ownerReferences;
      return references?.length === 1 && references[0]?.uid === heir?.metadata.uid;
    });
    const after = await server.user.get(KINDS.ConfigMap, key);
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
  });

  it("are not deleted under a uid that is not theirs", async () => {
    const namespace = "uids";
    await freshNamespace(server.user, namespace);
    await server.user.create(KINDS.ConfigMap, map(namespace, "m", {}), { fieldManager: "test" });
    const key = { namespace, name: "m" };
    const attempt = server.user.delete(KINDS.ConfigMap, key, { uid: "somebody-else" });
    await expect(attempt).rejects.toMatchObject({ status: 409 });
    expect(await server.user.get(KINDS.ConfigMap, key)).toBeDefined();
    expect(isStatus(await attempt.catch((cause: unknown) => cause), 409)).toBe(true);
  });
});

describe("one change", () => {
  it("costs one pass and as many writes as there are objects to write", async () => {
    const namespace = "passes";
    await freshNamespace(server.user, namespace);
    const operator = server.start({ watchNamespaces: [namespace] });
    await untilQuiet(operator);
    const names = Array.from({ length: 20 }, (_, index) => `w${index}`);
    for (const name of names) {
      await userApply(server.user, WIDGET, widget(name, { text: "a", service: true }, namespace));
    }
    await eventually("all are ready", async () => {
      const all = await server.user.list(WIDGET, { namespace });
      return all.every((one) => one.status?.conditions?.[0]?.status === "True");
    });
    await untilQuiet(operator);
    const writes = operator.requests.filter((one) => one.method !== "GET");
    expect(writes).toHaveLength(names.length * 3);
    const { registry } = operator.manager;
    const text = await registry.getSingleMetricAsString("controller_runtime_reconcile_total");
    const passes = Number(/result="success"\} (\d+)/.exec(text)?.[1]);
    expect(passes).toBe(names.length);
  });
});
