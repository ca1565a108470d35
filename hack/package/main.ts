// `npm run package`: the framework as one file that npm installs.

import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";

import { errorMessage } from "#api/base/index.ts";

import { buildPackage, PackageError } from "./build.ts";
import type { RootManifest } from "./build.ts";

const run = promisify(execFile);

const ROOT = join(import.meta.dirname, "..", "..");

const HELP = `npm run package [-- --out FOLDER]

Builds runtime, simulator, @dot-i/k8s-operator's surface and CRD compiler as JavaScript with
declarations, and packs them. Prints the path of the file, for "npm install FILE".

  --out FOLDER   where the file goes; .build/package if not given
`;

/** Files that go along as they are. */
const COPIED = { "README.md": "hack/package/front-page.md", LICENSE: "LICENSE" } as const;

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { out: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const out = resolve(process.env["INIT_CWD"] ?? ROOT, values.out ?? join(ROOT, ".build/package"));
  process.stdout.write(`${await pack(out)}\n`);
  return 0;
}

async function pack(out: string): Promise<string> {
  // JSON without a type; our own package.json.
  const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as RootManifest;
  const { files } = buildPackage(ROOT, manifest);
  const folder = join(out, "files");
  await rm(folder, { recursive: true, force: true });
  const copies = Object.entries(COPIED).map(
    async ([to, from]) => [to, await readFile(join(ROOT, from), "utf8")] as const,
  );
  for (const [path, text] of [...files, ...(await Promise.all(copies))]) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text, { mode: path.startsWith("bin/") ? 0o755 : 0o644 });
  }
  const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", out, folder], {
    cwd: out,
  });
  return join(out, stdout.trim());
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (cause) {
  const isArgument = cause instanceof TypeError && "code" in cause;
  if (!isArgument && !(cause instanceof PackageError)) throw cause;
  process.stderr.write(`${errorMessage(cause)}\n${isArgument ? `\n${HELP}` : ""}`);
  process.exitCode = isArgument ? 2 : 1;
}
