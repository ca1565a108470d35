// `node first-violation.main.ts SEEDS`: runs seeds of the operators' simulation until one violates an
// invariant, and says which and how. Under hack/mutants/hook.mjs: whether it sees a deliberate bug.
import { errorMessage } from "#api/base/index.ts";
import { simulate } from "#test/simulation/operators/simulate.ts";

const STEPS = 15;
const seeds = Number(process.argv[2] ?? "8");

/** How the first seed fails that does, if one does. */
async function firstViolation(): Promise<string | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    console.log(`seed ${seed}`);
    try {
      const { violations } = await simulate({ seed, steps: STEPS });
      if (violations[0] !== undefined) return `seed ${seed}: ${violations[0]}`;
    } catch (cause) {
      return `seed ${seed}: ${errorMessage(cause)}`;
    }
  }
  return undefined;
}

console.log((await firstViolation()) ?? `unseen in ${seeds} seeds`);
process.exit(0);
