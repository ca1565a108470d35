// The store engine behind the port of workloads/core/store, and what the program does when its
// disk fills, lies or is damaged.
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "@jest/globals";
import { status } from "@grpc/grpc-js";

import type { Store } from "#workloads/core/store/index.ts";
import { compareBytes, StoreError } from "#workloads/core/store/index.ts";
import { openLmdbStore } from "#workloads/platform/kv/index.ts";
import { waitUntil } from "#test/support/wait.ts";

import { DataClient, failureOf } from "./data-client.ts";
import {
  clearAll,
  launch,
  portsIn,
  scratch,
  standaloneArgs,
  startStandalone,
  stopOdgm,
} from "./odgm-process.ts";

const engines: readonly { name: string; open: (folder: string) => Store }[] = [
  { name: "LMDB", open: (folder) => openLmdbStore(join(folder, "store.mdb")) },
];
const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const put = (key: string, value: string, index = 1) => ({
  key: bytes(key),
  value: bytes(value),
  index,
});
const everything = { start: bytes("\u0000"), end: bytes("\u00ff\u00ff") };

function keys(store: Store, range = everything): readonly string[] {
  return [...store.scan(range)].map((item) => Buffer.from(item.key).toString("latin1"));
}

afterAll(clearAll);

describe.each(engines)("the engine $name", ({ open }) => {
  it("gives back values with their index, and nothing for what is removed", async () => {
    const store = open(scratch());
    await store.commit([put("a", "1", 7), put("b", "2"), put("empty", "")]);
    await store.commit([{ key: bytes("b"), value: undefined, index: 8 }]);
    expect(store.get(bytes("a"))).toMatchObject({ index: 7 });
    expect(Buffer.from(store.get(bytes("a"))?.value ?? []).toString()).toBe("1");
    expect(store.get(bytes("empty"))?.value.byteLength).toBe(0);
    expect(store.get(bytes("b"))).toBeUndefined();
    await store.close();
  });

  it("scans in byte order, from start to before end", async () => {
    const store = open(scratch());
    const given = ["b", "a", "a\u0000", "\u0080", "ab", "\u0001", "a\u00ff"];
    await store.commit(given.map((key) => put(key, key)));
    const sorted = [...given].sort((a, b) => compareBytes(bytes(a), bytes(b)));
    expect(keys(store)).toEqual(sorted);
    const some = keys(store, { start: bytes("a"), end: bytes("ab") });
    expect(some).toEqual(["a", "a\u0000"]);
    await store.close();
  });

  it("shows a commit whole, and only once it is durable", async () => {
    const store = open(scratch());
    await store.commit([put("a", "1"), put("b", "1")]);
    const commit = store.commit([put("a", "2"), put("b", "2"), put("a", "3")]);
    const before = Buffer.from(store.get(bytes("a"))?.value ?? []).toString();
    await commit;
    expect(before).toBe("1");
    expect(Buffer.from(store.get(bytes("a"))?.value ?? []).toString()).toBe("3");
    expect(Buffer.from(store.get(bytes("b"))?.value ?? []).toString()).toBe("2");
    await store.close();
  });

  it("keeps everything over a close, and takes the longest key", async () => {
    const folder = scratch();
    const first = open(folder);
    const long = "k".repeat(4 + 160 + 2 + 1024);
    await first.commit([put(long, "v"), put("x".repeat(20), "y".repeat(300_000))]);
    const { liveBytes, fileBytes } = first.usage();
    expect(liveBytes).toBeGreaterThan(300_000);
    expect(fileBytes).toBeGreaterThanOrEqual(liveBytes);
    await first.close();
    const second = open(folder);
    expect(keys(second)).toEqual([long, "x".repeat(20)]);
    expect(second.get(bytes("x".repeat(20)))?.value.byteLength).toBe(300_000);
    await second.close();
  });

  it("notices a damaged value", async () => {
    const folder = scratch();
    const first = open(folder);
    await first.commit([put("good", "fine"), put("bad", "precious-content")]);
    await first.close();
    damage(join(folder, "store.mdb"), "precious-content");
    const second = open(folder);
    expect(second.get(bytes("good"))).toBeDefined();
    expect(() => second.get(bytes("bad"))).toThrow(StoreError);
    expect(() => [...second.scan(everything)]).toThrow(/checksum/);
    await second.close();
  });
});

/** Changes one byte of this text wherever it lies in the file. */
function damage(path: string, text: string): void {
  const content = readFileSync(path);
  const fd = openSync(path, "r+");
  let at = content.indexOf(text);
  expect(at).toBeGreaterThan(0);
  for (; at !== -1; at = content.indexOf(text, at + 1)) writeSync(fd, "P", at);
  closeSync(fd);
}

const cls = "example.record";

describe("a program on a bad disk", () => {
  it("answers DATA_LOSS for a damaged value, never the value", async () => {
    const dataDir = scratch();
    const first = await startStandalone([{ name: cls }], { dataDir });
    const writer = new DataClient(first.at("grpc"), cls);
    await writer.set("bad", { k: "precious-content" });
    await writer.set("good", { k: "v" });
    writer.close();
    await stopOdgm(first);
    damage(join(dataDir, "store.mdb"), "precious-content");
    const second = await startStandalone([{ name: cls }], { dataDir });
    const reader = new DataClient(second.at("grpc"), cls);
    expect(await reader.get("good")).toEqual({ k: "v" });
    expect(await failureOf(reader.get("bad"))).toMatchObject({
      status: status.DATA_LOSS,
      code: "STORE_DAMAGED",
    });
    reader.close();
  });

  it("refuses to grow when full, while deletes pass and make room", async () => {
    const env = {
      ODGM_STORAGE_CAPACITY_BYTES: String(4 * 1024 * 1024),
      ODGM_STORAGE_LIMIT: "0.85",
    };
    const odgm = await startStandalone([{ name: cls }], { env });
    const client = new DataClient(odgm.at("grpc"), cls);
    const value = "x".repeat(100_000);
    let written = 0;
    const failure = await waitUntil(
      async () => {
        try {
          await client.set(`o${written}`, { k: value });
          written += 1;
          return undefined;
        } catch (cause: unknown) {
          return cause;
        }
      },
      { what: "growth to be refused", deadlineMs: 60_000, intervalMs: 1 },
    );
    expect(failure).toMatchObject({ status: status.RESOURCE_EXHAUSTED, code: "STORAGE_FULL" });
    expect(await client.get("o0")).toEqual({ k: value });
    await client.deleteValue("o0", "k");
    for (let at = 0; at < written; at += 1) await client.delete(`o${at}`);
    const again = (): Promise<boolean> => client.set("again", { k: "v" }).then(() => true);
    await waitUntil(again, { what: "room again", deadlineMs: 30_000 });
    client.close();
  });

  it("ends when a commit fails, says so, and is refused at the next start", async () => {
    const dataDir = scratch();
    await stopOdgm(await startStandalone([{ name: cls }], { dataDir }));
    // The fifth sync of any thread fails once; the kernel forgets the pages then.
    const wrapper = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"];
    const inject = ["-e", "inject=fdatasync:error=EIO:when=5+"];
    const failing = launch({
      args: standaloneArgs(dataDir),
      wrapper: ["strace", ...wrapper, ...inject],
    });
    const ports = await waitUntil(() => portsIn(failing.log()), {
      what: "the program to serve",
      deadlineMs: 30_000,
    });
    const client = new DataClient(`127.0.0.1:${ports.grpc}`, cls);
    const acked: string[] = [];
    for (let at = 0; at < 50; at += 1) {
      const done = await client.set(`o${at}`, { k: "v" }).then(
        () => true,
        () => false,
      );
      if (!done) break;
      acked.push(`o${at}`);
    }
    client.close();
    expect(await failing.ended).toMatchObject({ code: 4 });
    expect(failing.log()).toMatch(/the store failed/);
    expect(acked.length).toBeLessThan(50);
    const refused = await startStandalone([{ name: cls }], { dataDir });
    const reader = new DataClient(refused.at("grpc"), cls);
    expect(await failureOf(reader.get("o0"))).toMatchObject({ code: "STORE_REFUSED" });
    reader.close();
  });
});
