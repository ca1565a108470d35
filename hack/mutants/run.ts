// Runs named tests in a process of its own, with or without a mutant.
import { spawn } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { jestArguments } from "#hack/doors/jest.ts";
import type { JestProject } from "#hack/doors/jest.ts";

import type { Killer, Mutant, Verdict } from "./model.ts";
import { verdictOf } from "./verdict.ts";

/** Folder of the repository. */
export const ROOT = join(import.meta.dirname, "..", "..");
const REPORTS = join(ROOT, ".build", "mutants");
/** A process of tests that takes longer hangs; that is no kill. */
const PROCESS_MS_MAX = 120_000;
const TEST_MS_MAX = 30_000;
const FOLDER_PROJECT = /^test\/(conformance|simulation|integration)\//;

/** How a started program ended and what it said. */
export interface Ended {
  /** Undefined if it had to be killed. */
  readonly code: number | undefined;
  readonly output: string;
}

/** Runs Node in the repository root under a mutant, or under none. */
export async function runNode(
  args: readonly string[],
  mutant: Mutant | undefined,
  limitMs = PROCESS_MS_MAX,
): Promise<Ended> {
  const { file, find, replace } = mutant ?? {};
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limitMs,
    killSignal: "SIGKILL",
    env: {
      ...process.env,
      ...(mutant === undefined ? {} : { OAAS_MUTANT: JSON.stringify({ file, find, replace }) }),
    },
  });
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      resolve({ code: code ?? undefined, output: Buffer.concat(output).toString("utf8") });
    });
  });
}

/** Jest's JSON report about exactly these tests; undefined if there is none. */
export async function runTests(options: {
  readonly killers: readonly Killer[];
  readonly label: string;
  readonly mutant?: Mutant;
  readonly workers: number;
}): Promise<string | undefined> {
  const { killers, label, mutant, workers } = options;
  const files = [...new Set(killers.map((killer) => killer.file))];
  const projects = [...new Set(files.map(projectOf))];
  const names = [...new Set(killers.map((killer) => escaped(killer.test)))];
  const path = join(REPORTS, `${label}.json`);
  await mkdir(REPORTS, { recursive: true });
  await rm(path, { force: true });
  const usual = jestArguments(projects, [
    `--maxWorkers=${workers}`,
    ...["--silent", "--json", `--outputFile=${path}`],
    ...["--testNamePattern", `^(${names.join("|")})$`],
    ...["--runTestsByPath", ...files],
  ]).filter((argument) => !argument.startsWith("--testTimeout="));
  // Without a mutant it is all tests of the list.
  const limitMs = mutant === undefined ? 4 * PROCESS_MS_MAX : PROCESS_MS_MAX;
  const { output } = await runNode([...usual, `--testTimeout=${TEST_MS_MAX}`], mutant, limitMs);
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    // Jest itself failed, or hung: what it said last is all there is to go by.
    console.error(`${label}: ${output.trim().split("\n").slice(-5).join("\n")}`);
    return undefined;
  }
}

/** Runs the tests named for a mutant under it, file by file, until one kills it. */
export async function judge(mutant: Mutant): Promise<Verdict> {
  const survived: string[] = [];
  for (const [file, killers] of Map.groupBy(mutant.killers, (killer) => killer.file)) {
    const report = await runTests({ killers, label: mutant.id, mutant, workers: 1 });
    const verdict = verdictOf(report, killers);
    if (verdict.kind === "killed") return verdict;
    survived.push(`${file}: ${verdict.why}`);
  }
  return { kind: "survived", why: survived.join("; ") };
}

function projectOf(file: string): JestProject {
  return (FOLDER_PROJECT.exec(file)?.[1] ?? "unit") as JestProject;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
