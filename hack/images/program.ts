// How a program is made of its sources, for images and for whatever measures what images run.
import type { BuildOptions } from "esbuild";

import { NATIVE_PACKAGE_NAMES } from "./native-packages.ts";

/** What CommonJS packages expect and ECMAScript modules do not have. */
const BANNER = [
  'import { createRequire as __createRequire } from "node:module";',
  "const require = __createRequire(import.meta.url);",
  "const __filename = import.meta.filename;",
  "const __dirname = import.meta.dirname;",
].join("\n");

/**
 * Options of esbuild: one entry point becomes `main.mjs` with chunks for what is imported lazily;
 * native packages stay outside. Entry point and `outdir` are the caller's.
 */
export const PROGRAM_OPTIONS = {
  outExtension: { ".js": ".mjs" },
  entryNames: "main",
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node24",
  format: "esm",
  // One character beyond Latin-1 would double the memory that V8 keeps the source in.
  charset: "ascii",
  legalComments: "eof",
  banner: { js: BANNER },
  external: [...NATIVE_PACKAGE_NAMES],
} satisfies BuildOptions;
