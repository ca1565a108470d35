// The layer of one image: its program, and the native packages that it imports. What the program
// imports lazily stays in files of its own: a client library of 16 MB that a pod never loads costs
// nothing then.
import { isBuiltin } from "node:module";
import { basename, join } from "node:path";

import { build, type Metafile } from "esbuild";

import { errorMessage } from "#api/base/index.ts";

import { ImageError, type ImageSource } from "./model.ts";
import { packLayer, type LayerEntry } from "./layer.ts";
import { NATIVE_PACKAGE_NAMES, nativeEntries } from "./native-packages.ts";
import { PROGRAM_OPTIONS } from "./program.ts";

/**
 * The bytes of the layer of `source`: `/app/main.mjs`, the chunks that it loads and, if it imports
 * any, native packages under `/app/node_modules`. Throws IMAGE_BUNDLE with the bundler's messages.
 */
export async function buildAppLayer(root: string, source: ImageSource): Promise<Buffer> {
  const { files, metafile } = await bundle(root, source);
  return packLayer([...files, ...(await nativeEntries(nativeImports(metafile, source)))]);
}

async function bundle(
  root: string,
  source: ImageSource,
): Promise<{ readonly files: readonly LayerEntry[]; readonly metafile: Metafile }> {
  try {
    const result = await build({
      ...PROGRAM_OPTIONS,
      absWorkingDir: root,
      entryPoints: [join(source.folder, "main.ts")],
      outdir: "app",
      write: false,
      metafile: true,
      logLevel: "silent",
    });
    const files = result.outputFiles.map(({ path, contents }): LayerEntry => ({
      kind: "file",
      path: `app/${basename(path)}`,
      mode: 0o644,
      data: Buffer.from(contents),
    }));
    return { files, metafile: result.metafile };
  } catch (cause) {
    if (cause instanceof ImageError) throw cause;
    throw new ImageError("IMAGE_BUNDLE", `${source.folder}: ${errorMessage(cause)}`, cause);
  }
}

/** Native packages that the bundle imports. An import of anything else outside it is an error. */
function nativeImports(metafile: Metafile, source: ImageSource): readonly string[] {
  const native = new Set<string>();
  for (const output of Object.values(metafile.outputs)) {
    for (const { path, external, kind } of output.imports) {
      if (external !== true || isBuiltin(path)) continue;
      if (NATIVE_PACKAGE_NAMES.includes(path)) native.add(path);
      // A `require` in a try block of a package that probes for an optional companion.
      else if (kind !== "require-call" && kind !== "require-resolve") {
        throw new ImageError("IMAGE_BUNDLE", `${source.folder}: ${path} stays outside the bundle`);
      }
    }
  }
  return [...native];
}
