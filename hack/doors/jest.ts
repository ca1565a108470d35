// Starts Jest for some of the projects of jest.config.mjs. Everything that a door may not forget
// is here: modules as ECMAScript modules, one file at a time where a cluster or a port is shared.
import { join } from "node:path";

import { runNode } from "./run-node.ts";

/** The projects of jest.config.mjs, in the order in which `npm test` runs them. */
export const JEST_PROJECTS = ["unit", "conformance", "simulation", "integration", "e2e"] as const;
/** One of them. */
export type JestProject = (typeof JEST_PROJECTS)[number];

/** Projects whose files share a machine-wide thing: they never run beside each other. */
const SERIAL: readonly JestProject[] = ["conformance", "integration", "e2e"];

/** How long one test of a project may take before it counts as hung, in milliseconds. */
const TEST_TIMEOUT_MS: Readonly<Record<JestProject, number>> = {
  unit: 60_000,
  conformance: 300_000,
  simulation: 300_000,
  integration: 300_000,
  e2e: 900_000,
};

/**
 * What of a project runs beside the rest of it, in a process of its own: a pattern of paths. It
 * shares nothing with the rest (its API server has another name) and mostly waits for that server.
 */
const BESIDE: Partial<Readonly<Record<JestProject, string>>> = {
  conformance: "/test/conformance/mutation/",
};

/** What runs only when it is asked for by name: a pattern of paths. Why: the README beside it. */
const BY_NAME: Partial<Readonly<Record<JestProject, string>>> = {
  e2e: "/test/e2e/grid\\.test",
};

const ROOT = join(import.meta.dirname, "..", "..");

/**
 * Arguments that split a project into parts which run at the same time; every file is in exactly
 * one of them. The first part is the one to watch.
 */
export function parallelParts(project: JestProject): readonly (readonly string[])[] {
  const beside = BESIDE[project];
  if (beside === undefined) return [[]];
  return [[`--testPathIgnorePatterns=${beside}`], [`--testPathPatterns=${beside}`]];
}

/** Arguments that leave out what `npm test` does not run of a project. */
export function leftOut(project: JestProject): readonly string[] {
  const pattern = BY_NAME[project];
  return pattern === undefined ? [] : [`--testPathIgnorePatterns=${pattern}`];
}

/** The command line of Node for these projects, without the path of Node itself. */
export function jestArguments(
  projects: readonly JestProject[],
  args: readonly string[],
): readonly string[] {
  const isGolden = args.includes("--golden");
  const isSerial = projects.some((project) => SERIAL.includes(project));
  const timeoutMs = Math.max(...projects.map((project) => TEST_TIMEOUT_MS[project]));
  return [
    "--experimental-vm-modules",
    join(ROOT, "node_modules", "jest", "bin", "jest.js"),
    "--selectProjects",
    ...projects,
    ...(isGolden ? ["--ci=false", "--updateSnapshot"] : ["--ci"]),
    ...(isSerial ? ["--runInBand"] : []),
    `--testTimeout=${timeoutMs}`,
    ...args.filter((arg) => arg !== "--golden"),
  ];
}

/**
 * Runs Jest with this process's output; resolves to its exit code, see {@link runNode}. With
 * `--golden` among the arguments golden files are written instead of compared.
 */
export async function runJest(
  projects: readonly JestProject[],
  args: readonly string[],
): Promise<number> {
  const env = args.includes("--golden") ? { OAAS_GOLDEN: "1" } : {};
  return runNode(jestArguments(projects, args), { env });
}
