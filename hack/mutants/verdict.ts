// Reads what Jest reports about the tests that are named for a mutant.
import type { Killer, Verdict } from "./model.ts";

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** A text that no compiler would have let through, or a test that only ran out of time. */
const NOT_A_KILL = /^(SyntaxError|ReferenceError|.*Exceeded timeout of)/;

/**
 * Killed if one of the named tests failed by an expectation or an exception of its own. A file that
 * does not load, a test that hangs and a text that is no program kill nothing.
 */
export function verdictOf(report: string | undefined, killers: readonly Killer[]): Verdict {
  if (report === undefined) return { kind: "survived", why: "the tests died without a report" };
  const { testResults } = JSON.parse(report) as Report;
  const results = testResults.flatMap((file) => file.assertionResults);
  if (results.length === 0) {
    const [line = "no test ran"] = (testResults[0]?.message ?? "").split("\n").filter(isTelling);
    return { kind: "survived", why: line.trim() };
  }
  const failed = results.filter((one) => one.status === "failed");
  const real = failed.filter((one) => !one.failureMessages.some((text) => NOT_A_KILL.test(text)));
  const by = killers.filter((killer) => real.some((one) => one.fullName === killer.test));
  if (by.length > 0) return { kind: "killed", by };
  const [first] = failed;
  const why = first?.failureMessages[0]?.split("\n")[0] ?? "every named test passes with it";
  return { kind: "survived", why };
}

/** Named tests that did not pass, which is a fault of the list or of the sources. */
export function notGreen(
  report: string | undefined,
  killers: readonly Killer[],
): readonly string[] {
  if (report === undefined) return ["the tests died without a report"];
  const { testResults } = JSON.parse(report) as Report;
  const results = testResults.flatMap((file) => file.assertionResults);
  return killers.flatMap(({ file, test }) => {
    const found = results.filter((one) => one.fullName === test);
    const ran = found.filter((one) => one.status !== "pending");
    if (ran.length === 0) return [`${file}: there is no test "${test}"`];
    const bad = ran.find((one) => one.status !== "passed");
    return bad === undefined ? [] : [`${file}: "${test}" is ${bad.status} without any mutant`];
  });
}

function isTelling(line: string): boolean {
  return line.trim() !== "" && !line.includes("Test suite failed to run");
}
