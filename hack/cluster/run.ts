// How the harness starts other programs: one port, so that engines which cannot run on this machine
// (kind, kubeconfig) are tested against a recorded runner. No shell is ever involved.
import { PlatformError } from "#api/base/index.ts";

/** What a finished program left behind. */
export interface CommandResult {
  /** Exit code; 128 + n after signal n, 127 if it could not be started. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run one command. Absent means inherited environment, empty stdin, no deadline. */
export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Fed to stdin, then closed. */
  readonly input?: string | Uint8Array;
  /** A file that becomes stdin; excludes `input`. */
  readonly inputFile?: string;
  /** Called with each chunk of stderr as it arrives, for progress. */
  readonly onStderr?: (chunk: string) => void;
  /** `true`: the three streams are ours; stdout and stderr of the result are then empty. */
  readonly inherit?: boolean;
  /** Killed with SIGKILL after this long. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end. Never rejects because of an exit code. */
export interface CommandRunner {
  run(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

/** Closed set of failures of the harness. */
export type ClusterErrorCode =
  | "CLUSTER_COMMAND_FAILED"
  | "CLUSTER_TIMEOUT"
  | "CLUSTER_UNSUPPORTED"
  | "CLUSTER_HOST"
  | "CLUSTER_STATE"
  | "CLUSTER_USAGE";

/** Every failure of the harness; the message is meant for the person at the terminal. */
export class ClusterError extends PlatformError {
  override readonly name = "ClusterError";
  readonly code: ClusterErrorCode;

  constructor(code: ClusterErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}

/** The last `lines` lines of a text, for messages. */
export function tail(text: string, lines = 20): string {
  return text.trimEnd().split("\n").slice(-lines).join("\n");
}

/** The result if the command succeeded; {@link ClusterError} with its last words otherwise. */
export async function check(
  runner: CommandRunner,
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await runner.run(argv, options);
  if (result.code === 0) return result;
  const said = tail(result.stderr.trim() === "" ? result.stdout : result.stderr);
  throw new ClusterError(
    "CLUSTER_COMMAND_FAILED",
    `${argv.slice(0, 12).join(" ")}: exit code ${result.code}${said === "" ? "" : `\n${said}`}`,
  );
}
