import { describe, expect, it } from "@jest/globals";
import tar from "tar-stream";

import { digestOf, packLayer, type LayerEntry } from "./layer.ts";

function file(path: string, text: string): LayerEntry {
  return { kind: "file", path, mode: 0o644, data: Buffer.from(text) };
}

async function headersOf(layer: Buffer): Promise<readonly tar.Header[]> {
  const headers: tar.Header[] = [];
  const extract = tar.extract();
  extract.end(layer);
  for await (const entry of extract) {
    headers.push(entry.header);
    entry.resume();
  }
  return headers;
}

describe("packLayer", () => {
  it("gives equal bytes for equal entries in any order", async () => {
    const entries = [file("b", "2"), file("a/c", "1"), file("a.b", "3")];
    const one = await packLayer(entries);
    const other = await packLayer([...entries].reverse());
    expect(digestOf(other)).toBe(digestOf(one));
    expect(digestOf(await packLayer([file("b", "2 ")]))).not.toBe(digestOf(one));
  });

  it("writes parents first, owned by root, dated at the epoch", async () => {
    const headers = await headersOf(
      await packLayer([
        file("app/lib/x.js", "x"),
        { kind: "folder", path: "tmp", mode: 0o1777 },
        { kind: "link", path: "app/link", target: "lib/x.js" },
      ]),
    );
    expect(headers.map(({ name, type, mode }) => ({ name, type, mode }))).toEqual([
      { name: "app", type: "directory", mode: 0o755 },
      { name: "app/lib", type: "directory", mode: 0o755 },
      { name: "app/lib/x.js", type: "file", mode: 0o644 },
      { name: "app/link", type: "symlink", mode: 0o777 },
      { name: "tmp", type: "directory", mode: 0o1777 },
    ]);
    for (const { uid, gid, mtime } of headers) {
      expect({ uid, gid, at: mtime?.getTime() }).toEqual({ uid: 0, gid: 0, at: 0 });
    }
  });

  it.each(["/etc/passwd", "../up", "a//b", "a/./b"])("refuses the path %s", async (path) => {
    await expect(packLayer([file(path, "")])).rejects.toThrow(JSON.stringify(path));
  });

  it("refuses the same path twice", async () => {
    await expect(packLayer([file("a", "1"), file("a", "2")])).rejects.toThrow("twice");
  });
});
