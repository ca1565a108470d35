// The layer of one image: its program as one file, and the native packages that it imports.
import { isBuiltin } from "node:module";
import { join } from "node:path";

import { build, type Metafile } from "esbuild";

import { errorMessage } from "#api/base/index.ts";

import { ImageError, type ImageSource } from "./model.ts";
import { packLayer, type LayerEntry } from "./layer.ts";
import { NATIVE_PACKAGE_NAMES, nativeEntries } from "./native-packages.ts";

/** What CommonJS packages expect and ECMAScript modules do not have. */
const BANNER = [
  'import { createRequire as __createRequire } from "node:module";',
  "const require = __createRequire(import.meta.url);",
  "const __filename = import.meta.filename;",
  "const __dirname = import.meta.dirname;",
].join("\n");

/**
 * The bytes of the layer of `source`: `/app/main.mjs` and, if it imports any, native packages under
 * `/app/node_modules`. Throws IMAGE_BUNDLE with the bundler's messages.
 */
export async function buildAppLayer(root: string, source: ImageSource): Promise<Buffer> {
  const { code, metafile } = await bundle(root, source);
  const program: LayerEntry = { kind: "file", path: "app/main.mjs", mode: 0o644, data: code };
  return packLayer([program, ...(await nativeEntries(nativeImports(metafile, source)))]);
}

async function bundle(root: string, source: ImageSource) {
  try {
    const result = await build({
      absWorkingDir: root,
      entryPoints: [join(source.folder, "main.ts")],
      outfile: "main.mjs",
      bundle: true,
      write: false,
      metafile: true,
      platform: "node",
      target: "node24",
      format: "esm",
      charset: "utf8",
      legalComments: "eof",
      logLevel: "silent",
      banner: { js: BANNER },
      external: [...NATIVE_PACKAGE_NAMES],
    });
    const output = result.outputFiles[0];
    if (output === undefined) throw new ImageError("IMAGE_BUNDLE", `${source.name}: no output`);
    return { code: Buffer.from(output.contents), metafile: result.metafile };
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
