// `npm run bench -- operator`: one operator on our runtime and the same on controller-runtime, on a
// real kube-apiserver, in turns. JSON lines on stdout, progress on stderr. Exit code 1 if a target
// of the design (section 8) is missed.
//   --n 100,1000   objects; 10,000 takes about twenty minutes a pair
//   --runs 3       pairs per count; what is judged is the median of the pairs' ratios
//   --rest 60      seconds watched at rest
//   --only ours    one subject alone: no ratios, nothing is judged
//   --no-pin       wherever the kernel wants, instead of a core for the subject and one for the rest
//   --raw FILE     adds every run as a JSON line to FILE, and reports all runs that are in it
//   --runs 0       with --raw: reports only
//   --plot FILE    the report as an SVG
//   --node-flags   flags for the Node that runs ours, for experiments

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { plot } from "./plot.ts";
import { report } from "./report.ts";
import type { RunResult } from "./run.ts";
import { runOnce } from "./run.ts";
import { buildOurs, buildTheirs } from "./subject.ts";
import { pinSelf } from "./testbed.ts";

const { values } = parseArgs({
  options: {
    n: { type: "string", default: "100,1000" },
    runs: { type: "string", default: "3" },
    rest: { type: "string", default: "60" },
    only: { type: "string" },
    "no-pin": { type: "boolean", default: false },
    raw: { type: "string" },
    plot: { type: "string" },
    "node-flags": { type: "string", default: "" },
  },
});
const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`);
const pinned = !values["no-pin"] && availableParallelism() >= 2;
const logFolder = join(import.meta.dirname, "..", "..", "..", ".build", "bench-operator");
mkdirSync(logFolder, { recursive: true });

const flags = values["node-flags"].split(" ").filter((flag) => flag !== "");
const subjects = [await buildOurs(flags), await buildTheirs(say)].filter(
  (subject) => values.only === undefined || subject.name === values.only,
);
if (pinned) await pinSelf(0);
const results: RunResult[] = [];
for (const text of values.n.split(",")) await runPairs(Number(text));
const lines = report(values.raw === undefined ? results : readRaw(values.raw), subjects);
for (const line of lines) console.log(JSON.stringify(line));
if (values.plot !== undefined) writeFileSync(values.plot, plot(lines));
if (lines.some((line) => line.ok === false)) process.exitCode = 1;

function readRaw(path: string): readonly RunResult[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8").trim();
  return text.split("\n").map((line) => JSON.parse(line) as RunResult);
}

/** Subjects in turns and either first in turn: what else goes on, and a cold start, meets both. */
async function runPairs(count: number): Promise<void> {
  const options = {
    count,
    core: pinned ? 1 : undefined,
    restSeconds: Number(values.rest),
    logFolder,
  };
  const turns = Array.from({ length: Number(values.runs) }, (_, pair) =>
    pair % 2 === 0 ? subjects : subjects.toReversed(),
  ).flat();
  for (const subject of turns) {
    const result = await runOnce(subject, options);
    results.push(result);
    say(JSON.stringify(result));
    if (values.raw !== undefined) appendFileSync(values.raw, `${JSON.stringify(result)}\n`);
  }
}
