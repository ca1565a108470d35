// Lists, watches and the garbage collector.
import type { Case } from "./cases-writes.ts";
import { gizmo, ownedBy } from "./gizmo.ts";
import type { Document, Session } from "./session.ts";

const AS_A = { fieldManager: "a" };

function make(
  s: Session,
  name: string,
  metadata: object = {},
  spec: object = {},
): Promise<Document> {
  return s.call(201, "POST", s.gizmo(), { body: gizmo(name, spec, metadata), query: AS_A });
}

async function remove(s: Session, name: string, propagationPolicy: string): Promise<void> {
  await s.call(200, "DELETE", s.gizmo(name), { body: { propagationPolicy } });
}

const isGone = (found: Document | undefined): boolean => found === undefined;

function ownersOf(found: Document | undefined): number {
  const { ownerReferences } = (found?.metadata ?? {}) as {
    readonly ownerReferences?: readonly object[];
  };
  return ownerReferences?.length ?? 0;
}

/** See the head of this file. */
export const READ_CASES: readonly Case[] = [
  {
    name: "lists: selectors, pages, metadata",
    async run(s) {
      for (const name of ["c", "a", "b"]) await make(s, name, { labels: { of: name, all: "yes" } });
      await s.call(200, "GET", s.gizmo(), { query: { labelSelector: "of=a" } });
      await s.call(200, "GET", s.gizmo(), { query: { labelSelector: "all,of!=a" } });
      await s.call(200, "GET", s.gizmo(), { query: { labelSelector: "of in (a,b)" } });
      await s.call(200, "GET", s.gizmo(), { query: { fieldSelector: "metadata.name=b" } });
      const first = await s.call(200, "GET", s.gizmo(), { query: { limit: "2" } });
      await make(s, "d");
      const next = { limit: "2", continue: first.metadata.continue ?? "" };
      await s.call(200, "GET", s.gizmo(), { query: next });
      await s.call(200, "GET", s.gizmo("a"), { accept: "metadata" });
      await s.call(200, "GET", s.gizmo(), { accept: "metadata-list" });
    },
  },
  {
    name: "a watch from a version",
    async run(s) {
      const made = await make(s, "a", { labels: { seen: "yes" } });
      const { resourceVersion } = made.metadata;
      const label = (value: string) =>
        s.call(200, "PATCH", s.gizmo("a"), {
          type: "merge",
          body: { metadata: { labels: { seen: value } } },
          query: AS_A,
        });
      await s.watch(s.gizmo(), { resourceVersion }, 4, async () => {
        await label("no");
        await make(s, "b");
        await s.call(200, "DELETE", s.gizmo("a"), { body: {} });
        await make(s, "a", { labels: { seen: "yes" } });
      });
      await s.watch(s.gizmo(), { resourceVersion, labelSelector: "seen=yes" }, 4, async () => {
        await label("no");
        await label("yes");
      });
      const query = { resourceVersion, fieldSelector: "metadata.name=b" };
      await s.watch(s.gizmo(), query, 1, () => Promise.resolve());
      await s.watch(s.gizmo(), { resourceVersion }, 2, () => Promise.resolve(), "metadata");
    },
  },
  {
    name: "a watch with initial events",
    async run(s) {
      await make(s, "a");
      await make(s, "b");
      const query = {
        sendInitialEvents: "true",
        resourceVersionMatch: "NotOlderThan",
        allowWatchBookmarks: "true",
      };
      await s.watch(s.gizmo(), query, 4, async () => {
        await s.call(200, "DELETE", s.gizmo("b"), { body: {} });
      });
      await s.watch(s.gizmo(), { resourceVersion: "0" }, 1, () => Promise.resolve());
    },
  },
  {
    name: "a version that is too old",
    async run(s) {
      await make(s, "a");
      await s.watch(s.gizmo(), { resourceVersion: "1" }, 1, () => Promise.resolve());
    },
  },
  {
    name: "a version that is not reached yet, as after a restored backup",
    async run(s) {
      const { metadata } = await make(s, "a");
      const resourceVersion = String(Number(metadata.resourceVersion) + 1_000_000);
      // The server accepts it, and does not say that it has nothing to tell.
      await s.watch(s.gizmo(), { resourceVersion, allowWatchBookmarks: "true" }, 0, async () => {
        await make(s, "b");
        let looks = 10;
        await s.until(s.gizmo("b"), () => (looks -= 1) < 0);
      });
    },
  },
  {
    name: "background deletion takes dependents along",
    async run(s) {
      const owner = await make(s, "owner");
      const child = await make(s, "child", { ownerReferences: [ownedBy(owner)] });
      await make(s, "grandchild", { ownerReferences: [ownedBy(child)] });
      await remove(s, "owner", "Background");
      await s.until(s.gizmo("grandchild"), isGone);
      await s.call(404, "GET", s.gizmo("child"));
    },
  },
  {
    name: "one owner of two is enough",
    async run(s) {
      const one = await make(s, "one");
      const two = await make(s, "two");
      await make(s, "child", { ownerReferences: [ownedBy(one), ownedBy(two)] });
      await make(s, "witness", { ownerReferences: [ownedBy(one)] });
      await remove(s, "one", "Background");
      await s.until(s.gizmo("witness"), isGone);
      await s.until(s.gizmo("child"), (found) => ownersOf(found) === 1);
      await s.call(200, "GET", s.gizmo("child"));
      await remove(s, "two", "Background");
      await s.until(s.gizmo("child"), isGone);
    },
  },
  {
    name: "foreground deletion waits for what blocks it",
    async run(s) {
      const owner = await make(s, "owner");
      const finalizers = ["example.io/one"];
      const blocking = { ownerReferences: [ownedBy(owner, true)], finalizers };
      await make(s, "child", blocking);
      await make(s, "other", { ownerReferences: [ownedBy(owner)], finalizers });
      await remove(s, "owner", "Foreground");
      await s.until(s.gizmo("child"), (found) => "deletionTimestamp" in (found?.metadata ?? {}));
      await s.call(200, "GET", s.gizmo("owner"));
      const free = {
        type: "merge",
        body: { metadata: { finalizers: null } },
        query: AS_A,
      } as const;
      await s.call(200, "PATCH", s.gizmo("child"), free);
      await s.until(s.gizmo("owner"), isGone);
      await s.until(s.gizmo("other"), (found) => "deletionTimestamp" in (found?.metadata ?? {}));
      await s.call(200, "PATCH", s.gizmo("other"), free);
      await s.until(s.gizmo("other"), isGone);
    },
  },
  {
    name: "an orphan stays without its owner",
    async run(s) {
      const owner = await make(s, "owner");
      await make(s, "child", { ownerReferences: [ownedBy(owner, true)] });
      await remove(s, "owner", "Orphan");
      await s.until(s.gizmo("owner"), isGone);
      await s.call(200, "GET", s.gizmo("child"));
    },
  },
  {
    name: "an object of an owner that is not there is collected",
    async run(s) {
      const owner = await make(s, "owner");
      await remove(s, "owner", "Background");
      await make(s, "late", { ownerReferences: [ownedBy(owner)] });
      await s.until(s.gizmo("late"), isGone);
    },
  },
];
