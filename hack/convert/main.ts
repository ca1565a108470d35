// `npm run convert -- FILE`: upstream's packages, collections and runtimes as our kinds, on stdout.
// Warnings go to stderr. Ends with 1, and prints no object, if something cannot be converted.

import { readFile } from "node:fs/promises";

import { stringify } from "yaml";

import { convert } from "#api/convert/index.ts";
import type { Note } from "#api/convert/index.ts";

const HELP = `npm run convert -- FILE...

Converts documents of oaas-rs and of the Java platform to our kinds: packages (YAML or JSON), the
JSON of ODGM_COLLECTION, and upstream's ClassRuntime objects. FILE may be - for standard input.
Objects go to standard output, notes with path and line to standard error.

  npm run -s convert -- package.yml | kubectl apply --server-side -f -
`;

async function main(args: readonly string[]): Promise<number> {
  if (args.length === 0 || args.includes("--help") || args.includes("-h")) {
    process.stdout.write(HELP);
    return args.length === 0 ? 2 : 0;
  }
  let failed = false;
  const documents: string[] = [];
  for (const file of args) {
    const text = await readFile(file === "-" ? "/dev/stdin" : file, "utf8");
    const { objects, warnings, refusals } = convert(text);
    for (const note of warnings) tell(file, "warning", note);
    for (const note of refusals) tell(file, "refused", note);
    failed ||= refusals.length > 0;
    documents.push(...objects.map((object) => stringify(object, { version: "1.1" })));
  }
  if (failed) return 1;
  process.stdout.write(documents.join("---\n"));
  return 0;
}

function tell(file: string, what: string, note: Note): void {
  const path = note.path === "" ? "" : `${note.path}: `;
  process.stderr.write(`${file}:${note.line}: ${what}: ${path}${note.message}\n`);
}

process.exitCode = await main(process.argv.slice(2));
