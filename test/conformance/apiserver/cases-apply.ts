// Server-side apply: who owns what, what is taken over, what is let go.
import type { Case } from "./cases-writes.ts";
import { gizmo } from "./gizmo.ts";
import type { CallOptions, Document, Session } from "./session.ts";

function apply(
  s: Session,
  status: number,
  spec: object | undefined,
  options: { readonly manager?: string; readonly force?: boolean; readonly metadata?: object } = {},
): Promise<Document> {
  const { manager = "a", force = false, metadata = {} } = options;
  const query = { fieldManager: manager, ...(force ? { force: "true" } : {}) };
  const call: CallOptions = { type: "apply", body: gizmo("g", spec, metadata), query };
  return s.call(status, "PATCH", s.gizmo("g"), call);
}

const IMAGE_1 = { name: "one", image: "1" };

/** See the head of this file. */
export const APPLY_CASES: readonly Case[] = [
  {
    name: "apply creates, repeats and changes",
    async run(s) {
      await apply(s, 201, { text: "x", inner: { one: "1" } });
      await apply(s, 200, { text: "x", inner: { one: "1" } });
      await apply(s, 200, { text: "y", inner: { one: "1", two: "2" } });
      const body = gizmo("g", { text: "dry" });
      const query = { fieldManager: "a", dryRun: "All" };
      await s.call(200, "PATCH", s.gizmo("g"), { type: "apply", body, query });
      await s.call(200, "GET", s.gizmo("g"));
    },
  },
  {
    name: "what is no longer applied goes",
    async run(s) {
      const labels = { l: "1", m: "2" };
      const inner = { one: "1", deep: { text: "x", more: "y" } };
      await apply(s, 201, { text: "x", inner, options: { o: "1" } }, { metadata: { labels } });
      await apply(s, 200, { text: "x", inner: { deep: { text: "x" } } });
      await apply(s, 200, { text: "x", inner: { one: "1" } });
      await apply(s, 200, { text: "x" });
      await apply(s, 200, undefined);
    },
  },
  {
    name: "conflicts, force and sharing",
    async run(s) {
      await apply(s, 201, { text: "x", inner: { one: "1" } });
      await apply(s, 409, { text: "y", inner: { one: "2" } }, { manager: "b" });
      await apply(s, 409, { text: "y" }, { manager: "b" });
      await apply(s, 200, { text: "x" }, { manager: "b" });
      await apply(s, 200, { text: "y" }, { manager: "b", force: true });
      await apply(s, 409, { text: "x", inner: { one: "1" } });
      await apply(s, 200, { inner: { one: "1" } });
      await apply(s, 200, { inner: { two: "2" } }, { manager: "b" });
      await s.call(200, "GET", s.gizmo("g"));
    },
  },
  {
    name: "what others have updated",
    async run(s) {
      await apply(s, 201, { text: "x", options: { o: "1" } });
      const patch = (body: object) =>
        s.call(200, "PATCH", s.gizmo("g"), { type: "merge", body, query: { fieldManager: "u" } });
      await patch({ spec: { text: "y", options: { p: "2" } } });
      await apply(s, 409, { text: "x", options: { o: "1" } });
      await apply(s, 200, { text: "x", options: { o: "1" } }, { force: true });
      await apply(s, 200, { text: "x" });
      await patch({ spec: { options: null } });
      await patch({ metadata: { labels: { l: "1" } } });
      await apply(s, 200, { text: "x" }, { metadata: { labels: { l: "1" } } });
      await apply(s, 200, { text: "x" });
      await patch({ metadata: { managedFields: [{}] } });
    },
  },
  {
    name: "lists that are maps",
    async run(s) {
      const env = [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ];
      await apply(s, 201, {
        containers: [
          { ...IMAGE_1, env },
          { name: "two", image: "2" },
        ],
      });
      await apply(s, 200, { containers: [{ name: "three", image: "3" }] }, { manager: "b" });
      const mine = [{ name: "one", env: [{ name: "C", value: "3" }] }];
      await apply(s, 200, { containers: mine }, { manager: "c" });
      await apply(s, 409, { containers: [{ name: "one", image: "9" }] }, { manager: "b" });
      await apply(s, 200, { containers: [{ ...IMAGE_1, env: [{ name: "B", value: "2" }] }] });
      await apply(s, 200, { containers: [{ name: "two", image: "2" }, IMAGE_1] });
      await apply(s, 200, { text: "x" });
      await apply(s, 200, { text: "x" }, { manager: "c" });
    },
  },
  {
    name: "atomic lists and maps",
    async run(s) {
      await apply(s, 201, { words: ["a", "b"], selector: { s: "1" } });
      await apply(s, 409, { words: ["a"], selector: { t: "1" } }, { manager: "b" });
      await apply(s, 200, { words: ["a"] }, { manager: "b", force: true });
      await apply(s, 200, { selector: { t: "1" } });
      await apply(s, 200, {}, {});
      await apply(s, 200, { words: [], options: {} }, { manager: "b" });
    },
  },
  {
    name: "preconditions",
    async run(s) {
      const none = { uid: "00000000-0000-0000-0000-000000000000" };
      await apply(s, 409, { text: "x" }, { metadata: none });
      const made = await apply(s, 201, { text: "x" });
      const { uid, resourceVersion } = made.metadata;
      await apply(s, 200, { text: "y" }, { metadata: { uid } });
      await apply(s, 422, { text: "z" }, { metadata: none });
      await apply(s, 409, { text: "z" }, { metadata: { resourceVersion } });
      await apply(s, 400, { text: "z" }, { metadata: { managedFields: [] } });
      const body = gizmo("g", { text: "z" });
      await s.call(422, "PATCH", s.gizmo("g"), { type: "apply", body });
    },
  },
  {
    name: "finalizers and owners are lists with owners too",
    async run(s) {
      await apply(s, 201, {}, { metadata: { finalizers: ["example.io/a"] } });
      const metadata = { finalizers: ["example.io/b"] };
      await apply(s, 200, {}, { manager: "b", metadata });
      await apply(s, 200, {});
      await apply(s, 200, {}, { manager: "b" });
    },
  },
];
