// What the program does when its disk fills, fails or is damaged, and with stores of other formats.
// The engine by itself is in test/conformance/kv.
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "@jest/globals";
import { status } from "@grpc/grpc-js";

import { systemKey } from "#workloads/core/store/index.ts";
import { openLmdbStore } from "#workloads/platform/kv/index.ts";
import { waitUntil } from "#test/support/wait.ts";

import { DataClient, failureOf } from "./data-client.ts";
import type { Ended } from "./odgm-process.ts";
import {
  clearAll,
  launch,
  portsIn,
  scratch,
  standaloneArgs,
  startStandalone,
  stopOdgm,
} from "./odgm-process.ts";

afterAll(clearAll);

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

/** Runs `odgm compact` to its end. */
function compact(dataDir: string): Promise<Ended> {
  return launch({ args: ["compact", "--data", dataDir] }).ended;
}

/** Paths and contents of the folder's files, but for the lock files of running programs. */
function filesOf(dataDir: string): ReadonlyMap<string, string> {
  const names = readdirSync(dataDir, { recursive: true, encoding: "utf8" });
  const kept = names.filter((name) => !/lock$|^log$|^ballast$/.test(name)).sort();
  return new Map(kept.map((name) => [name, readFileSync(join(dataDir, name), "latin1")]));
}

/** A stopped program's folder with these objects. */
async function stopped(objects: Readonly<Record<string, string>>): Promise<string> {
  const dataDir = scratch();
  const odgm = await startStandalone([{ name: cls }], { dataDir });
  const client = new DataClient(odgm.at("grpc"), cls);
  for (const [id, k] of Object.entries(objects)) await client.set(id, { k });
  client.close();
  await stopOdgm(odgm);
  return dataDir;
}

/** How a read of a program on this folder fails. */
async function refusalOf(dataDir: string): Promise<unknown> {
  const odgm = await startStandalone([{ name: cls }], { dataDir });
  const client = new DataClient(odgm.at("grpc"), cls);
  const failure = await failureOf(client.get("a"));
  client.close();
  await stopOdgm(odgm);
  return failure;
}

describe("a program on a bad disk", () => {
  it("answers DATA_LOSS for a damaged value, never the value", async () => {
    const dataDir = scratch();
    const first = await startStandalone([{ name: cls }], { dataDir });
    const writer = new DataClient(first.at("grpc"), cls);
    await writer.set("bad", { k: "precious-content" });
    await writer.set("good", { k: "v" });
    writer.close();
    await stopOdgm(first);
    // What compacts the file brings everything there first.
    expect(await compact(dataDir)).toMatchObject({ code: 0 });
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

describe("a program and stores of other formats", () => {
  it("opens a store of version 1, which had no log, and makes it one of version 2", async () => {
    const dataDir = await stopped({ a: "1", b: "2" });
    expect(await compact(dataDir)).toMatchObject({ code: 0 });
    await makeVersion1(dataDir);
    const odgm = await startStandalone([{ name: cls }], { dataDir });
    const client = new DataClient(odgm.at("grpc"), cls);
    expect([await client.get("a"), await client.get("b")]).toEqual([{ k: "1" }, { k: "2" }]);
    await client.set("a", { k: "3" });
    client.close();
    await stopOdgm(odgm);
    expect(readFormat(dataDir)).toMatchObject({ formatVersion: 2 });
    const again = await startStandalone([{ name: cls }], { dataDir });
    const reader = new DataClient(again.at("grpc"), cls);
    expect(await reader.get("a")).toEqual({ k: "3" });
    reader.close();
  });

  it("refuses a newer one by its number and changes nothing", async () => {
    const dataDir = await stopped({ a: "1" });
    const format = { ...readFormat(dataDir), formatVersion: 3 };
    writeFileSync(join(dataDir, "format.json"), JSON.stringify(format));
    const before = filesOf(dataDir);
    expect(await refusalOf(dataDir)).toMatchObject({
      code: "STORE_REFUSED",
      message: expect.stringMatching(/format version 3; this program knows up to 2/),
    });
    expect(await compact(dataDir)).toMatchObject({
      code: 3,
      log: expect.stringMatching(/version 3/),
    });
    expect(filesOf(dataDir)).toEqual(before);
  });
});

describe("a program and a damaged log", () => {
  it("refuses a store without replicas, says where, and changes nothing", async () => {
    const dataDir = await stopped({ a: "precious-content", b: "2" });
    const [segment = ""] = readdirSync(join(dataDir, "log"));
    damage(join(dataDir, "log", segment), "precious-content");
    const before = filesOf(dataDir);
    expect(await refusalOf(dataDir)).toMatchObject({
      code: "STORE_REFUSED",
      message: expect.stringMatching(
        /the log is damaged at 00000001\.seg:\d+ and was durable up to/,
      ),
    });
    expect(await compact(dataDir)).toMatchObject({ code: 3 });
    expect(filesOf(dataDir)).toEqual(before);
  });
});

describe("odgm compact", () => {
  it("makes the file small and loses nothing; a running program is left alone", async () => {
    const value = "x".repeat(50_000);
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`o${at}`, value]));
    const dataDir = await stopped({ ...many, keep: "1" });
    expect(await compact(dataDir)).toMatchObject({ code: 0 });
    const large = statSync(join(dataDir, "store.mdb")).size;
    const odgm = await startStandalone([{ name: cls }], { dataDir });
    const client = new DataClient(odgm.at("grpc"), cls);
    expect(await compact(dataDir)).toMatchObject({ code: 3, log: expect.stringMatching(/in use/) });
    for (const id of Object.keys(many)) await client.delete(id);
    client.close();
    await stopOdgm(odgm);
    // As if an earlier one had been killed.
    writeFileSync(join(dataDir, "store.mdb.compact"), "half");
    const { code, log } = await compact(dataDir);
    expect([code, log]).toEqual([
      0,
      expect.stringMatching(/MiB -> .* MiB, \d+ records, all whole/),
    ]);
    expect(statSync(join(dataDir, "store.mdb")).size).toBeLessThan(large / 10);
    expect(readdirSync(dataDir).filter((name) => name.includes("compact"))).toEqual([]);
    const again = await startStandalone([{ name: cls }], { dataDir });
    const reader = new DataClient(again.at("grpc"), cls);
    expect(await reader.get("keep")).toEqual({ k: "1" });
    expect(await reader.listObjects({ limit: 100 })).toHaveLength(1);
    reader.close();
  });
});

function readFormat(dataDir: string): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(join(dataDir, "format.json"), "utf8")) as Record<string, unknown>;
}

/** Takes away what version 2 added; everything has been brought to LMDB before. */
async function makeVersion1(dataDir: string): Promise<void> {
  rmSync(join(dataDir, "log"), { recursive: true });
  const format = { ...readFormat(dataDir), formatVersion: 1 };
  const old = openLmdbStore(join(dataDir, "store.mdb"));
  const value = Buffer.from(JSON.stringify(format));
  const mark = Buffer.concat([Buffer.alloc(8, 0xff), Buffer.from("log")]);
  await old.commit([
    { key: systemKey("format"), value, index: 0 },
    { key: mark, value: undefined, index: 0 },
  ]);
  await old.close();
  writeFileSync(join(dataDir, "format.json"), JSON.stringify(format));
}
