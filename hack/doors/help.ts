// `npm run help`: every command of this repository, one line each.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What each script of package.json is for. */
export const COMMANDS: Readonly<Record<string, string>> = {
  start: "a cluster with the system and a sample that answers; again: only what is not done yet",
  test: "every check and test, with a cluster of its own; ends with a counted line",
  down: "remove everything that `npm start` made; --all: every local cluster",
  help: "this list",
  check: "format, lint, types, layers, unit tests, generated files: what needs no cluster",
  cluster: "up | down | status | load | logs | kubectl | node stop|start|cut|heal|exec",
  images: "build container images of every folder with a Dockerfile",
  crd: "CRDs from anybody's types; lint; what a change breaks (docs/guides/crd-compiler.md)",
  gen: "write generated files (CRDs, RBAC, protos); --check: fail if one differs",
  golden: "rewrite golden files of unit tests; look at the difference before you commit it",
  unit: "tests beside the sources; npm run unit -- PATH",
  integration: "tests under test/ that need sockets, disks or an API server",
  e2e: "tests on a real cluster; npm run e2e -- NAME",
  types: "compile all layers",
  lint: "eslint",
  format: "prettier --write",
  tidy: "layers, sizes, banned calls, cycles",
  plan: "what our controllers would make of a file of objects, without writing; -- -f FILE",
  sim: "simulate the operators under faults; -- --seed N --steps M",
  mutants: "deliberate bugs and the tests that kill them; -- operators --only ID",
  bench: "measure one part, JSON lines; -- NAME",
  workload: "run one program without Kubernetes: odgm, gateway, ost; -- NAME --help",
  convert: "turn upstream documents into objects of this project",
  operator:
    "a folder for an operator of your own (docs/guides/first-operator.md); -- init KIND FOLDER",
  package: "the operator framework as one file that npm installs; -- --out FOLDER",
};

/** The lines of the help text in the order given; a script without a text still has a line. */
export function helpLines(scripts: readonly string[]): readonly string[] {
  const call = (script: string): string =>
    script === "start" || script === "test" ? `npm ${script}` : `npm run ${script}`;
  const width = Math.max(...scripts.map((script) => call(script).length));
  return scripts.map((script) =>
    `${call(script).padEnd(width)}  ${COMMANDS[script] ?? ""}`.trimEnd(),
  );
}

/** Names of the scripts in package.json, in order. */
export function scriptNames(): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8");
  const { scripts } = JSON.parse(text) as { readonly scripts: Readonly<Record<string, string>> };
  return Object.keys(scripts);
}

if (import.meta.main) {
  const text = [
    "Options of a command come after `--`; most commands have --help.",
    "",
    ...helpLines(scriptNames()),
  ];
  process.stdout.write(`${text.join("\n")}\n`);
}
