// The command runner of this machine.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import type { CommandOptions, CommandResult, CommandRunner } from "./run.ts";

/** Starts programs found in PATH; a program that is not there gives code 127. */
export const hostRunner: CommandRunner = { run };

function run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [command, ...args] = argv;
  if (command === undefined) return Promise.reject(new TypeError("run: empty command"));
  const inherit = options.inherit === true;
  const inputFd = options.inputFile === undefined ? undefined : openSync(options.inputFile, "r");
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      stdio: inherit ? "inherit" : [inputFd ?? "pipe", "pipe", "pipe"],
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
      killSignal: "SIGKILL",
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr.push(chunk);
      options.onStderr?.(chunk.toString());
    });
    // A program may end without reading its input; EPIPE then says nothing new.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input);
    let failure: Error | undefined;
    const done = (code: number): void => {
      if (inputFd !== undefined) closeSync(inputFd);
      const said = Buffer.concat(stderr).toString();
      resolve({
        code,
        stdout: Buffer.concat(stdout).toString(),
        stderr: failure === undefined ? said : `${said}${failure.message}`,
      });
    };
    child.on("error", (error) => {
      failure = error;
      if (child.pid === undefined) done(127);
    });
    child.on("close", (code, signal) => {
      if (child.pid === undefined) return;
      done(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
