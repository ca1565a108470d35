// Public face of tidy: the rules of docs/STYLE.md that neither compiler nor linter sees.
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";

import { EXCEPTIONS } from "./exceptions.ts";
import { readFacts } from "./facts.ts";
import type { FileFacts, Finding, TidyException } from "./model.ts";
import { checkCalls } from "./rules/calls.ts";
import { checkComments } from "./rules/comments.ts";
import { checkCycles } from "./rules/cycles.ts";
import { checkDead } from "./rules/dead.ts";
import { checkLayers } from "./rules/layers.ts";
import { checkPackages, type PackageManifest } from "./rules/packages.ts";
import { checkPlaces } from "./rules/places.ts";
import { checkSizes } from "./rules/sizes.ts";
import { checkTwice } from "./rules/twice.ts";

export type { Finding } from "./model.ts";

const SKIPPED_FOLDERS = new Set([".git", ".build", "node_modules", "coverage"]);
const TEXT_EXTENSIONS = new Set([
  ...[".ts", ".mjs", ".json", ".yaml", ".yml", ".md", ".proto", ".sh", ".lua", ".go", ".mod", ""],
]);
/** Generated: its generator answers for it. */
const GENERATED = /^(api\/gen\/|package-lock\.json$)/;

/** All findings in the repository at `root`, sorted by path and line, exceptions taken out. */
export async function tidyRepository(root: string): Promise<readonly Finding[]> {
  const paths = await textFiles(root, "");
  const files = await Promise.all(
    paths.map(async (path) => readFacts(path, await readFile(join(root, path), "utf8"))),
  );
  const manifest = JSON.parse(
    await readFile(join(root, "package.json"), "utf8"),
  ) as PackageManifest;
  return applyExceptions(checkFiles(files, manifest), EXCEPTIONS);
}

/** Every rule over these files. Pure. */
export function checkFiles(
  files: readonly FileFacts[],
  manifest: PackageManifest,
): readonly Finding[] {
  const sources = files.filter((file) => !file.path.includes("/testdata/"));
  return [
    ...checkDead(sources),
    ...checkLayers(sources),
    ...checkPackages(sources, manifest),
    ...checkCycles(sources),
    ...checkTwice(sources),
    ...checkSizes(sources),
    ...checkCalls(sources),
    ...checkComments(sources),
    ...checkPlaces(files),
  ].sort((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
}

/** The findings that no exception covers, and one for each exception that covers none. */
export function applyExceptions(
  findings: readonly Finding[],
  exceptions: readonly TidyException[],
): readonly Finding[] {
  const covers = (exception: TidyException, finding: Finding): boolean =>
    exception.rule === finding.rule && exception.path === finding.path;
  const left = findings.filter((finding) => !exceptions.some((one) => covers(one, finding)));
  const unused = exceptions
    .filter((exception) => !findings.some((finding) => covers(exception, finding)))
    .map(({ rule, path }): Finding => {
      return { rule, path, line: 1, message: "hack/tidy/exceptions.ts names it without need" };
    });
  return [...left, ...unused];
}

/** `path:line rule: message`. */
export function formatFinding({ path, line, rule, message }: Finding): string {
  return `${path}:${line} ${rule}: ${message}`;
}

async function textFiles(root: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const nested = await Promise.all(
    entries.map(async (entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : textFiles(root, path);
      const isText = entry.isFile() && TEXT_EXTENSIONS.has(extname(entry.name));
      return isText && !GENERATED.test(path) ? [path] : [];
    }),
  );
  return nested.flat().sort();
}
