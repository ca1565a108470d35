// The recorder itself: what it reads from a trace, what it calls durable, what its images hold.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "@jest/globals";

import type { Recording } from "#test/support/power/index.ts";
import { recordRun } from "#test/support/power/index.ts";

const folders: string[] = [];
const recordings: Recording[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  for (const recording of recordings.splice(0)) await recording.discard();
});

/** Runs a script with `dir` (the data folder) and `fs`, under the recorder. */
async function record(
  script: string,
  options: { readonly stub?: readonly "fdatasync"[]; readonly before?: string } = {},
): Promise<Recording> {
  const dataDir = mkdtempSync(join(tmpdir(), "power-model-"));
  folders.push(dataDir);
  const prelude = `const fs = require("node:fs"); const dir = ${JSON.stringify(dataDir)};
    const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);`;
  const node = process.execPath;
  if (options.before !== undefined) spawnSync(node, ["-e", `${prelude}${options.before}`]);
  const command = [node, "-e", `${prelude}${script}`];
  const recording = await recordRun({
    command,
    dataDir,
    ...(options.stub === undefined ? {} : { stub: options.stub }),
  });
  recordings.push(recording);
  return recording;
}

/** Content of a file in an image at the end of the record. */
async function atTheEnd(recording: Recording, mode: "all-lost" | "all-kept", name: string) {
  const { folder } = await recording.imageAt({ cutAtMs: Date.now(), mode, seed: 1 });
  const path = join(folder, name);
  return existsSync(path) ? readFileSync(path, "latin1") : undefined;
}

const create = `const fd = fs.openSync(dir + "/a", "w+"); fs.writeSync(fd, "old1old2"); fs.fsyncSync(fd);`;

describe("the power recorder", () => {
  it("loses what was written after the last sync, and keeps what was before", async () => {
    const recording = await record(
      `const fd = fs.openSync(dir + "/a", "r+"); fs.writeSync(fd, "new1", 0); fs.fdatasyncSync(fd);
       wait(); fs.writeSync(fd, "new2", 4);`,
      { before: create },
    );
    expect(await atTheEnd(recording, "all-lost", "a")).toBe("new1old2");
    expect(await atTheEnd(recording, "all-kept", "a")).toBe("new1new2");
  });

  it("believes no sync that was stubbed out", async () => {
    const recording = await record(
      `const fd = fs.openSync(dir + "/a", "r+"); fs.writeSync(fd, "new1", 0); fs.fdatasyncSync(fd);`,
      { before: create, stub: ["fdatasync"] },
    );
    expect(await atTheEnd(recording, "all-lost", "a")).toBe("old1old2");
  });

  it("takes O_DSYNC writes for durable at their return", async () => {
    const recording = await record(
      `const fd = fs.openSync(dir + "/a", fs.constants.O_RDWR | fs.constants.O_DSYNC);
       fs.writeSync(fd, "new1", 0);`,
      { before: create },
    );
    expect(await atTheEnd(recording, "all-lost", "a")).toBe("new1old2");
  });

  it("follows vectors, positions, truncation and holes", async () => {
    const recording = await record(
      `const fd = fs.openSync(dir + "/a", "r+"); fs.writevSync(fd, [Buffer.from("xy"), Buffer.from("z")]);
       fs.writeSync(fd, "w"); fs.ftruncateSync(fd, 6); fs.fdatasyncSync(fd);`,
      { before: create },
    );
    expect(await atTheEnd(recording, "all-lost", "a")).toBe("xyzwol");
  });

  it("loses names whose folder was not synced, and keeps the file under its old one", async () => {
    const script = `fs.renameSync(dir + "/a", dir + "/b");`;
    const unsynced = await record(script, { before: create });
    expect(await atTheEnd(unsynced, "all-lost", "a")).toBe("old1old2");
    expect(await atTheEnd(unsynced, "all-lost", "b")).toBeUndefined();
    expect(await atTheEnd(unsynced, "all-kept", "b")).toBe("old1old2");
    const synced = await record(`${script} fs.fsyncSync(fs.openSync(dir, "r"));`, {
      before: create,
    });
    expect(await atTheEnd(synced, "all-lost", "b")).toBe("old1old2");
    expect(await atTheEnd(synced, "all-lost", "a")).toBeUndefined();
  });

  it("brings back a file whose removal was not synced", async () => {
    const recording = await record(`fs.unlinkSync(dir + "/a");`, { before: create });
    expect(await atTheEnd(recording, "all-lost", "a")).toBe("old1old2");
    expect(await atTheEnd(recording, "all-kept", "a")).toBeUndefined();
  });

  it("cuts in time: what came later is not in the image", async () => {
    const recording = await record(
      `const fd = fs.openSync(dir + "/a", "r+"); fs.writeSync(fd, "new1", 0); fs.fdatasyncSync(fd);
       wait(); fs.writeSync(fd, "new2", 4); fs.fdatasyncSync(fd);`,
      { before: create },
    );
    const [first] = recording.journal.data;
    const cutAtMs = ((first?.durableAt ?? 0) + 0.0001) * 1000;
    const { folder } = await recording.imageAt({ cutAtMs, mode: "all-kept", seed: 1 });
    expect(readFileSync(join(folder, "a"), "latin1")).toBe("new1old2");
  });

  it("tears single writes at sectors, reorders writes, and repeats itself for a seed", async () => {
    const recording = await record(
      `const fd = fs.openSync(dir + "/a", "r+");
       for (let n = 1; n <= 8; n++) fs.writeSync(fd, Buffer.alloc(4096, n), 0, 4096, n * 4096);`,
      { before: create },
    );
    const contents = async (seed: number) => {
      const image = await recording.imageAt({ cutAtMs: Date.now(), mode: "any", seed });
      return readFileSync(join(image.folder, "a"));
    };
    let torn = 0;
    let reordered = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const found = await contents(seed);
      expect(found.equals(await contents(seed))).toBe(true);
      const blocks = Array.from({ length: 8 }, (_, n) => {
        const block = found.subarray((n + 1) * 4096, (n + 2) * 4096);
        return block.filter((byte) => byte === n + 1).length;
      });
      for (const count of blocks) expect(count % 512).toBe(0);
      if (blocks.some((count) => count > 0 && count < 4096)) torn += 1;
      const firstLost = blocks.indexOf(0);
      if (firstLost >= 0 && blocks.slice(firstLost).some((count) => count > 0)) reordered += 1;
    }
    expect(torn).toBeGreaterThan(5);
    expect(reordered).toBeGreaterThan(5);
  });

  it("leaves the recorded folder alone", async () => {
    const recording = await record(`fs.writeFileSync(dir + "/b", "x");`);
    writeFileSync(join(folders.at(-1) ?? "", "c"), "later");
    expect(await atTheEnd(recording, "all-kept", "b")).toBe("x");
    expect(await atTheEnd(recording, "all-kept", "c")).toBeUndefined();
  });
});
