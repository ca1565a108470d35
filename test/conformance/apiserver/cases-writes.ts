// Create, replace, patch, delete, subresources.
import { gizmo } from "./gizmo.ts";
import type { Session } from "./session.ts";

/** One case: a conversation, the same with both servers. */
export interface Case {
  readonly name: string;
  run(session: Session): Promise<void>;
}

const AS_A = { fieldManager: "a" };

/** See the head of this file. */
export const WRITE_CASES: readonly Case[] = [
  {
    name: "create",
    async run(s) {
      await s.call(201, "POST", s.gizmo(), { body: gizmo("a", { text: "x" }), query: AS_A });
      await s.call(409, "POST", s.gizmo(), { body: gizmo("a", { text: "y" }), query: AS_A });
      await s.call(200, "GET", s.gizmo("a"));
      await s.call(404, "GET", s.gizmo("nobody"));
      const versioned = gizmo("b", {}, { resourceVersion: "5" });
      await s.call(500, "POST", s.gizmo(), { body: versioned, query: AS_A });
      const { metadata: _name, ...rest } = gizmo("") as { metadata: object };
      const generated = { ...rest, metadata: { generateName: "generated-" } };
      await s.call(201, "POST", s.gizmo(), { body: generated, query: AS_A });
      const withStatus = { ...gizmo("c", { text: "x" }), status: { text: "ignored" } };
      await s.call(201, "POST", s.gizmo(), { body: withStatus, query: AS_A });
      const dry = { ...AS_A, dryRun: "All" };
      await s.call(201, "POST", s.gizmo(), { body: gizmo("d", {}), query: dry });
      await s.call(404, "GET", s.gizmo("d"));
    },
  },
  {
    name: "replace",
    async run(s) {
      const body = gizmo("a", { text: "x", inner: { one: "1" } });
      const made = await s.call(201, "POST", s.gizmo(), { body, query: AS_A });
      const { uid, resourceVersion } = made.metadata;
      const put = (status: number, spec: object, metadata: object) =>
        s.call(status, "PUT", s.gizmo("a"), { body: gizmo("a", spec, metadata), query: AS_A });
      await put(422, { text: "y" }, {});
      await put(200, { text: "x", inner: { one: "1" } }, { resourceVersion });
      await put(200, { text: "y" }, { resourceVersion });
      await put(409, { text: "z" }, { resourceVersion });
      const { metadata: now } = await s.call(200, "GET", s.gizmo("a"));
      await put(409, { text: "z" }, { resourceVersion: now.resourceVersion, uid: "other" });
      await put(200, { text: "z" }, { resourceVersion: now.resourceVersion, uid });
      const { metadata: last } = await s.call(200, "GET", s.gizmo("a"));
      const labels = { one: "1" };
      await put(200, { text: "z" }, { resourceVersion: last.resourceVersion, labels });
      await s.call(404, "PUT", s.gizmo("nobody"), {
        body: gizmo("nobody", {}, { resourceVersion }),
        query: AS_A,
      });
    },
  },
  {
    name: "merge patch",
    async run(s) {
      const body = gizmo("a", { text: "x", words: ["a"], inner: { one: "1", two: "2" } });
      const made = await s.call(201, "POST", s.gizmo(), { body, query: AS_A });
      const patch = (status: number, change: object) =>
        s.call(status, "PATCH", s.gizmo("a"), {
          type: "merge",
          body: change,
          query: { fieldManager: "b" },
        });
      await patch(200, { spec: { text: "y", inner: { one: null } } });
      await patch(200, { spec: { text: "y" } });
      await patch(200, { metadata: { labels: { l: "1" }, annotations: { n: "1" } } });
      await patch(200, { metadata: { labels: { l: null } } });
      await patch(200, { spec: { words: ["a", "b"] } });
      const { resourceVersion } = made.metadata;
      await patch(409, { metadata: { resourceVersion }, spec: { text: "z" } });
      await patch(200, { status: { text: "ignored" } });
      await s.call(404, "PATCH", s.gizmo("nobody"), { type: "merge", body: {}, query: AS_A });
    },
  },
  {
    name: "JSON patch",
    async run(s) {
      const finalizers = ["example.io/one", "example.io/two"];
      const body = gizmo("a", { text: "x" }, { finalizers });
      const made = await s.call(201, "POST", s.gizmo(), { body, query: AS_A });
      const patch = (status: number, operations: readonly object[]) =>
        s.call(status, "PATCH", s.gizmo("a"), { type: "json", body: operations, query: AS_A });
      const { uid } = made.metadata;
      await patch(200, [
        { op: "test", path: "/metadata/uid", value: uid },
        { op: "remove", path: "/metadata/finalizers/0" },
      ]);
      await patch(422, [{ op: "test", path: "/metadata/uid", value: "other" }]);
      await patch(422, [{ op: "remove", path: "/spec/inner" }]);
      await patch(200, [{ op: "add", path: "/metadata/finalizers/-", value: "example.io/three" }]);
      await patch(200, [{ op: "replace", path: "/spec/text", value: "y" }]);
      await patch(200, [{ op: "remove", path: "/metadata/finalizers" }]);
    },
  },
  {
    name: "merge patches of finalizers",
    async run(s) {
      const made = await s.call(201, "POST", s.gizmo(), { body: gizmo("a", {}), query: AS_A });
      const patch = (status: number, metadata: object, query: Record<string, string> = {}) =>
        s.call(status, "PATCH", s.gizmo("a"), {
          type: "merge",
          body: { metadata },
          query: { fieldManager: "b", ...query },
        });
      const { uid, resourceVersion } = made.metadata;
      const one = ["example.io/one"];
      const two = [...one, "example.io/two"];
      await patch(422, { uid: "other", finalizers: one });
      await patch(200, { uid, resourceVersion, finalizers: one }, { dryRun: "All" });
      await patch(200, { uid, resourceVersion, finalizers: one });
      await patch(409, { uid, resourceVersion, finalizers: two });
      await patch(200, { finalizers: one });
      await patch(200, { finalizers: two });
      await patch(200, { finalizers: [...two].reverse() });
      await patch(200, { finalizers: [] });
      await patch(200, { finalizers: one });
      await s.call(200, "DELETE", s.gizmo("a"), { body: {} });
      await patch(422, { finalizers: two });
      await patch(422, { uid: "other", finalizers: [] });
      await patch(200, { finalizers: [] });
      await patch(404, { finalizers: one });
    },
  },
  {
    name: "JSON patches of finalizers",
    async run(s) {
      const made = await s.call(201, "POST", s.gizmo(), { body: gizmo("a", {}), query: AS_A });
      const patch = (status: number, operations: readonly object[]) =>
        s.call(status, "PATCH", s.gizmo("a"), {
          type: "json",
          body: operations,
          query: { fieldManager: "b" },
        });
      const list = "/metadata/finalizers";
      const version = "/metadata/resourceVersion";
      const { resourceVersion } = made.metadata;
      await patch(422, [{ op: "add", path: `${list}/-`, value: "example.io/one" }]);
      await patch(200, [
        { op: "test", path: version, value: resourceVersion },
        { op: "test", path: list, value: null },
        { op: "add", path: list, value: ["example.io/one"] },
      ]);
      await patch(422, [
        { op: "test", path: version, value: resourceVersion },
        { op: "add", path: `${list}/-`, value: "example.io/two" },
      ]);
      await patch(422, [{ op: "test", path: list, value: null }]);
      await patch(409, [
        { op: "add", path: version, value: resourceVersion },
        { op: "add", path: `${list}/-`, value: "example.io/two" },
      ]);
      await patch(200, [{ op: "add", path: `${list}/0`, value: "example.io/two" }]);
      await patch(422, [{ op: "add", path: `${list}/3`, value: "example.io/three" }]);
      await patch(200, [{ op: "replace", path: `${list}/1`, value: "example.io/three" }]);
      await patch(200, [{ op: "move", from: `${list}/1`, path: `${list}/0` }]);
      await patch(200, [{ op: "copy", from: "/metadata/name", path: "/spec/text" }]);
      await patch(422, [{ op: "move", from: "/spec/inner", path: "/spec/text" }]);
      await patch(200, []);
      await s.call(200, "DELETE", s.gizmo("a"), { body: {} });
      await patch(422, [{ op: "add", path: `${list}/-`, value: "example.io/four" }]);
      await patch(200, [
        { op: "test", path: `${list}/0`, value: "example.io/three" },
        { op: "remove", path: `${list}/0` },
      ]);
      await patch(200, [{ op: "remove", path: list }]);
      await patch(404, []);
    },
  },
  {
    name: "patches of the status",
    async run(s) {
      const body = gizmo("a", { text: "x" });
      const made = await s.call(201, "POST", s.gizmo(), { body, query: AS_A });
      const { resourceVersion } = made.metadata;
      const patch = (status: number, type: "merge" | "json", change: object) =>
        s.call(status, "PATCH", s.gizmo("a", "status"), {
          type,
          body: change,
          query: { fieldManager: "b" },
        });
      const ready = { type: "Ready", status: "True" };
      await patch(422, "json", [{ op: "add", path: "/status/text", value: "well" }]);
      await patch(200, "json", [
        { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
        { op: "add", path: "/status", value: { text: "well", conditions: [ready] } },
      ]);
      await patch(200, "json", [{ op: "replace", path: "/spec/text", value: "ignored" }]);
      const more = { type: "Other", status: "False" };
      await patch(200, "json", [{ op: "add", path: "/status/conditions/-", value: more }]);
      await patch(200, "json", [
        { op: "replace", path: "/status/conditions/0/status", value: "False" },
      ]);
      await patch(409, "merge", { metadata: { resourceVersion }, status: { text: "late" } });
      await patch(200, "merge", { metadata: { uid: "other" }, status: { text: "another's" } });
      const metadata = { labels: { ignored: "1" }, finalizers: ["example.io/ignored"] };
      await patch(200, "merge", { metadata, status: { text: "better" } });
      await patch(200, "merge", { status: { text: "better" } });
      await patch(200, "merge", { status: { conditions: [ready] } });
      await patch(200, "merge", { status: { conditions: null, replicas: 2 } });
      await patch(200, "json", [{ op: "remove", path: "/status/replicas" }]);
      await patch(200, "merge", { status: null });
    },
  },
  {
    name: "delete",
    async run(s) {
      const made = await s.call(201, "POST", s.gizmo(), { body: gizmo("a", {}), query: AS_A });
      const { uid, resourceVersion } = made.metadata;
      const remove = (status: number, body: object) =>
        s.call(status, "DELETE", s.gizmo("a"), { body });
      await remove(409, { preconditions: { uid: "other" } });
      await remove(409, { preconditions: { uid, resourceVersion: "1" } });
      await remove(200, { dryRun: ["All"], preconditions: { uid, resourceVersion } });
      await remove(200, { preconditions: { uid, resourceVersion } });
      await remove(404, {});
      const again = await s.call(201, "POST", s.gizmo(), { body: gizmo("a", {}), query: AS_A });
      await remove(409, { preconditions: { uid } });
      await remove(200, { preconditions: { uid: again.metadata.uid } });
    },
  },
  {
    name: "finalizers",
    async run(s) {
      const body = gizmo("a", { text: "x" }, { finalizers: ["example.io/one"] });
      await s.call(201, "POST", s.gizmo(), { body, query: AS_A });
      const patch = (status: number, change: object) =>
        s.call(status, "PATCH", s.gizmo("a"), { type: "merge", body: change, query: AS_A });
      await s.call(200, "DELETE", s.gizmo("a"), { body: {} });
      await s.call(200, "DELETE", s.gizmo("a"), { body: {} });
      await patch(200, { spec: { text: "y" } });
      await patch(422, { metadata: { finalizers: ["example.io/one", "example.io/two"] } });
      await patch(200, { metadata: { finalizers: null } });
      await s.call(404, "GET", s.gizmo("a"));
    },
  },
  {
    name: "the status subresource",
    async run(s) {
      const made = await s.call(201, "POST", s.gizmo(), {
        body: gizmo("a", { text: "x" }),
        query: AS_A,
      });
      const { resourceVersion } = made.metadata;
      const status = { text: "well" };
      await s.call(200, "PUT", s.gizmo("a", "status"), {
        body: { ...gizmo("a", { text: "ignored" }, { resourceVersion }), status },
        query: AS_A,
      });
      await s.call(200, "PATCH", s.gizmo("a", "status"), {
        type: "merge",
        body: { status: { text: "better" }, spec: { text: "ignored" } },
        query: { fieldManager: "b" },
      });
      const conditions = [{ type: "Ready", status: "True" }];
      const apply = (code: number, name: string, part: object, manager = "c") =>
        s.call(code, "PATCH", s.gizmo(name, "status"), {
          type: "apply",
          body: { ...gizmo(name), status: part },
          query: { fieldManager: manager, force: "true" },
        });
      await apply(200, "a", { conditions });
      await apply(200, "a", { conditions });
      await apply(200, "a", { conditions: [...conditions, { type: "Other", status: "True" }] });
      await apply(200, "a", { conditions: [{ type: "Other", status: "False" }] });
      await apply(200, "a", { conditions: [{ type: "Mine", status: "True" }] }, "d");
      await apply(404, "nobody", { conditions });
    },
  },
  {
    name: "the scale subresource",
    async run(s) {
      const body = gizmo("a", { replicas: 2 });
      await s.call(201, "POST", s.gizmo(), { body, query: AS_A });
      await s.call(200, "GET", s.gizmo("a", "scale"));
      await s.call(200, "PATCH", s.gizmo("a", "scale"), {
        type: "merge",
        body: { spec: { replicas: 5 } },
        query: { fieldManager: "b" },
      });
      await s.call(200, "GET", s.gizmo("a"));
    },
  },
  {
    name: "a ConfigMap, a Lease and an Event",
    async run(s) {
      const maps = s.builtIn("api/v1", "configmaps");
      const map = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "a", labels: { l: "1" } },
        data: { text: "x" },
      };
      await s.call(201, "POST", maps, { body: map, query: AS_A });
      await s.call(200, "PUT", `${maps}/a`, { body: { ...map, data: { text: "y" } }, query: AS_A });
      await s.call(200, "DELETE", `${maps}/a`, { body: {} });
      const leases = s.builtIn("apis/coordination.k8s.io/v1", "leases");
      const lease = (holderIdentity: string, metadata: object) => ({
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name: "a", ...metadata },
        spec: { holderIdentity, leaseDurationSeconds: 15 },
      });
      const made = await s.call(201, "POST", leases, { body: lease("me", {}), query: AS_A });
      const { resourceVersion } = made.metadata;
      await s.call(200, "PUT", `${leases}/a`, {
        body: lease("you", { resourceVersion }),
        query: AS_A,
      });
      await s.call(409, "PUT", `${leases}/a`, {
        body: lease("me", { resourceVersion }),
        query: AS_A,
      });
      await s.call(201, "PUT", `${leases}/b`, {
        body: lease("me", { name: "b" }),
        query: AS_A,
      });
      const events = s.builtIn("apis/events.k8s.io/v1", "events");
      const event = {
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        metadata: { name: "a", namespace: s.namespace },
        eventTime: "2030-01-01T00:00:00.000000Z",
        type: "Normal",
        reason: "Made",
        action: "Make",
        reportingController: "example.io/one",
        reportingInstance: "one-0",
        note: "made",
        regarding: { apiVersion: "v1", kind: "ConfigMap", name: "a", namespace: s.namespace },
      };
      await s.call(201, "POST", events, { body: event, query: AS_A });
      const series = { count: 2, lastObservedTime: "2030-01-01T00:00:01.000000Z" };
      await s.call(200, "PATCH", `${events}/a`, { type: "merge", body: { series }, query: AS_A });
    },
  },
];
