// `npm run mutants -- LIST`: proves that the tests bite. Each deliberate bug of the list is put
// into the sources as they are loaded, and the tests that are named for it must turn red.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Command } from "commander";

import { ODGM_MUTANTS } from "#test/mutants/odgm/index.ts";
import { OPERATOR_MUTANTS } from "#test/mutants/operators/index.ts";

import type { Mutant, MutantResult } from "./model.ts";
import { judge, ROOT, runNode, runTests } from "./run.ts";
import { staleMutants } from "./stale.ts";
import { mutantTable } from "./table.ts";
import { notGreen } from "./verdict.ts";

const LISTS: Readonly<Record<string, readonly Mutant[]>> = {
  odgm: ODGM_MUTANTS,
  operators: OPERATOR_MUTANTS,
};
/** Processes at a time. */
const JOBS = 2;
const SIMULATION_MS_MAX = 240_000;

/** A simulation, by the name of its list, and how many of its seeds. */
interface Asked {
  readonly name: string;
  readonly seeds: string;
}

interface Options {
  readonly only?: readonly string[];
  readonly list?: boolean;
  readonly simulate?: string;
}

async function run(name: string, options: Options): Promise<number> {
  const all = LISTS[name];
  if (all === undefined) {
    console.error(`no list "${name}"; there are: ${Object.keys(LISTS).join(", ")}`);
    return 2;
  }
  const unknown = (options.only ?? []).filter((id) => all.every((one) => one.id !== id));
  if (unknown.length > 0) {
    console.error(`not in the list: ${unknown.join(", ")}`);
    return 2;
  }
  const mutants = all.filter((one) => options.only?.includes(one.id) ?? true);
  if (options.list === true) {
    for (const { id, breaks, file } of mutants) console.log(`${id}: ${breaks} [${file}]`);
    return 0;
  }
  const faults = [...staleMutants(mutants, readSource), ...(await baseline(mutants))];
  if (faults.length > 0) {
    console.error(`the list ${name} is stale:\n${faults.map((one) => `  ${one}`).join("\n")}`);
    return 1;
  }
  const { simulate: seeds } = options;
  const simulation = seeds === undefined ? undefined : { name, seeds };
  return report(await judgeAll(mutants, simulation));
}

/** The named tests without any mutant, all in one process; what is not green. */
async function baseline(mutants: readonly Mutant[]): Promise<readonly string[]> {
  const killers = mutants.flatMap((mutant) => mutant.killers);
  const unique = [
    ...new Map(killers.map((killer) => [`${killer.file} ${killer.test}`, killer])).values(),
  ].filter((killer) => existsSync(join(ROOT, killer.file)));
  return notGreen(await runTests({ killers: unique, label: "without", workers: JOBS }), unique);
}

async function judgeAll(
  mutants: readonly Mutant[],
  simulation: Asked | undefined,
): Promise<readonly MutantResult[]> {
  const results = new Map<string, MutantResult>();
  const waiting = [...mutants];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const startedAtMs = performance.now();
      const verdict = await judge(mutant);
      const elapsedMs = performance.now() - startedAtMs;
      const said = simulation === undefined ? undefined : await simulate(mutant, simulation);
      results.set(mutant.id, {
        mutant,
        verdict,
        elapsedMs,
        ...(said === undefined ? {} : { simulation: said }),
      });
    }
  };
  await Promise.all(Array.from({ length: JOBS }, work));
  return mutants.flatMap((mutant) => results.get(mutant.id) ?? []);
}

/** What the simulation says of a mutant: the first seed that fails, and how. */
async function simulate(mutant: Mutant, { name, seeds }: Asked): Promise<string> {
  const program = join(ROOT, "test", "mutants", "first-violation.main.ts");
  const hook = join(ROOT, "hack", "mutants", "hook.mjs");
  const args = ["--disable-warning=ExperimentalWarning", "--import", hook, program, name, seeds];
  const { code, output } = await runNode(args, mutant, SIMULATION_MS_MAX);
  const lines = output.trim().split("\n");
  return code === undefined ? `hangs after "${lines.at(-1) ?? ""}"` : (lines.at(-1) ?? "");
}

function report(results: readonly MutantResult[]): number {
  const survivors = results.filter((result) => result.verdict.kind === "survived");
  console.log(mutantTable(results).join("\n"));
  console.log(`${results.length - survivors.length} killed, ${survivors.length} survived`);
  return survivors.length === 0 ? 0 : 1;
}

function readSource(path: string): string | undefined {
  const full = join(ROOT, path);
  return existsSync(full) ? readFileSync(full, "utf8") : undefined;
}

const command = new Command("mutants")
  .description("deliberate bugs and the tests that kill them; a survivor fails")
  .argument("<list>", Object.keys(LISTS).join(", "))
  .option("--only <id...>", "only these")
  .option("--list", "print the list and end")
  .option("--simulate <seeds>", "also say which of so many seeds of the simulation sees each bug")
  .action(async (name: string, options: Options) => {
    process.exitCode = await run(name, options);
  });
await command.parseAsync();
