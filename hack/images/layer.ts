// A layer is a tar archive whose bytes depend on nothing but its entries: sorted by path, owned by
// root, dated at the epoch, uncompressed (archives stay on this machine, and inflating would cost
// more than reading).
import { createHash } from "node:crypto";

import tar from "tar-stream";

import { assert } from "#api/base/index.ts";

import { ImageError } from "./model.ts";

/** One file, folder or link of a layer. Paths are relative to `/`, without a leading slash. */
export type LayerEntry =
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly data: Buffer }
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

const EPOCH = new Date(0);
const OWNER = { uid: 0, gid: 0, uname: "", gname: "", mtime: EPOCH } as const;

/**
 * The bytes of a layer with exactly these entries and the folders above them (mode 0755 unless
 * given). Throws IMAGE_LAYER if a path is absolute, escapes the root or appears twice.
 */
export async function packLayer(entries: readonly LayerEntry[]): Promise<Buffer> {
  const pack = tar.pack();
  const chunks: Buffer[] = [];
  pack.on("data", (chunk: unknown) => {
    assert(Buffer.isBuffer(chunk), "tar-stream yields buffers");
    chunks.push(chunk);
  });
  const ended = new Promise<void>((resolve, reject) => {
    pack.on("end", resolve);
    pack.on("error", reject);
  });
  for (const entry of withFolders(entries)) addEntry(pack, entry);
  pack.finalize();
  await ended;
  return Buffer.concat(chunks);
}

/** `sha256:<hex>` of these bytes. */
export function digestOf(data: Uint8Array): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

/** `entries` and every missing parent folder, parents first, siblings in byte order. */
function withFolders(entries: readonly LayerEntry[]): readonly LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const segments = entry.path.split("/");
    if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
      throw new ImageError("IMAGE_LAYER", `bad path in a layer: ${JSON.stringify(entry.path)}`);
    }
    if (byPath.has(entry.path)) {
      throw new ImageError("IMAGE_LAYER", `twice in one layer: ${entry.path}`);
    }
    byPath.set(entry.path, entry);
  }
  for (const path of [...byPath.keys()]) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const folder = path.slice(0, end);
      if (!byPath.has(folder)) byPath.set(folder, { kind: "folder", path: folder, mode: 0o755 });
    }
  }
  return [...byPath.values()].sort((a, b) =>
    Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)),
  );
}

function addEntry(pack: tar.Pack, entry: LayerEntry): void {
  switch (entry.kind) {
    case "file":
      pack.entry({ ...OWNER, name: entry.path, mode: entry.mode, type: "file" }, entry.data);
      return;
    case "folder":
      pack.entry({ ...OWNER, name: entry.path, mode: entry.mode, type: "directory" });
      return;
    case "link":
      pack.entry({
        ...OWNER,
        name: entry.path,
        mode: 0o777,
        type: "symlink",
        linkname: entry.target,
      });
      return;
  }
}
