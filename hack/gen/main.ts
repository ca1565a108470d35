// `npm run gen [-- --check] [NAME...]`: writes every generated file, or, with --check, writes
// nothing and fails with the differences. `--release` makes the CRDs the baseline of the next.

import { recordRelease } from "./baseline.ts";
import { crds } from "./crds.ts";
import { repositoryRoot } from "./generator.ts";
import type { Generator } from "./generator.ts";
import { generateProtos } from "./proto.ts";
import { rbac } from "./rbac.ts";

const protos: Generator = {
  name: "proto",
  describe: "api/proto -> api/gen/",
  async run({ check }) {
    const stale = await generateProtos({ check });
    return { stale: stale.map((name) => ({ path: `api/gen/${name}`, difference: "differs" })) };
  },
};

/** All generators, in the order in which they run. */
const GENERATORS: readonly Generator[] = [crds, protos, rbac];

const HELP = `npm run gen [-- --check] [NAME...]
npm run gen -- --release

Writes the generated files; with --check writes nothing and fails if one differs. With --release
records crds/ as those of a release, with which later ones are compared.

${GENERATORS.map(({ name, describe }) => `  ${name.padEnd(8)} ${describe}`).join("\n")}
`;

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  if (args.length === 1 && args[0] === "--release") {
    await recordRelease();
    return 0;
  }
  const check = args.includes("--check");
  const names = args.filter((arg) => !arg.startsWith("-"));
  const unknown = names.filter((name) => !GENERATORS.some((known) => known.name === name));
  const flags = args.filter((arg) => arg.startsWith("-") && arg !== "--check");
  if (unknown.length > 0 || flags.length > 0) {
    process.stderr.write(`unknown: ${[...unknown, ...flags].join(" ")}\n\n${HELP}`);
    return 2;
  }
  let staleCount = 0;
  for (const generator of GENERATORS) {
    if (names.length > 0 && !names.includes(generator.name)) continue;
    const { stale } = await generator.run({ check });
    staleCount += stale.length;
    for (const file of stale) {
      if (check) process.stderr.write(`${file.path}: ${file.difference}\n\n`);
      else process.stdout.write(`wrote ${file.path}\n`);
    }
  }
  if (!check || staleCount === 0) return 0;
  process.stderr.write(`${staleCount} generated files differ; run \`npm run gen\` and commit\n`);
  return 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (cause) {
  const text = cause instanceof Error ? cause.message : String(cause);
  process.stderr.write(`${text.replaceAll(`${repositoryRoot}/`, "")}\n`);
  process.exitCode = 1;
}
