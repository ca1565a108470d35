// Packages with native code stay outside the bundle: their loaders look for binaries beside
// themselves. Copied is what they need on this platform and nothing else: the JavaScript that the
// bundler reaches from their entry, their manifests, and the binaries listed here.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { build, type Metafile } from "esbuild";

import { ImageError } from "./model.ts";
import type { LayerEntry } from "./layer.ts";

interface NativePackage {
  /** Files beside the traced JavaScript, relative to node_modules. `ARCH` is x64 or arm64. */
  readonly files: readonly string[];
  /** Native packages that it loads by a computed name, which tracing cannot see. */
  readonly loads: readonly string[];
}

const NATIVE_PACKAGES: Readonly<Record<string, NativePackage>> = {
  lmdb: {
    files: [
      "lmdb/dict/dict.txt",
      "@lmdb/lmdb-linux-ARCH/package.json",
      "@lmdb/lmdb-linux-ARCH/index.js",
      "@lmdb/lmdb-linux-ARCH/node.napi.glibc.node",
    ],
    loads: ["msgpackr-extract"],
  },
  "msgpackr-extract": {
    files: [
      "@msgpackr-extract/msgpackr-extract-linux-ARCH/package.json",
      "@msgpackr-extract/msgpackr-extract-linux-ARCH/index.js",
      "@msgpackr-extract/msgpackr-extract-linux-ARCH/node.napi.glibc.node",
    ],
    loads: [],
  },
  koffi: {
    files: [
      "@koromix/koffi-linux-ARCH/package.json",
      "@koromix/koffi-linux-ARCH/index.js",
      "@koromix/koffi-linux-ARCH/linux_ARCH/koffi.node",
    ],
    loads: [],
  },
  "xxhash-addon": {
    files: ["xxhash-addon/prebuilds/linux-ARCH/addon.napi.glibc.node"],
    loads: [],
  },
};

const REPOSITORY_ROOT = join(import.meta.dirname, "..", "..");

/** Names that the bundler must leave alone. */
export const NATIVE_PACKAGE_NAMES: readonly string[] = Object.keys(NATIVE_PACKAGES);

/** The files under `app/node_modules` that these native packages need, sorted by path. */
export async function nativeEntries(names: readonly string[]): Promise<readonly LayerEntry[]> {
  const wanted = withLoaded(names);
  if (wanted.length === 0) return [];
  const files = new Set(await tracedFiles(wanted));
  for (const name of wanted) {
    for (const file of packageOf(name).files) files.add(file.replaceAll("ARCH", process.arch));
  }
  return Promise.all([...files].sort().map((file) => nativeEntry(file)));
}

function withLoaded(names: readonly string[]): readonly string[] {
  const wanted = new Set<string>();
  const queue = [...names];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (wanted.has(name)) continue;
    wanted.add(name);
    queue.push(...packageOf(name).loads);
  }
  return [...wanted].sort();
}

function packageOf(name: string): NativePackage {
  const found = NATIVE_PACKAGES[name];
  if (found === undefined) throw new ImageError("IMAGE_BUNDLE", `${name} is no native package`);
  return found;
}

async function nativeEntry(file: string): Promise<LayerEntry> {
  const source = join(REPOSITORY_ROOT, "node_modules", file);
  const mode = file.endsWith(".node") ? 0o755 : 0o644;
  try {
    const data = await readFile(source);
    return { kind: "file", path: `app/node_modules/${file}`, mode, data };
  } catch (cause) {
    throw new ImageError("IMAGE_BUNDLE", `${source} is missing; run npm ci`, cause);
  }
}

/** Every file that loading these packages can reach, and the manifests of their packages. */
async function tracedFiles(names: readonly string[]): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: REPOSITORY_ROOT,
    stdin: {
      contents: names.map((name) => `import ${JSON.stringify(name)};`).join("\n"),
      resolveDir: REPOSITORY_ROOT,
    },
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "esm",
    logLevel: "silent",
    loader: { ".node": "empty" },
    external: ["@lmdb/*", "@msgpackr-extract/*", "@koromix/*"],
    ignoreAnnotations: true,
  });
  return filesOf(metafile);
}

function filesOf(metafile: Metafile): readonly string[] {
  const files = new Set<string>();
  for (const input of Object.keys(metafile.inputs)) {
    const match = /^node_modules\/((?:.*node_modules\/)?(?:@[^/]+\/)?[^/]+)\/(.+)$/.exec(input);
    if (match === null) continue;
    files.add(`${match[1] ?? ""}/${match[2] ?? ""}`);
    files.add(`${match[1] ?? ""}/package.json`);
  }
  return [...files];
}
