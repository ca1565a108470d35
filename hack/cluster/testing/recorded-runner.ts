// A command runner for tests: answers from a table, and remembers what it was asked to run.
import type { CommandOptions, CommandResult, CommandRunner } from "../run.ts";
import type { StateFiles } from "../files.ts";

/** What to answer to commands that begin like this; the first match counts. */
export interface RecordedAnswer {
  /** The command line with single spaces, or its beginning. */
  readonly when: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly code?: number;
}

/** A runner with a memory. */
export interface RecordedRunner extends CommandRunner {
  /** Command lines in order, words joined by spaces, newlines as `;`, cut after 160 characters. */
  readonly lines: string[];
  /** Options of the same commands. */
  readonly options: CommandOptions[];
}

/** A runner that answers from `answers` and with success and no output to everything else. */
export function recordedRunner(answers: readonly RecordedAnswer[]): RecordedRunner {
  const lines: string[] = [];
  const seen: CommandOptions[] = [];
  return {
    lines,
    options: seen,
    run(argv, options = {}): Promise<CommandResult> {
      const line = argv.join(" ");
      lines.push(line.replaceAll("\n", ";").slice(0, 160));
      seen.push(options);
      const answer = answers.find(({ when }) => line.startsWith(when));
      return Promise.resolve({
        code: answer?.code ?? 0,
        stdout: answer?.stdout ?? "",
        stderr: answer?.stderr ?? "",
      });
    },
  };
}

/** Files that are remembered instead of written. */
export function recordedFiles(): StateFiles & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    makeFolder: (path) => void lines.push(`folder ${path}`),
    write: (path, text) => void lines.push(`write ${path}: ${text}`),
    remove: (path) => void lines.push(`remove ${path}`),
  };
}
