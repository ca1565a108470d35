// `npm run operator -- init KIND FOLDER`: a folder that builds, tests and runs an operator.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";

import { scaffold, ScaffoldError } from "./init.ts";

const ROOT = join(import.meta.dirname, "..", "..");

const HELP = `npm run operator -- init KIND FOLDER

Writes the files of docs/guides/first-operator.md into FOLDER, which is new or empty, for a kind
KIND (one capitalised word, such as Site): types, controller, unit test, simulation, main, rights,
image, deployment. The group example.com and the fields are yours to change.

  npm run operator -- init Site ../site-operator
`;

/** What npm was called in; scripts run in the folder of package.json. */
const CALLED_IN = process.env["INIT_CWD"] ?? process.cwd();

async function main(args: readonly string[]): Promise<number> {
  const [command, kind, target, ...more] = args;
  if (command !== "init" || kind === undefined || target === undefined || more.length > 0) {
    process.stdout.write(HELP);
    return args.includes("--help") || args.includes("-h") ? 0 : 2;
  }
  const folder = resolve(CALLED_IN, target);
  const clone = relative(folder, ROOT);
  const guide = await readFile(join(ROOT, "docs", "guides", "first-operator.md"), "utf8");
  const files = scaffold({ guide, kind, name: basename(folder), clone });
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new ScaffoldError(`${folder} is not empty`);
  for (const [name, text] of files) await writeFile(join(folder, name), text, { flag: "wx" });
  const types = `${kind.toLowerCase()}.ts`;
  process.stdout.write(`${folder}: ${[...files.keys()].join(", ")}

  cd ${target}
  npm install
  npm --prefix ${clone} run crd -- --types "$PWD/${types}" --out "$PWD/crds"
  npx tsc && node --test

How it runs on a cluster: docs/guides/first-operator.md from step 6 on.
`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (cause) {
  if (!(cause instanceof ScaffoldError)) throw cause;
  process.stderr.write(`${cause.message}\n`);
  process.exitCode = 1;
}
