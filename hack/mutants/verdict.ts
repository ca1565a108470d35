// Reads what Jest reports about the tests that are named for a mutant.
import type { Killer, Verdict } from "./model.ts";

interface Report {
  readonly testResults: readonly {
    /** Absolute path of the test file. */
    readonly name: string;
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
    return { kind: "survived", why: firstLine(testResults[0]?.message ?? "") };
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
  const broken = testResults.filter((file) => file.assertionResults.length === 0);
  const wanted = killers.filter(({ file }) =>
    broken.every(({ name }) => !name.endsWith(`/${file}`)),
  );
  const unread = broken.map(({ name, message }) => `${name}: ${firstLine(message)}`);
  const missing = wanted.flatMap(({ file, test }) => {
    const found = results.filter((one) => one.fullName === test);
    const ran = found.filter((one) => one.status !== "pending");
    if (ran.length === 0) return [`${file}: there is no test "${test}"`];
    const bad = ran.find((one) => one.status !== "passed");
    return bad === undefined ? [] : [`${file}: "${test}" is ${bad.status} without any mutant`];
  });
  return [...unread, ...missing];
}

/** The line of Jest's message that says something. */
function firstLine(message: string): string {
  const lines = message.split("\n").map((line) => line.trim());
  const telling = lines.filter((line) => line !== "" && !line.includes("suite failed to run"));
  return telling[0] ?? "no test ran";
}
