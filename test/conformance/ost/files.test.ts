// The system calls of workloads/platform/files on a real file system.
import { closeSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import {
  lockExclusive,
  openOrCreate,
  punchHole,
  readCached,
  readFully,
  replaceFile,
  reserveSpace,
  syncData,
  writeFullySync,
} from "#workloads/platform/files/index.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "files-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("files", () => {
  it("lets one open file description hold the lock", () => {
    const first = openOrCreate(join(folder, "lock"));
    const second = openOrCreate(join(folder, "lock"));
    expect(lockExclusive(first)).toBe(true);
    expect(lockExclusive(second)).toBe(false);
    closeSync(first);
    expect(lockExclusive(second)).toBe(true);
    closeSync(second);
  });

  it("punches holes that read as zeros and free the blocks", async () => {
    const fd = openOrCreate(join(folder, "data"));
    writeFullySync(fd, Buffer.alloc(1 << 20, 7), 0);
    await syncData(fd);
    const before = statSync(join(folder, "data")).blocks;
    punchHole(fd, 4096, 1 << 19);
    await syncData(fd);
    const after = statSync(join(folder, "data"));
    expect(after.size).toBe(1 << 20);
    expect(before - after.blocks).toBe(1024);
    const read = Buffer.alloc(8192, 1);
    expect(await readFully(fd, read, 0)).toBe(8192);
    expect(read.subarray(0, 4096).equals(Buffer.alloc(4096, 7))).toBe(true);
    expect(read.subarray(4096).equals(Buffer.alloc(4096))).toBe(true);
    closeSync(fd);
  });

  it("reads cached pages without waiting, short at the end", () => {
    const fd = openOrCreate(join(folder, "data"));
    writeFullySync(fd, Buffer.from("hello"), 0);
    const buffer = Buffer.alloc(64);
    const count = readCached(fd, buffer, 1);
    expect(count).toBe(4);
    expect(buffer.toString("utf8", 0, 4)).toBe("ello");
    closeSync(fd);
  });

  it("reserves blocks ahead of the writes", () => {
    const fd = openOrCreate(join(folder, "data"));
    reserveSpace(fd, 0, 1 << 20);
    expect(statSync(join(folder, "data")).blocks).toBeGreaterThanOrEqual(2048);
    closeSync(fd);
  });

  it("replaces a file as a whole", async () => {
    const path = join(folder, "superblock");
    await replaceFile(path, Buffer.from("one"));
    await replaceFile(path, Buffer.from("two"));
    expect(readFileSync(path, "utf8")).toBe("two");
  });
});
