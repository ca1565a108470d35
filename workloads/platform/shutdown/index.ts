// The end of a process: steps in order, each bounded in time together, then exit. A second signal
// ends it at once.
import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";

/** One thing to close. Steps run in the order in which they were given. */
export interface ShutdownStep {
  readonly name: string;
  readonly run: () => Promise<void> | void;
}

/** How {@link runShutdown} ended. */
export interface ShutdownResult {
  /** Names of steps that threw or did not end in time; empty = clean. */
  readonly failed: readonly string[];
}

/** Name of the step that is not over while the steps themselves are still a promise. */
const STARTING = "starting";

/**
 * Runs every step, a failing one does not keep the next from running. Returns when all have ended
 * or `boundMs` has passed; steps not reached by then are listed as failed.
 */
export async function runShutdown(
  steps: readonly ShutdownStep[] | Promise<readonly ShutdownStep[]>,
  options: { readonly boundMs: number; readonly log: Logger },
): Promise<ShutdownResult> {
  const open = new Set([STARTING]);
  const failed: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, options.boundMs);
  });
  const all = async (): Promise<void> => {
    const known = await steps;
    for (const step of known) open.add(step.name);
    open.delete(STARTING);
    for (const step of known) {
      try {
        await step.run();
      } catch (cause: unknown) {
        failed.push(step.name);
        options.log.error("shutdown step failed", { step: step.name, error: errorMessage(cause) });
      }
      open.delete(step.name);
    }
  };
  await Promise.race([all(), bound]);
  clearTimeout(timer);
  return { failed: [...failed, ...open] };
}

/**
 * On SIGTERM or SIGINT: `steps`, then exit 0, or 1 if one failed or `boundMs` passed. A second
 * signal exits at once with 130. Call once, from main, before anything can tell that the program
 * is there: `steps` may be a promise of what is still starting, and is awaited within the bound. If
 * it rejects there is nothing to close; main tells why.
 */
export function exitOnSignal(options: {
  readonly steps: readonly ShutdownStep[] | Promise<readonly ShutdownStep[]>;
  readonly boundMs: number;
  readonly log: Logger;
}): void {
  const steps = Promise.resolve(options.steps).catch((): readonly ShutdownStep[] => []);
  let ending = false;
  const end = (signal: NodeJS.Signals): void => {
    if (ending) process.exit(130);
    ending = true;
    options.log.info("shutting down", { signal });
    void runShutdown(steps, options).then(({ failed }) => {
      if (failed.length > 0) options.log.error("shutdown was not clean", { failed });
      else options.log.info("shut down");
      process.exit(failed.length > 0 ? 1 : 0);
    });
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
}
