// The engines that the suite runs on, each with a place that outlives the engine.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { KvEngine, Store } from "#workloads/core/store/index.ts";
import type { EngineLimits, OpenOutcome } from "#workloads/platform/kv/index.ts";
import { openLmdbStore, openLogStore } from "#workloads/platform/kv/index.ts";
import { memoryGround, openMemoryEngine } from "#workloads/platform/kv/testing/memory-engine.ts";
import { VirtualTimers } from "#workloads/platform/kv/testing/virtual-timers.ts";

/** Where a store is; opened again after it was closed. */
export interface Place<S> {
  open(limits?: Partial<EngineLimits>): Promise<S>;
}

/** An engine under test. */
export interface EngineUnderTest<S> {
  readonly name: string;
  place(): Place<S>;
}

const folders: string[] = [];

/** A new empty folder, removed by {@link clearFolders}. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "kv-"));
  folders.push(folder);
  return folder;
}

/** Removes every folder. */
export function clearFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** The engine of an opening that must have gone well. */
export function wellOpened(opened: OpenOutcome): KvEngine {
  if (opened.kind === "damaged") throw new Error(opened.message);
  return opened.engine;
}

/** Everything that a KvEngine must do. */
export const ENGINES: readonly EngineUnderTest<KvEngine>[] = [
  {
    name: "segment log over LMDB",
    place: () => {
      const folder = scratch();
      return {
        open: async (limits = {}) => wellOpened(await openLogStore({ folder, limits })),
      };
    },
  },
  {
    name: "segment log in memory",
    place: () => {
      const ground = memoryGround();
      const timers = new VirtualTimers();
      return {
        open: async (limits = {}) => wellOpened(await openMemoryEngine(ground, { timers, limits })),
      };
    },
  },
];

/** What a Store must do. */
export const STORES: readonly EngineUnderTest<Store>[] = [
  ...ENGINES,
  {
    name: "LMDB alone",
    place: () => {
      const path = join(scratch(), "store.mdb");
      return { open: () => Promise.resolve(openLmdbStore(path)) };
    },
  },
];

/** One byte per character. */
export const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
/** The inverse. */
export const text = (data: Uint8Array | undefined): string | undefined =>
  data === undefined ? undefined : Buffer.from(data).toString("latin1");
/** A write. */
export const put = (key: string, value: string, index = 1) => {
  return { key: bytes(key), value: bytes(value), index };
};
/** A removal. */
export const remove = (key: string, index = 1) => {
  return { key: bytes(key), value: undefined, index };
};
/** All keys of the suite. */
export const EVERYTHING = { start: bytes("\u0000"), end: bytes("\u00ff\u00ff") };

/** Keys and values of a range, as texts. */
export function contentOf(store: Store, range = EVERYTHING): readonly string[] {
  return [...store.scan(range)].map((item) => `${text(item.key) ?? ""}=${text(item.value) ?? ""}`);
}
