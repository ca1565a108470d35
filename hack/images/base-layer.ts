// The layer that all images share: Node and the shared libraries that it is linked against, taken
// from this machine with the paths that its dynamic linker looks at, and the few files that a
// process without a distribution expects. No shell, no package manager. No CA bundle either: Node
// brings its own roots, and the ones of the building machine are nobody's business.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { ImageError } from "./model.ts";
import { digestOf, packLayer, type LayerEntry } from "./layer.ts";

/** A packed layer on disk. */
export interface StoredLayer {
  readonly digest: string;
  readonly path: string;
  readonly sizeBytes: number;
}

const PASSWD = "root:x:0:0:root:/:/none\nnonroot:x:65532:65532:nonroot:/tmp:/none\n";
const GROUP = "root:x:0:\nnonroot:x:65532:\n";
const NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n";
/** Loaded by name at run time where the C library is older than 2.34; absent files are skipped. */
const NAME_SERVICE = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

/**
 * The base layer for the Node binary at `nodePath`, packed into `folder` unless it lies there
 * already for the same binary and libraries. Throws IMAGE_BASE if the libraries cannot be found.
 */
export async function ensureBaseLayer(options: {
  readonly nodePath: string;
  readonly folder: string;
}): Promise<StoredLayer> {
  if (process.platform !== "linux") {
    throw new ImageError("IMAGE_BASE", "images are built on Linux, from its Node and libraries");
  }
  const libraries = await librariesOf(options.nodePath);
  const key = await keyOf([options.nodePath, ...libraries]);
  const path = join(options.folder, `base-${key}.tar`);
  const known = await readStored(path);
  if (known !== undefined) return known;

  const data = await packLayer(await baseEntries(options.nodePath, libraries));
  const stored = { digest: digestOf(data), path, sizeBytes: data.byteLength };
  await mkdir(options.folder, { recursive: true });
  await writeAtomic(path, data);
  await writeAtomic(`${path}.json`, Buffer.from(JSON.stringify(stored)));
  return stored;
}

/** Writes `data` beside `path` and renames it there, so that a reader never sees half a file. */
export async function writeAtomic(path: string, data: Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  await writeFile(part, data);
  await rename(part, path);
}

async function baseEntries(
  nodePath: string,
  libraries: readonly string[],
): Promise<readonly LayerEntry[]> {
  const text = (path: string, content: string): LayerEntry => {
    return { kind: "file", path, mode: 0o644, data: Buffer.from(content) };
  };
  return [
    { kind: "file", path: "node", mode: 0o755, data: await readFile(nodePath) },
    ...(await Promise.all(
      libraries.map(async (library): Promise<LayerEntry> => {
        const data = await readFile(library);
        return { kind: "file", path: library.slice(1), mode: 0o755, data };
      }),
    )),
    text("etc/passwd", PASSWD),
    text("etc/group", GROUP),
    text("etc/nsswitch.conf", NSSWITCH),
    { kind: "folder", path: "tmp", mode: 0o1777 },
  ];
}

/** Absolute paths of the dynamic linker and of every library that `binary` is linked against. */
async function librariesOf(binary: string): Promise<readonly string[]> {
  let output: string;
  try {
    output = (await promisify(execFile)("ldd", [binary])).stdout;
  } catch (cause) {
    throw new ImageError("IMAGE_BASE", "ldd, part of the C library, did not run", cause);
  }
  const libraries = parseLdd(output);
  const folder = dirname(libraries.find((path) => path.includes("/libc.so")) ?? "/lib/libc.so.6");
  for (const name of NAME_SERVICE) {
    const path = join(folder, name);
    if (!libraries.includes(path) && (await exists(path))) libraries.push(path);
  }
  return libraries.sort();
}

/** The paths in what `ldd` prints. Throws IMAGE_BASE for a library that was not found. */
export function parseLdd(output: string): string[] {
  const paths: string[] = [];
  for (const line of output.split("\n")) {
    if (line.includes("not found")) throw new ImageError("IMAGE_BASE", `missing: ${line.trim()}`);
    const path = /(?:=>\s+|^\s*)(\/\S+)\s+\(0x/.exec(line)?.[1];
    if (path !== undefined) paths.push(path);
  }
  if (!paths.some((path) => path.includes("/libc.so"))) {
    throw new ImageError("IMAGE_BASE", `no C library in the output of ldd:\n${output}`);
  }
  return paths;
}

/** Changes when one of the files does; sizes and times are read, not contents. */
async function keyOf(paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(PASSWD + GROUP + NSSWITCH);
  for (const path of paths) {
    const { size, mtimeMs } = await stat(path);
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}

async function readStored(path: string): Promise<StoredLayer | undefined> {
  if (!(await exists(path)) || !(await exists(`${path}.json`))) return undefined;
  const parsed: unknown = JSON.parse(await readFile(`${path}.json`, "utf8"));
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { digest, sizeBytes } = parsed as { digest?: unknown; sizeBytes?: unknown };
  if (typeof digest !== "string" || typeof sizeBytes !== "number") return undefined;
  if ((await stat(path)).size !== sizeBytes) return undefined;
  return { digest, path, sizeBytes };
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw cause;
  }
}
