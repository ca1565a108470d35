// `node first-violation.main.ts SIMULATION SEEDS`: runs seeds of a simulation until one violates an
// invariant, and says which and how. Under hack/mutants/hook.mjs: whether it sees a deliberate bug.
import { errorMessage } from "#api/base/index.ts";
import { loadSuite } from "#test/simulation/run/suite.ts";

/** Longer runs than the seeds would be: nearly every bug is seen in a few of them. */
const STEPS: Readonly<Record<string, number>> = { operators: 15 };
const [name = "", count = "8"] = process.argv.slice(2);
const seeds = Number(count);

/** How the first seed fails that does, if one does. */
async function firstViolation(): Promise<string | undefined> {
  const suite = await loadSuite(name);
  const steps = STEPS[name];
  for (let seed = 1; seed <= seeds; seed++) {
    console.log(`seed ${seed}`);
    try {
      const { violations } = await suite.runSeed({
        seed,
        ...(steps === undefined ? {} : { steps }),
      });
      if (violations[0] !== undefined) return `seed ${seed}: ${violations[0]}`;
    } catch (cause) {
      return `seed ${seed}: ${errorMessage(cause)}`;
    }
  }
  return undefined;
}

console.log((await firstViolation()) ?? `unseen in ${seeds} seeds`);
process.exit(0);
